// Writes cases.json: what `json.sort_deep.v1` makes of values, according to JavaScript itself.
//
//   node make.mjs > cases.json
//
// The form is defined by JavaScript's own `localeCompare`, number formatting, `trim` and `JSON.stringify`, so this asks
// them and nothing else. Both known ways of implementing the form are here, the one that rebuilds an object and the one
// that writes the text; the script stops where they disagree.

import { createHash } from "node:crypto";

const collator = new Intl.Collator("en");
if (["_", "-", "1", "a", "A", "b"].toSorted((a, b) => a.localeCompare(b)).join("") !== "_-1aAb") throw new Error("no ICU");

const rebuilt = (value) => {
  if (Array.isArray(value)) return value.map(rebuilt);
  if (value === null || typeof value !== "object") return value;
  const keys = Object.keys(value).sort((a, b) => collator.compare(a, b));
  return Object.fromEntries(keys.map((key) => [key, rebuilt(value[key])]));
};

const written = (value) => {
  if (Array.isArray(value)) return `[${value.map(written).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const keys = Object.keys(value).sort((a, b) => a.localeCompare(b));
  return `{${keys.map((key) => `${JSON.stringify(key)}:${written(value[key])}`).join(",")}}`;
};

// A small generator with a seed (mulberry32), so that the file is the same on every run.
let state = 0x7ace3e3;
const random = () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];

const double = () => {
  const view = new DataView(new ArrayBuffer(8));
  do {
    view.setUint32(0, below(2 ** 32));
    view.setUint32(4, below(2 ** 32));
  } while (!Number.isFinite(view.getFloat64(0)));
  return view.getFloat64(0);
};
const number = () => pick([() => below(1000) - 500, () => (below(2e9) - 1e9) / 100, double, () => below(2 ** 53), () => below(1e6) * 10 ** (below(40) - 20)])();
const characters = [..." !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"];
const key = () => {
  const key = pick(["", "a", "_", "x-"]) + Array.from({ length: 1 + below(5) }, () => pick(characters)).join("");
  return /^\d+$/.test(key) ? `k${key}` : key; // The implementations disagree on array indices.
};
const text = () => Array.from({ length: below(6) }, () => pick([...characters, "\u0000", "\b", "\t", "\n", "\u000b", "\f", "\r", "\u001f", "\u007f", "\u0085", "é", "\u2028", "\u2029", "\ufeff", "😀"])).join("");
const value = (depth) => pick([() => null, () => random() < 0.5, number, number, text, text, () => list(depth), () => object(depth), () => object(depth)])();
const list = (depth) => Array.from({ length: depth > 0 ? below(4) : 0 }, () => value(depth - 1));
const object = (depth) => Object.fromEntries(Array.from({ length: depth > 0 ? below(6) : 0 }, () => [key(), value(depth - 1)]));

// Documents are given as text, so that the reader parses what JavaScript parsed.
const documents = [
  `{"B":1,"a_1":2,"a-b":3,"a.b":4,"a1":5,"ab":6,"aB":7,"ab10":8,"ab2":9,"A":10,"a":11,"_":12,"-":13}`,
  `[1.0,1e21,123456789012345680000,-0,-0.0,0.1,1e-7,1e-6,5e-324,1.7976931348623157e308,9007199254740991,-9007199254740991,100e-2]`,
  `["\\u2028\\u2029\\u007f\\u0000\\u001f\\/\\b\\f\\n\\r\\t\\"\\\\\\u00e9\\ud83d\\ude00","é","😀"]`,
  `{"z":{"z":{"y":[],"x":{}},"a":[[{"b":1,"a":2}]]},"":null}`,
  `{"4294967295":1,"01":2,"1.5":3,"-1":4,"1e3":5,"a":6," 1":7}`,
  `"text"`,
  `null`,
  ...Array.from({ length: 200 }, () => JSON.stringify(object(4))),
  ...Array.from({ length: 20 }, () => JSON.stringify(Array.from({ length: 50 }, number))),
];

const canonical = documents.map((json) => {
  const parsed = JSON.parse(json);
  const out = written(parsed);
  if (JSON.stringify(rebuilt(parsed)) !== out) throw new Error(`the implementations disagree on ${json}`);
  return { json, canonical: out, sha256: createHash("sha256").update(out, "utf8").digest("hex") };
});

const empty = (value) => value === undefined || value === null || value === "";
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const compact = (source) => {
  const kept = {};
  for (const [key, value] of Object.entries(source)) {
    let result = value;
    if (isObject(value)) result = compact(value);
    if (Array.isArray(value)) result = value.filter((item) => !empty(item)).map((item) => (isObject(item) ? compact(item) : item)).filter((item) => !isObject(item) || Object.keys(item).length > 0);
    if (!empty(result) && !(typeof result === "object" && Object.keys(result).length === 0)) kept[key] = result;
  }
  return kept;
};
const sparse = (depth) => pick([null, "", 0, false, "x", () => sparseList(depth), () => sparseObject(depth)]);
const force = (value) => (typeof value === "function" ? value() : value);
const sparseList = (depth) => Array.from({ length: depth > 0 ? below(4) : 0 }, () => force(sparse(depth - 1)));
const sparseObject = (depth) => Object.fromEntries(Array.from({ length: depth > 0 ? below(5) : 0 }, (_, i) => [`k${i}`, force(sparse(depth - 1))]));
const compacted = Array.from({ length: 100 }, () => sparseObject(4)).map((value) => ({ value, compact: compact(value) }));

// A lone surrogate is written as null: there is no such text.
const clean = (input, max) => ({ input, max, clean: ((cut) => (cut.isWellFormed() ? cut : null))(input.trim().slice(0, max)) });
const cleaned = [
  clean("  a b \n", 10),
  clean("\ufeff\u00a0\u2028\u3000a\u2029\u1680\u000b\f", 10),
  clean("\u0085a\u0085", 10),
  clean("\u180ea\u200b", 10),
  clean("", 0),
  clean("abc", 0),
  clean("abc", 3),
  clean("abcd", 3),
  clean("ab d", 3),
  clean("éé", 1),
  clean("a😀b", 1),
  clean("a😀b", 2),
  clean("a😀b", 3),
  clean("a😀b", 4),
  ...Array.from({ length: 200 }, () => clean(Array.from({ length: below(8) }, () => pick([" ", "\t", "\u0085", "\ufeff", "\u00a0", "a", "é", "😀", "\u2029", "\u2003"])).join(""), below(8))),
];

process.stdout.write(`${JSON.stringify({ canonical, compacted, cleaned }, null, 1)}\n`);
