#!/bin/sh
# OpenSSL under Python's ssl module, which takes its settings as they are (older HTTP stacks choose their own ciphers).
. "$(dirname "$0")/offer"
here=$(dirname "$0")
# The system's own, with the packages of its distribution; and the one with the newest of PyPI.
interpreter() { case $1 in debian-*) echo /usr/bin/python3 ;; *) echo "$TOOLS/venv/bin/python" ;; esac; }
case $1 in
    clients)
        for stack in urllib requests httpx; do
            offer "debian-$stack" openssl "python $stack (distribution)" /usr/bin/python3 /usr/bin/python3 "$here/fetch.py" "$stack" --version
        done
        for stack in requests httpx httpx-h2 aiohttp openai anthropic; do
            offer "python-$stack" openssl "python $stack" "$TOOLS/venv/bin/python" "$TOOLS/venv/bin/python" "$here/fetch.py" "$stack" --version
        done
        ;;
    *)
        export SSL_CERT_FILE="$CA" REQUESTS_CA_BUNDLE="$CA"
        # shellcheck disable=SC2086
        exec "$(interpreter "$1")" "$here/fetch.py" "${1#*-}" $URLS
        ;;
esac
