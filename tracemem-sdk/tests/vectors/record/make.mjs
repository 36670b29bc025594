// Writes cases.json: records, and the hashes that the description of Decision Record v1 gives them.
//
//   node make.mjs > cases.json
//
// An implementation of its own: it shares no code with the library, and takes ordering, trimming, cutting and number
// formatting from JavaScript, in which the format is defined. `own` are records as the library builds them, from what
// is `given`; `bodies` are records as anybody might send them, also badly filled ones; `leaves` says for every single
// value of one record whether changing it changes the record hash.

import { createHash } from "node:crypto";

const sha = (text) => createHash("sha256").update(text, "utf8").digest("hex");
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([one], [other]) => one.localeCompare(other));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`)}}`;
}
const hash = (value) => sha(canonical(value));

// A text is trimmed first and cut then; what JavaScript takes for false is no text.
const read = (max, ...candidates) => String(candidates.find(Boolean) ?? "").trim().slice(0, max);

function compact(value) {
  if (Array.isArray(value)) return value.filter((item) => !isNothing(item)).map((item) => (isObject(item) ? compact(item) : item)).filter((item) => !isObject(item) || Object.keys(item).length > 0);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => !isNothing(member))
      .map(([key, member]) => [key, compact(member)])
      .filter(([, member]) => typeof member !== "object" || Object.keys(member).length > 0),
  );
}
const isNothing = (value) => value === undefined || value === null || value === "";

const SYNONYMS = {
  yes: "yes approved approve allow allowed pass passed proceed execute",
  no: "no denied deny block blocked fail failed reject rejected",
  review: "review unclear unknown tie pending manual_review escalate hold",
};
function verdictOf(value) {
  const word = read(120, value).toLowerCase();
  return Object.keys(SYNONYMS).find((verdict) => SYNONYMS[verdict].split(" ").includes(word)) ?? word;
}

function normalized(r) {
  const evidence = (Array.isArray(r.evidence) ? r.evidence : []).map((code) => read(180, code)).filter((code) => code !== "").slice(0, 32);
  const manifest = isObject(r.evidence_manifest) ? r.evidence_manifest : {};
  const bundle = isObject(r.policy_bundle)
    ? {
        id: read(160, r.policy_bundle.id, r.policy_bundle.policy_id, r.policy_bundle.policyId),
        version: read(160, r.policy_bundle.version, r.policy_bundle.policy_version, r.policy_bundle.policyVersion),
        hash: read(200, r.policy_bundle.hash, r.policy_bundle.policy_hash, r.policy_bundle.policyHash),
        hash_algorithm: read(80, r.policy_bundle.hash_algorithm, r.policy_bundle.hashAlgorithm, "sha256"),
        canonicalization: read(80, r.policy_bundle.canonicalization, "json.sort_deep.v1"),
        source: read(700, r.policy_bundle.source, r.policy_bundle.url, r.policy_bundle.href),
      }
    : {};
  const part = (name) => (isObject(r[name]) ? r[name] : undefined);
  return {
    decision_protocol_version: read(80, r.decision_protocol_version, r.decisionProtocolVersion),
    decision_record_version: read(80, r.decision_record_version),
    decision_id: read(600, r.decision_id, r.decisionId),
    request_id: read(160, r.request_id, r.requestId),
    idempotency_key: read(300, r.idempotency_key, r.idempotencyKey),
    verdict: verdictOf(r.verdict),
    action: read(140, r.action),
    action_binding: part("action_binding") ?? {},
    evidence,
    evidence_manifest: {
      codes: Array.isArray(manifest.codes) ? manifest.codes.slice(0, 32) : evidence,
      sources: Array.isArray(manifest.sources) ? manifest.sources.slice(0, 16) : [],
    },
    policy_id: read(160, r.policy_id, r.policyId),
    policy_version: read(160, r.policy_version, r.policyVersion),
    policy_hash: read(200, r.policy_hash, r.policyHash),
    input_hash: read(200, r.input_hash, r.inputHash),
    output_hash: read(200, r.output_hash, r.outputHash),
    created_at: read(80, r.created_at, r.createdAt),
    replay_url: read(800, r.replay_url, r.replayUrl, r.replay),
    verify_url: read(800, r.verify_url, r.verifyUrl),
    policy_bundle_hash: read(200, r.policy_bundle_hash, r.policyBundleHash, bundle.hash) || undefined,
    policy_bundle: Object.values(bundle).some(Boolean) ? Object.fromEntries(Object.entries(bundle).filter(([, text]) => text)) : undefined,
    ...("decision_authority" in r ? { decision_authority: r.decision_authority } : {}),
    ...compact({
      application_verdict: read(160, r.application_verdict),
      reason_code: read(160, r.reason_code),
      evaluator_version: read(160, r.evaluator_version),
      matched_rule_id: r.matched_rule_id,
      rulebook: part("rulebook"),
      rulebook_contract: part("rulebook_contract"),
      rulebook_registry: part("rulebook_registry"),
      rulebook_attestation: part("rulebook_attestation"),
      runtime_binding: part("runtime_binding"),
      trusted_adapter: part("trusted_adapter"),
      adapter_facts: part("adapter_facts"),
    }),
  };
}

const recordHash = (record) => hash(normalized(record));
function receiptHash(record) {
  const n = normalized(record);
  return hash({
    decision_record_version: n.decision_record_version,
    decision_id: n.decision_id,
    record_hash: recordHash(record),
    input_hash: n.input_hash,
    output_hash: n.output_hash,
    policy_hash: n.policy_hash,
    action_binding_hash: hash(n.action_binding),
    evidence_manifest_hash: hash(n.evidence_manifest),
    policy_bundle_hash: n.policy_bundle_hash,
  });
}

// What the library records, built once more from what it is given.
function build(given) {
  const { decision_id, decided, policy } = given;
  const word = { yes: "approved", no: "denied", review: "review" }[decided.verdict];
  const orNull = (value) => value ?? null;
  const output = {
    verdict: decided.verdict,
    action: decided.action,
    reason_code: decided.reason_code,
    application_verdict: orNull(decided.application_verdict),
    matched_rule_id: orNull(decided.matched_rule_id),
    evidence: decided.evidence,
    missing_fields: decided.missing_fields,
    invalid_fields: decided.invalid_fields,
    evaluation: decided.checks ? { matched: Boolean(decided.matched_rule_id), checks: decided.checks } : null,
    expires_at: orNull(decided.expires_at),
  };
  const replay = given.replay_url ?? `/api/decision/${decision_id}/replay`;
  const optional = Object.fromEntries(
    Object.entries({
      application_verdict: decided.application_verdict,
      evaluation: output.evaluation ?? undefined,
      idempotency_key: given.idempotency_key,
      policy_hash: policy.hash,
      policy_bundle: policy.bundle && { ...policy.bundle, hash_algorithm: "sha256", canonicalization: "json.sort_deep.v1" },
      policy_bundle_hash: policy.bundle?.hash,
      rulebook: policy.schema_version && { schema_version: policy.schema_version, id: policy.id, version: policy.version, hash: policy.hash },
      source_hash: policy.schema_version && policy.hash,
      rulebook_contract: given.rulebook_contract,
      runtime_binding: given.runtime_binding,
      evaluator_version: given.evaluator_version,
    }).filter(([, value]) => value !== undefined),
  );
  const record = {
    ...optional,
    decision_protocol_version: "decision_protocol_v1",
    decision_record_version: "decision_record_v1",
    decision_id,
    request_id: given.request_id,
    created_at: given.created_at,
    evaluated_at: given.created_at,
    c: decided.verdict,
    v: word,
    verdict: decided.verdict,
    action: decided.action,
    reason_code: decided.reason_code,
    matched_rule_id: output.matched_rule_id,
    evidence: decided.evidence,
    evidence_sources: given.evidence_sources,
    evidence_manifest: { codes: decided.evidence, sources: given.evidence_sources },
    missing_fields: decided.missing_fields,
    invalid_fields: decided.invalid_fields,
    expires_at: output.expires_at,
    action_binding: given.action_binding,
    policy_id: policy.id,
    policy_version: policy.version,
    input_hash: hash(given.input),
    output_hash: hash(output),
    replay_url: replay,
    replay,
    verify_url: given.verify_url ?? `/api/decision/${decision_id}/verify`,
  };
  record.record_hash = recordHash(record);
  record.receipt_hash = receiptHash(record);
  const repeated = ["decision_protocol_version", "input_hash", "output_hash", "policy_hash", "policy_bundle_hash", "record_hash", "receipt_hash", "replay_url", "verify_url"].filter((name) => name in record);
  record.integrity = { ...Object.fromEntries(repeated.map((name) => [name, record[name]])), canonicalization: "json.sort_deep.v1", hash_algorithm: "sha256" };
  return record;
}

const rulebook = {
  schema_version: "rulebook_v1",
  rulebook_id: "goodwill_credit",
  version: "2026-10.2",
  rules: [{ rule_id: "small_credit", condition: { field: "credit_cents", operator: "lte", value: 5000 }, outcome: { decision: "yes", verdict: "GRANT", action: "grant_credit", reason_code: "BELOW_LIMIT" } }],
  default_outcome: { decision: "review", verdict: "ASK", action: "ask_lead", reason_code: "NO_RULE_MATCHED" },
};
const given = [
  {
    name: "a rulebook says yes",
    decision_id: "dec_0199a3c1d2e37f4a8b5c6d7e8f901234",
    request_id: "req_0199a3c1d2e37f4a8b5c6d7e8f905678",
    created_at: "2026-10-04T08:15:30.250Z",
    input: { intent: "grant goodwill credit", context: { inputs: { credit_cents: 4200, "note-1": "Grüße 😀\u2028", ratio: 0.1, Z: -0.0, a_1: [1, null, {}] } } },
    action_binding: { actor: "agent:support-7", system: "helpdesk", resource: "ticket 88 121", proposed_action: "grant_credit", amount: "42.00", target_system: "ledger", target_object_id: "acct_é_9", mutation: "credit.create" },
    policy: { schema_version: "rulebook_v1", id: "goodwill_credit", version: "2026-10.2", hash: hash(rulebook), bundle: { id: "support_policies", version: "7", hash: sha("support policies, release 7"), source: "git:policies/support#7" } },
    decided: { verdict: "yes", action: "grant_credit", reason_code: "BELOW_LIMIT", application_verdict: "GRANT", matched_rule_id: "small_credit", evidence: ["BELOW_LIMIT", "CUSTOMER_IN_GOOD_STANDING"], missing_fields: [], invalid_fields: [], checks: [{ field: "credit_cents", operator: "lte", passed: true }], expires_at: "2026-10-05T08:15:30.250Z" },
    idempotency_key: "ticket-88121:credit:1",
    evidence_sources: [
      { id: "standing_v4", type: "fact_provider", title: "Customer's standing", policy_ref: "goodwill_credit#small_credit", observed_at: "2026-10-04T08:15:29.999Z", snapshot_hash: `sha256:${sha("standing of 9")}` },
      { id: "limit", type: "policy_rule" },
    ],
    evaluator_version: "decide_rulebook_v1",
    rulebook_contract: { evaluator_version: "decide_rulebook_v1" },
    runtime_binding: { binding_mode: "direct_declarative_rulebook", verdict_authority: "declarative_rulebook" },
  },
  {
    name: "code asks for a human, and input is missing",
    decision_id: "dec_0199a3c1d2e37f4a8b5c6d7e8f909abc",
    request_id: "req_0199a3c1d2e37f4a8b5c6d7e8f90def0",
    created_at: "2026-12-31T23:59:59.999Z",
    input: [],
    action_binding: { actor: "", system: "queue", resource: "payout/77", proposed_action: "release payout" },
    policy: { id: "payout_gate", version: "0.3.1" },
    decided: { verdict: "review", action: "collect_required_input", reason_code: "INPUT_SCHEMA_FAILED", application_verdict: "NEEDS_INPUT", evidence: [], missing_fields: ["payout.iban"], invalid_fields: ["payout.amount", "x-y"], checks: [] },
    evidence_sources: [],
    replay_url: "https://host.example/decisions/77/replay?full=1",
    verify_url: "https://host.example/decisions/77/verify",
  },
  {
    name: "a declared policy says no, at every limit",
    decision_id: "dec_ffffffffffffffffffffffffffffffff",
    request_id: "req_00000000000000000000000000000000",
    created_at: "1970-01-01T00:00:00.000Z",
    input: "text",
    action_binding: { actor: " kept as it is ", system: "s", resource: "r", proposed_action: "p" },
    policy: { id: "p".repeat(160), version: "é".repeat(160), hash: sha("body") },
    decided: { verdict: "no", action: "😀".repeat(70), reason_code: "R".repeat(160), evidence: Array.from({ length: 32 }, (_, i) => `${i}_${"e".repeat(170)}`), missing_fields: [], invalid_fields: [] },
    idempotency_key: "k".repeat(300),
    evidence_sources: Array.from({ length: 16 }, (_, i) => ({ id: `s${i}`, type: "t" })),
    evaluator_version: "v".repeat(160),
  },
];
const own = given.map((given) => ({ given, record: build(given) }));

const hashes = (record) => ({ record_hash: recordHash(record), receipt_hash: receiptHash(record) });

// Bodies with a place for every kind of disorder that normalization knows.
// `set` is put over the first own record, or over nothing where `bare` says so.
const base = own[0].record;
const bodies = [
  { set: {} },
  { bare: true, set: {} },
  { bare: true, set: { verdict: "  APPROVED ", action: ` ${"a".repeat(200)} `, evidence: ["", " A ", null, 0, false, 7, true, "x".repeat(500), ...Array.from({ length: 40 }, (_, i) => `E${i}`)] } },
  { bare: true, set: { decisionId: "dec_1", requestId: "req_1", idempotencyKey: "k", policyId: "p", policyVersion: "v", policyHash: "h", inputHash: "i", outputHash: "o", createdAt: "c", replayUrl: "r", verifyUrl: "w", decisionProtocolVersion: "d", policyBundleHash: "b" } },
  { bare: true, set: { decision_id: "", decisionId: "dec_2", replay: "/only/replay", policy_version: 3, request_id: 1.5e-7, policy_id: 0, created_at: false } },
  { set: { policy_bundle: {} } },
  { set: { policy_bundle: { policyId: "pb", policyVersion: 2, policyHash: "ph", hashAlgorithm: "sha512", canonicalization: " other ", href: "h".repeat(900) }, policy_bundle_hash: null } },
  { set: { policy_bundle: { hash: "own" }, policy_bundle_hash: "" } },
  { set: { policy_bundle: "none", evidence_manifest: "none", action_binding: [1], rulebook: "none", runtime_binding: null } },
  { set: { evidence_manifest: { codes: "none", sources: Array.from({ length: 20 }, (_, i) => ({ id: i, nested: { z: null } })) } } },
  { set: { evidence_manifest: { codes: Array.from({ length: 40 }, (_, i) => (i % 2 ? i : ` ${i} `)) }, evidence: "none" } },
  { set: { matched_rule_id: "" } },
  { set: { matched_rule_id: { a: null, b: "" } } },
  { set: { matched_rule_id: ["", null, { c: "" }, { d: 1 }] } },
  { set: { matched_rule_id: 0 } },
  { set: { adapter_facts: { a: null, b: { c: "" }, d: [[], [null], "", { e: {} }], f: 0, g: false }, trusted_adapter: { adapter_id: "x", version: "" }, rulebook_registry: { a: {} }, rulebook_attestation: { bundle_hash: "0" } } },
  { set: { decision_authority: null } },
  { set: { decision_authority: {} } },
  { set: { decision_authority: { b: "", a: null } } },
  { set: { decision_authority: "policy" } },
  { set: { action_binding: { "a-b": " x ", a_b: "", A: null, a: { z: [], y: {} } } } },
  { set: { decision_id: "d".repeat(700), request_id: "q".repeat(700), idempotency_key: "k".repeat(700), verify_url: "u".repeat(900), replay_url: "\ufeff\u00a0 u \u2029", created_at: "c".repeat(90), input_hash: "i".repeat(300), reason_code: "r".repeat(200) } },
  ...["yes", "Approve", "ALLOW", "passed", "execute", "deny", "Blocked", "fail", "REJECTED", "unclear", "tie", "manual_review", "HOLD", "maybe", "", "yes.", true, 1].map((verdict) => ({ set: { verdict } })),
].map(({ bare = false, set }) => {
  const record = JSON.parse(JSON.stringify({ ...(bare ? {} : base), ...set }));
  return { bare, set, ...hashes(record) };
});

// Every value of one record in turn, replaced by another of its type.
const full = JSON.parse(JSON.stringify({
  ...base,
  rulebook_registry: { scope_hash: "s" },
  rulebook_attestation: { bundle_hash: "b" },
  trusted_adapter: { adapter_id: "a" },
  adapter_facts: { score: 3 },
  decision_authority: { kind: "policy" },
  decision_contract: { authority: "binding" },
  confidence: { score: 0.5 },
  confidence_hash: "c",
  audit_chain: { chain_position: 1 },
  receipt_key_id: "key",
  receipt_signature: "ed25519:AA",
  receipt_signature_algorithm: "ed25519",
  receipt_public_key: "pem",
  receipt_public_key_fingerprint: "f",
  integrity: { ...base.integrity, signature: { algorithm: "ed25519", key_id: "key" } },
}));
function* leavesOf(value, path) {
  if (typeof value === "object" && value !== null && Object.keys(value).length > 0) for (const key of Object.keys(value)) yield* leavesOf(value[key], [...path, key]);
  else yield path;
}
const other = (value) => (typeof value === "number" ? value + 1 : typeof value === "boolean" ? !value : Array.isArray(value) ? ["other"] : `${value ?? ""}x`);
const leaves = [...leavesOf(full, [])].map((path) => {
  const changed = structuredClone(full);
  const parent = path.slice(0, -1).reduce((node, key) => node[key], changed);
  parent[path.at(-1)] = other(parent[path.at(-1)]);
  return { pointer: `/${path.join("/")}`, value: parent[path.at(-1)], covered: recordHash(changed) !== recordHash(full) };
});

const lines = (list) => `[\n${list.map((item) => JSON.stringify(item)).join(",\n")}\n]`;
const sections = { rulebook: JSON.stringify({ body: rulebook, hash: hash(rulebook) }), own: lines(own), bodies: lines(bodies), full: JSON.stringify({ record: full, ...hashes(full) }), leaves: lines(leaves) };
process.stdout.write(`{${Object.entries(sections).map(([name, text]) => `\n"${name}": ${text}`)}\n}\n`);
