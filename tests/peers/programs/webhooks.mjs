// The `standardwebhooks` package of npm: checks what we send, and signs what we are sent.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(`${process.env.TRACEMEM_TEST_NODE_MODULES}/`);
const { Webhook } = require("standardwebhooks");

function answer(question) {
  const webhook = new Webhook(question.secret);
  if (question.do === "verify") {
    webhook.verify(question.body, question.headers);
    return { verified: true };
  }
  const at = new Date(question.timestamp * 1000);
  return { signature: webhook.sign(question.id, at, question.body) };
}

console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  let said;
  try {
    said = answer(JSON.parse(line));
  } catch (error) {
    said = { verified: false, error: error.constructor.name };
  }
  console.log(JSON.stringify(said));
}
