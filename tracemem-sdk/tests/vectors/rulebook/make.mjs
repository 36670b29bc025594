// Makes rulebooks and inputs by chance, asks `reference.mjs` about them, and prints `cases.json`:
//
//   node make.mjs > cases.json             the committed fixture
//   node make.mjs 20000 7 > more.json      more cases, another seed, for a check by hand
//
// A case is written as text before it is read, because JavaScript cannot write `-0`, `1.0` or a large integer
// again; the reference and the Rust test read the same bytes.
import { seeded } from '../random.mjs';
import { evaluate, validate } from './reference.mjs';

const wanted = Number(process.argv[2] ?? 400);
const { below, pick, chance } = seeded(process.argv[3] ?? 2026);
const some = (max, make) => Array.from({ length: below(max + 1) }, make);
const times = (n, make) => Array.from({ length: n }, (_, i) => make(i));

// ---------------------------------------------------------------------------------------------- text

class Token {
  constructor(text) {
    this.text = text;
  }
}
function write(value) {
  if (value instanceof Token) return value.text;
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const keys = Object.keys(value).filter((key) => value[key] !== undefined);
    return `{${keys.map((key) => `${JSON.stringify(key)}:${write(value[key])}`).join(',')}}`;
  }
  return JSON.stringify(value ?? null);
}

// ---------------------------------------------------------------------------------------------- values

const NUMBERS = ['0', '-0', '0.0', '-0.0', '1', '1.0', '10e-1', '2', '-1', '1.5', '15', '15.000000000000002', '1e3', '1e21', '5e-324',
  '9007199254740992', '9007199254740993', '-9007199254740993', '18446744073709551616', '12345678901234567890', '0.1', '0.30000000000000004'];
const TEXTS = ['', 'a', 'ab', 'abc', 'A', '1', 'null', 'é', 'e\u0301', '😀', '\u0000', 'line\nfeed', '\ufeff'];
const KEYS = ['a', 'b', 'c', 'A', 'a_1', 'a1', 'length', '0', '', 'a.b', '__proto__', 'constructor'];
const PATHS = ['a', 'a', 'b', 'c', 'A', 'a.a', 'a.b', 'a.b.c', 'a.0', 'a.length', 'a.', 'a..b', 'b.a', 'a_1', 'a1', 'a-b', '__proto__', 'constructor', 'toString'];
const OPERATORS = ['exists', 'not_exists', 'eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'in', 'not_in', 'contains', 'not_contains'];
const TYPES = ['array', 'object', 'number', 'integer', 'string', 'boolean', 'null'];

const number = () => new Token(pick(NUMBERS));
const scalar = () => pick([number, number, () => pick(TEXTS), () => chance(0.5), () => null])();
function value(depth) {
  if (depth === 0 || chance(0.55)) return scalar();
  return chance(0.5) ? some(3, () => value(depth - 1)) : object(depth - 1);
}
// Without a prototype, so that `__proto__` is a key like any other.
function object(depth) {
  const made = Object.create(null);
  for (const key of some(4, () => pick(KEYS))) made[key] = value(depth);
  return made;
}
function inputs() {
  if (chance(0.04)) return value(1);
  const made = object(2);
  if (chance(0.7)) made.a = value(2);
  if (chance(0.7)) made.b = chance(0.6) ? number() : value(2);
  return made;
}

// Facts that comparisons are made about, so that as many of them hold as do not.
let facts = {};
function found(path) {
  let at = facts;
  for (const key of path.split('.')) {
    at = at !== null && typeof at === 'object' && Object.hasOwn(at, key) ? at[key] : undefined;
  }
  return at;
}

// ---------------------------------------------------------------------------------------------- rulebooks

const given = () => (chance(0.6) ? scalar() : chance(0.8) ? some(4, scalar) : value(2));
function leaf() {
  const real = chance(0.7) ? PATHS.filter((path) => found(path) !== undefined) : [];
  const made = { field: pick(real.length > 0 ? real : PATHS), operator: pick(OPERATORS) };
  const there = found(made.field);
  const likely = there !== undefined && chance(0.6);
  if (/contains$/.test(made.operator)) {
    made.value = likely && Array.isArray(there) && there.length > 0 ? pick(there) : likely && typeof there === 'string' ? [...there].slice(0, 1).join('') : given();
  } else if (/in$/.test(made.operator)) {
    made.value = chance(0.9) ? [...some(2, scalar), ...(likely ? [there] : [])] : given();
  } else if (/^[gl]te?$/.test(made.operator)) {
    made.value = chance(0.9) ? number() : given();
  } else if (chance(0.92)) {
    made.value = likely ? there : given();
  }
  return made;
}
function condition(depth) {
  if (depth === 0 || chance(0.45)) return leaf();
  return pick([
    () => ({ all: times(1 + below(3), () => condition(depth - 1)) }),
    () => ({ any: times(1 + below(3), () => condition(depth - 1)) }),
    () => ({ not: condition(depth - 1) }),
  ])();
}
const outcome = (n) => ({
  decision: pick(['yes', 'no', 'review']),
  verdict: pick(['APPROVE', 'BLOCK', 'ASK', 'V1', 'A_']),
  action: pick(['grant', 'refuse', 'ask owner', '  x', 'é']),
  reason_code: `REASON_${n}`,
});

// Ids whose order differs between bytes and ICU come often, at the same priority.
const IDS = ['a_1', 'a-b', 'a.b', 'a1', 'a:1', 'ab', 'ab10', 'ab2', 'a_', 'a-', 'a.', 'a0', 'b_a', 'b-a', 'b9', 'ba'];
function rules() {
  const ids = IDS.filter(() => chance(0.3));
  if (ids.length === 0) ids.push('only_rule');
  for (let i = ids.length - 1; i > 0; i -= 1) {
    const j = below(i + 1);
    [ids[i], ids[j]] = [ids[j], ids[i]];
  }
  return ids.slice(0, 3).map((rule_id, n) => {
    const made = { rule_id };
    if (chance(0.4)) made.priority = new Token(pick(['0', '-0', '1', '1.0', '100', '1000', '-1000', '1e3', '-7']));
    return { ...made, condition: condition(pick([0, 0, 1, 2, 3])), outcome: outcome(n) };
  });
}
function inputSchema() {
  const made = {};
  if (chance(0.6)) made.required = some(2, () => pick(PATHS));
  if (chance(0.7)) {
    made.properties = Object.create(null);
    for (const path of some(3, () => pick(PATHS))) made.properties[path] = { type: pick(TYPES) };
  }
  return made;
}
function rulebook() {
  const made = { schema_version: 'rulebook_v1', rulebook_id: pick(['plans', 'p1', 'x.y:z-0']), version: pick(['1', '2026-07-01', ' 1 ']) };
  if (chance(0.35)) made.input_schema = inputSchema();
  return { ...made, rules: rules(), default_outcome: outcome('DEFAULT') };
}

// ---------------------------------------------------------------------------------------------- faults

const JUNK = () => pick([null, true, 5, '', 'x', [], {}, ['x'], new Token('1.5'), new Token('-0')]);
const STRANGERS = ['code', 'handler', 'a_1', 'a1', 'a-b', 'A', 'B', 'function', 'dotted.key', ' ', 'Value', 'rule_id '];
const LONG_OR_ODD = ['a', 'A', 'ab\n', '\nab', ' ab', 'Ab', '9a', '_a', 'a b', 'é', 'a'.repeat(80), 'a'.repeat(81), 'a'.repeat(120), 'a'.repeat(121),
  'a'.repeat(160), 'a'.repeat(161), 'A'.repeat(80), 'A'.repeat(81), ' ', '\u0085', '\ufeff', '\u2028', `${' '.repeat(80)}x`, 'x'.padEnd(160), 'x'.padEnd(161),
  '😀'.repeat(40), '😀'.repeat(41), '😀'.repeat(80), '😀'.repeat(81), `${'x'.repeat(80)} `, ' yes', 'YES', 'rulebook_v2', 'matches', 'eq '];

// Every object or array anywhere in the rulebook, but not inside of comparisons' values.
function places(node) {
  if (node === null || typeof node !== 'object' || node instanceof Token) return [];
  return [node, ...Object.keys(node).filter((key) => key !== 'value').flatMap((key) => places(node[key]))];
}
const nested = (n, inner) => (n === 0 ? inner : { not: nested(n - 1, inner) });
const wide = (key, n, child) => ({ [key]: times(n, child) });
const stranger = (made) => { const at = pick(places(made)); if (!Array.isArray(at)) for (const key of some(3, () => pick(STRANGERS))) at[key] = JUNK(); };
const FAULTS = [
  stranger,
  stranger,
  (book) => { const at = pick(places(book)); const key = pick([...Object.keys(at), 'none']); if (key in at) at[key] = JUNK(); },
  (book) => { const at = pick(places(book)); const key = pick([...Object.keys(at), 'none']); if (key in at) at[key] = pick(LONG_OR_ODD); },
  (book) => { const at = pick(places(book)); if (!Array.isArray(at)) delete at[pick([...Object.keys(at), 'none'])]; },
  (book) => { const at = pick(places(book)); if (Array.isArray(at)) at.push(at.length ? pick(at) : JUNK()); },
  (book) => { pick(book.rules).priority = pick(['1001', '-1001', '1e300', '0.5', '"5"', 'null'].map((text) => new Token(text))); },
  (book) => { const at = pick(book.rules); at.condition = nested(6 + below(4), leaf()); },
  (book) => { const at = pick(book.rules); at.condition = wide(pick(['all', 'any']), pick([0, 31, 32, 33]), () => ({ field: 'a', operator: 'exists' })); },
  (book) => { const at = pick(book.rules); Object.assign(at.condition, pick([{ all: [leaf()] }, { any: [] }, { not: leaf() }, { value: 1 }, { field: 'a' }, { operator: 'eq' }])); },
  (book) => { book[pick(['rulebook_id', 'version', 'schema_version'])] = pick(LONG_OR_ODD); },
  (book) => { pick(book.rules).rule_id = pick(LONG_OR_ODD); },
  (book) => { pick(book.rules).rule_id = pick(book.rules).rule_id; },
  (book) => { pick([book.default_outcome, pick(book.rules).outcome])[pick(['action', 'verdict', 'reason_code', 'decision'])] = pick(LONG_OR_ODD); },
  (book) => { book.input_schema = pick([null, [], 'x', { required: null }, { required: {} }, { properties: [] }, { required: [pick(LONG_OR_ODD), 5] },
    { properties: { [pick(LONG_OR_ODD.filter((s) => /^[ -~]*$/.test(s)))]: { type: 'number', also: 1 } } }, { properties: { a: 'number', b: { type: 'float' }, c: {} } }]); },
];

// Too large to come by chance.
const x = () => ({ field: 'a', operator: 'exists' });
const fill = (groups, rest) => ({ all: [...times(groups, () => wide('any', 31, x)), ...times(rest, x)] });
const small = (n) => ({ rule_id: `r${n}`, condition: x(), outcome: { decision: 'no', verdict: 'NO', action: 'n', reason_code: 'NO' } });
const book = (list) => ({ schema_version: 'rulebook_v1', rulebook_id: 'large', version: '1', rules: list, default_outcome: small(0).outcome });
const withCondition = (made) => ({ ...small(0), condition: made });
const LARGE = [
  // 1 + 7 * 32 + 24 = 249 conditions, and 7 or 8 more in other rules.
  book([withCondition(fill(7, 24)), ...times(7, (n) => small(n + 1))]),
  book([withCondition(fill(7, 24)), ...times(8, (n) => small(n + 1))]),
  book([withCondition(fill(8, 2)), { ...small(1), condition: { all: [x(), { ...x(), code: 'unseen' }] } }]),
  book(times(100, small)),
  book(times(101, small)),
  book([]),
  book([withCondition(nested(8, x()))]),
  book([withCondition(nested(9, x()))]),
  book([withCondition(nested(7, wide('all', 2, () => nested(1, x()))))]),
];

// ---------------------------------------------------------------------------------------------- cases

function line(body, inputs) {
  const texts = [write(body), write(inputs)];
  const [read, known] = texts.map((text) => JSON.parse(text));
  const errors = validate(read);
  const expect = errors.length > 0 ? { errors } : { says: evaluate(read, known) };
  return `{"rulebook":${texts[0]},"inputs":${texts[1]},"expect":${JSON.stringify(expect)}}`;
}

const lines = LARGE.map((body) => line(body, { a: 1 }));
lines.push(...[null, [], 'x', {}].map((body) => line(body, {})));
while (lines.length < wanted) {
  facts = inputs();
  const body = rulebook();
  const faults = chance(0.4) ? times(1 + below(3), () => pick(FAULTS)) : [];
  for (const fault of faults) {
    try {
      fault(body);
    } catch (error) {
      // An earlier fault took away what this one would have damaged.
      if (!(error instanceof TypeError)) throw error;
    }
  }
  lines.push(line(body, facts));
}
process.stdout.write(`[\n${lines.join(',\n')}\n]\n`);
