// Asks this Node for the order of printable ASCII strings and prints `cases.json`:
//
//   node make.mjs > cases.json             the committed fixture
//   node make.mjs 100000 7 > more.json     more pairs, another seed, for a check by hand
//
// The output depends on Node's ICU and on the two arguments only, never on the environment's locale.
import { seeded } from '../random.mjs';

const pairs = Number(process.argv[2] ?? 2500);
const { below, pick, chance } = seeded(process.argv[3] ?? 1042);

const printable = Array.from({ length: 0x7f - 0x20 }, (_, i) => String.fromCharCode(0x20 + i));
const alphabets = [printable, [...'abAB01_.:-'], [...'aAbB'], [...'abcxyzABCXYZ0189_'], [...' _-.,;:aA']];

const text = (alphabet, max) => Array.from({ length: below(max + 1) }, () => pick(alphabet)).join('');
const flipCase = (s) => [...s].map((c) => (chance(0.4) ? (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()) : c)).join('');

// Unrelated strings differ in the first character; the interesting pairs are nearly the same.
function partner(a, alphabet, max) {
  const at = below(a.length + 1);
  switch (below(6)) {
    case 0: return text(alphabet, max);
    case 1: return flipCase(a);
    case 2: return a.slice(0, at);
    case 3: return a.slice(0, at) + pick(alphabet) + a.slice(at);
    case 4: return a.slice(0, at) + pick(alphabet) + a.slice(at + 1);
    default: return flipCase(a.slice(0, at) + pick(alphabet) + a.slice(at + 1));
  }
}

const order = new Intl.Collator('en');
const compare = (a, b) => Math.sign(order.compare(a, b));
const out = [];
for (let i = 0; i < pairs; i += 1) {
  const alphabet = pick(alphabets);
  const a = text(alphabet, 12);
  const b = partner(a, alphabet, 12);
  if (Math.sign(a.localeCompare(b, 'en')) !== compare(a, b)) throw new Error(`Node contradicts itself: ${a} ${b}`);
  out.push([a, b, compare(a, b)]);
}
const twos = printable.flatMap((x) => printable.map((y) => x + y));
process.stdout.write(
  `{"node":${JSON.stringify(process.version)},"icu":${JSON.stringify(process.versions.icu)},\n` +
    `"singles":${JSON.stringify([...printable].sort(compare).join(''))},\n` +
    `"twos":${JSON.stringify(twos.sort(compare).join(''))},\n` +
    `"pairs":[\n${out.map((p) => JSON.stringify(p)).join(',\n')}\n]}\n`,
);
