// A second implementation of the rulebook language, for the test only: it was written from the rules of the format, not
// from the Rust code, and shares nothing with it but the rules. It is plain and slow on purpose: regular
// expressions, `Object.is` and `localeCompare` are the originals here, which the Rust code has to imitate.
//
//   validate(body)            -> [{ field, code }], empty if the rulebook is valid
//   evaluate(body, inputs)    -> what a valid rulebook says
//
// A rulebook is valid if both the published JSON Schema and the published evaluator take it.

const ID = /^[a-z][a-z0-9_.:-]{1,119}$/;
const TOKEN = /^[A-Z][A-Z0-9_]{1,79}$/;
const PATH = /^[A-Za-z_][A-Za-z0-9_.-]{0,159}$/;
const TYPES = {
  array: (v) => Array.isArray(v),
  object: (v) => isObject(v),
  number: (v) => typeof v === 'number' && Number.isFinite(v),
  integer: (v) => Number.isInteger(v),
  string: (v) => typeof v === 'string',
  boolean: (v) => v === true || v === false,
  null: (v) => v === null,
};

const isObject = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);
const icu = (a, b) => a.localeCompare(b, 'en');
const fits = (pattern, v) => typeof v === 'string' && pattern.test(v);
// The schema counts the code points of the text, the evaluator the UTF-16 units of the trimmed text.
const isText = (v, max) =>
  typeof v === 'string' && v !== '' && [...v].length <= max && v.trim() !== '' && v.trim().length <= max;

// ---------------------------------------------------------------------------------------------- operators

const includes = (found, given) => {
  if (Array.isArray(found)) return found.some((e) => Object.is(e, given));
  return typeof found === 'string' && typeof given === 'string' && found.indexOf(given) >= 0;
};
const numeric = (test) => (found, given) => typeof found === 'number' && typeof given === 'number' && test(found, given);

// For a path that leads to something. `given` is undefined if the comparison has no `value`.
const OPERATORS = {
  exists: () => true,
  not_exists: () => false,
  eq: (found, given) => Object.is(found, given),
  neq: (found, given) => !Object.is(found, given),
  gt: numeric((a, b) => a > b),
  gte: numeric((a, b) => a >= b),
  lt: numeric((a, b) => a < b),
  lte: numeric((a, b) => a <= b),
  in: (found, given) => Array.isArray(given) && given.findIndex((e) => Object.is(e, found)) !== -1,
  not_in: (found, given) => Array.isArray(given) && given.findIndex((e) => Object.is(e, found)) === -1,
  contains: includes,
  not_contains: (found, given) => !includes(found, given),
};

// A list of zero or one value, so that "there and undefined" needs no thought.
function lookUp(inputs, path) {
  let at = [inputs];
  for (const key of path.split('.')) {
    at = at.filter((v) => isObject(v) && Object.hasOwn(v, key)).map((v) => v[key]);
  }
  return at;
}

// ---------------------------------------------------------------------------------------------- validation

class Report {
  errors = [];
  nodes = 0;

  say(field, code) {
    this.errors.push({ field, code });
  }

  strangers(object, path, known) {
    const names = Object.keys(object).filter((key) => !known.includes(key));
    for (const key of names.sort(icu)) this.say(`${path}.${key}`, 'unknown_field');
  }

  outcome(value, path) {
    if (!isObject(value)) return this.say(path, 'invalid_type');
    this.strangers(value, path, ['decision', 'verdict', 'action', 'reason_code']);
    const good = {
      decision: ['yes', 'no', 'review'].includes(value.decision),
      verdict: fits(TOKEN, value.verdict),
      action: isText(value.action, 160),
      reason_code: fits(TOKEN, value.reason_code),
    };
    for (const key in good) if (!good[key]) this.say(`${path}.${key}`, 'invalid_value');
  }

  condition(value, path, around) {
    if (!isObject(value)) return this.say(path, 'invalid_type');
    this.nodes += 1;
    if (this.nodes > 256) return this.say(path, 'too_complex');
    if (around > 8) return this.say(path, 'too_deep');
    const shapes = ['all', 'any', 'not'].filter((key) => key in value);
    if ('field' in value || 'operator' in value) shapes.push('leaf');
    if (shapes.length !== 1) {
      this.say(path, 'invalid_condition');
      return this.strangers(value, path, ['all', 'any', 'not', 'field', 'operator', 'value']);
    }
    const [shape] = shapes;
    this.strangers(value, path, shape === 'leaf' ? ['field', 'operator', 'value'] : [shape]);
    if (shape === 'leaf') {
      if (!fits(PATH, value.field)) this.say(`${path}.field`, 'invalid_value');
      if (!Object.keys(OPERATORS).includes(value.operator)) this.say(`${path}.operator`, 'unsupported_operator');
    } else if (shape === 'not') {
      this.condition(value.not, `${path}.not`, around + 1);
    } else {
      const children = value[shape];
      if (!Array.isArray(children) || children.length < 1 || children.length > 32) {
        return this.say(`${path}.${shape}`, 'invalid_value');
      }
      for (const [i, child] of children.entries()) this.condition(child, `${path}.${shape}[${i}]`, around + 1);
    }
  }

  inputSchema(value, path) {
    if (value === undefined) return;
    if (!isObject(value)) return this.say(path, 'invalid_type');
    this.strangers(value, path, ['required', 'properties']);
    if ('required' in value && !Array.isArray(value.required)) this.say(`${path}.required`, 'invalid_type');
    else for (const [i, field] of (value.required ?? []).entries()) {
      if (!fits(PATH, field)) this.say(`${path}.required[${i}]`, 'invalid_value');
    }
    if ('properties' in value && !isObject(value.properties)) return this.say(`${path}.properties`, 'invalid_type');
    for (const name of Object.keys(value.properties ?? {}).sort(icu)) {
      const definition = value.properties[name];
      const at = `${path}.properties.${name}`;
      if (!fits(PATH, name)) this.say(at, 'invalid_value');
      if (isObject(definition)) this.strangers(definition, at, ['type']);
      if (!isObject(definition) || !Object.keys(TYPES).includes(definition.type)) this.say(`${at}.type`, 'invalid_value');
    }
  }

  rules(value, path) {
    const list = Array.isArray(value) ? value : [];
    if (list.length < 1 || list.length > 100) this.say(path, 'invalid_value');
    const ids = [];
    for (const [i, rule] of list.entries()) {
      const at = `${path}[${i}]`;
      if (!isObject(rule)) {
        this.say(at, 'invalid_type');
        continue;
      }
      this.strangers(rule, at, ['rule_id', 'priority', 'condition', 'outcome']);
      if (!fits(ID, rule.rule_id)) this.say(`${at}.rule_id`, 'invalid_value');
      else if (ids.includes(rule.rule_id)) this.say(`${at}.rule_id`, 'duplicate_value');
      ids.push(rule.rule_id);
      if ('priority' in rule && !(Number.isInteger(rule.priority) && Math.abs(rule.priority) <= 1000)) {
        this.say(`${at}.priority`, 'invalid_value');
      }
      this.condition(rule.condition, `${at}.condition`, 0);
      this.outcome(rule.outcome, `${at}.outcome`);
    }
  }
}

export function validate(body) {
  const report = new Report();
  if (!isObject(body)) {
    report.say('rulebook', 'invalid_type');
    return report.errors;
  }
  report.strangers(body, 'rulebook', ['schema_version', 'rulebook_id', 'version', 'input_schema', 'rules', 'default_outcome']);
  if (body.schema_version !== 'rulebook_v1') report.say('rulebook.schema_version', 'unsupported_version');
  if (!fits(ID, body.rulebook_id)) report.say('rulebook.rulebook_id', 'invalid_value');
  if (!isText(body.version, 80)) report.say('rulebook.version', 'invalid_value');
  report.inputSchema(body.input_schema, 'rulebook.input_schema');
  report.rules(body.rules, 'rulebook.rules');
  report.outcome(body.default_outcome, 'rulebook.default_outcome');
  return report.errors;
}

// ---------------------------------------------------------------------------------------------- evaluation

// Flattens a condition to its answer; `trail` collects every comparison on the way.
function answer(condition, inputs, trail) {
  const every = (list) => list.map((child) => answer(child, inputs, trail));
  if ('all' in condition) return !every(condition.all).includes(false);
  if ('any' in condition) return every(condition.any).includes(true);
  if ('not' in condition) return !answer(condition.not, inputs, trail);
  const { field, operator, value } = condition;
  const found = lookUp(inputs, field);
  const passed = found.length === 0 ? operator === 'not_exists' : OPERATORS[operator](found[0], value);
  trail.push({ field, operator, passed });
  return passed;
}

const saying = (status, outcome, rest) => ({
  status,
  decision: outcome.decision,
  verdict: outcome.verdict,
  action: outcome.action,
  reason_code: outcome.reason_code,
  matched_rule_id: null,
  missing_fields: [],
  invalid_fields: [],
  checks: [],
  ...rest,
});

export function evaluate(body, inputs) {
  const { required = [], properties = {} } = body.input_schema ?? {};
  const missing_fields = required.filter((path) => lookUp(inputs, path).length === 0);
  const invalid_fields = Object.keys(properties)
    .filter((path) => lookUp(inputs, path).some((v) => !TYPES[properties[path].type](v)))
    .sort(icu);
  if (missing_fields.length + invalid_fields.length > 0) {
    const needed = { decision: 'review', verdict: 'NEEDS_INPUT', action: 'collect_required_input', reason_code: 'INPUT_SCHEMA_FAILED' };
    return saying('needs_input', needed, { missing_fields, invalid_fields });
  }
  const priority = (rule) => rule.priority ?? 0;
  const ordered = [...body.rules].sort((a, b) => priority(b) - priority(a) || icu(a.rule_id, b.rule_id));
  for (const rule of ordered) {
    const checks = [];
    if (answer(rule.condition, inputs, checks)) return saying('ok', rule.outcome, { matched_rule_id: rule.rule_id, checks });
  }
  return saying('ok', body.default_outcome, {});
}
