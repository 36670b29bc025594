// Slack's Web API by the npm package `emulate`, on a port of its own.
//
// The first line says where it listens. Then each line is a call, {"path": ..., "headers": {...}, "body": "..."}, which is made of it over
// HTTP; the answer is {"status": ..., "headers": {...}, "body": "..."}. The argument is the seed of the emulator as JSON.

import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

// What the package logs is not for whoever reads our answers.
console.log = console.error;
console.info = console.error;

const modules = process.env.TRACEMEM_TEST_NODE_MODULES;
const { createEmulator } = await import(pathToFileURL(`${modules}/emulate/dist/api.js`).href);

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const seed = JSON.parse(process.argv[2] ?? "{}");
const port = await freePort();
await createEmulator({ service: "slack", port, hostname: "127.0.0.1", seed: { slack: seed } });
const url = `http://127.0.0.1:${port}`;
say({ url });

for await (const line of createInterface({ input: process.stdin })) {
  const { path, headers, body } = JSON.parse(line);
  const answer = await fetch(`${url}${path}`, { method: "POST", headers, body });
  say({ status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() });
}
process.exit(0);
