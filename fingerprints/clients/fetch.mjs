// Fetches URLs one after another with one HTTP stack: fetch.mjs STACK URL... ; fetch.mjs STACK --version says what of it is here.
import { createRequire } from "node:module";
import http2 from "node:http2";
import https from "node:https";
import { join } from "node:path";

const [stack, ...urls] = process.argv.slice(2);
// Packages are found where set-up put them, not beside this file.
const load = (name) => createRequire(join(process.env.TOOLS ?? ".", "package.json"))(name);

const get = (url) =>
  new Promise((done, fail) => {
    https.get(url, { timeout: 8000, agent: https.globalAgent }, (answer) => answer.resume().on("end", done)).on("error", fail);
  });
const get2 = (url, session) =>
  new Promise((done, fail) => {
    const client = http2.connect(url, { session: sessions.get(url) });
    client.on("error", fail);
    client.on("connect", () => client.socket.on("session", (ticket) => sessions.set(url, ticket)));
    client.on("close", done);
    client.request({ ":path": "/" }).on("error", fail).resume().on("end", () => client.close()).end();
  });
const sessions = new Map();
const sdk = (name, key) => (url) => {
  const Client = load(name).default ?? load(name);
  return new Client({ baseURL: url, [key]: "none", maxRetries: 0, timeout: 8000 }).models.list();
};

const stacks = {
  https: [get],
  http2: [get2],
  fetch: [(url) => fetch(url, { headers: { connection: "close" } }).then((answer) => answer.text())],
  axios: [(url) => load("axios").get(url, { timeout: 8000 }), "axios"],
  undici: [(url) => load("undici").request(url).then((answer) => answer.body.text()), "undici"],
  openai: [sdk("openai", "apiKey"), "openai"],
  anthropic: [sdk("@anthropic-ai/sdk", "apiKey"), "@anthropic-ai/sdk"],
};

const [run, name] = stacks[stack];
if (urls[0] === "--version") {
  const { readFileSync } = await import("node:fs");
  const version = JSON.parse(readFileSync(join(process.env.TOOLS, "node_modules", name, "package.json"))).version;
  console.log(`${version}, Node ${process.version}`);
} else {
  for (const url of urls) {
    // The hello is what counts: an answer that is no answer of that service is fine.
    await run(url).catch((error) => console.error(`${url}: ${error.message}`));
  }
  process.exit(0);
}
