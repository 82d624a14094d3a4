"""Fetches URLs one after another with one HTTP stack: fetch.py STACK URL... ; fetch.py STACK --version says what of it is here."""

import asyncio
import importlib.metadata
import platform
import ssl
import sys


def urllib(urls):
    from urllib.request import urlopen

    for url in urls:
        attempt(lambda: urlopen(url, timeout=8).read())


def requests(urls):
    import requests

    with requests.Session() as session:
        for url in urls:
            attempt(lambda: session.get(url, timeout=8, headers={"Connection": "close"}))


def httpx(urls, http2=False):
    import httpx

    with httpx.Client(http2=http2, timeout=8) as client:
        for url in urls:
            attempt(lambda: client.get(url))


def aiohttp(urls):
    import aiohttp

    async def fetch():
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=8)) as session:
            for url in urls:
                try:
                    async with session.get(url) as answer:
                        await answer.read()
                except aiohttp.ClientError as error:
                    print(f"{url}: {error}", file=sys.stderr)

    asyncio.run(fetch())


def openai(urls):
    import openai

    for url in urls:
        attempt(lambda: openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=8).models.list())


def anthropic(urls):
    import anthropic

    for url in urls:
        attempt(lambda: anthropic.Anthropic(base_url=url, api_key="none", max_retries=0, timeout=8).models.list())


STACKS = {
    "urllib": (urllib, None),
    "requests": (requests, "requests"),
    "httpx": (httpx, "httpx"),
    "httpx-h2": (lambda urls: httpx(urls, http2=True), "httpx"),
    "aiohttp": (aiohttp, "aiohttp"),
    "openai": (openai, "openai"),
    "anthropic": (anthropic, "anthropic"),
}


def attempt(fetch):
    """The hello is what counts: an answer that is no answer of that service is fine."""
    try:
        fetch()
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)


def main():
    stack, *urls = sys.argv[1:]
    fetch, package = STACKS[stack]
    if urls == ["--version"]:
        own = f"{importlib.metadata.version(package)}, " if package else ""
        print(f"{own}Python {platform.python_version()}, {ssl.OPENSSL_VERSION}")
    else:
        fetch(urls)


main()
