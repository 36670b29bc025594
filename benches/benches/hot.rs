//! The pieces that every lifecycle goes through, one by one: `cargo bench -p tracemem-benches`.
//!
//! They show what a change costs or saves; what a lifecycle costs in all is measured by the program `lifecycle`.

use std::{error::Error, hint::black_box};

use criterion::{Criterion, Throughput};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tracemem_sdk::{
    TraceMem,
    decision::{DecisionRequest, Outcome},
    evidence::{canonical, digest::Digest, record, sort_deep},
    guard::{EffectError, Execution, Permit, Safety},
    id::DecisionId,
    policy::{Attachment, DeclaredPolicy, Policy, rulebook::Rulebook},
    tenant::Agent,
    testing::MemoryStore,
};

type Failed = Box<dyn Error>;

fn main() -> Result<(), Failed> {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let agent = agent()?;
    let decision = runtime.block_on(lifecycle(&agent, "measured"))?;
    let trace = runtime.block_on(agent.trace(&decision))?;
    let record = trace.record().ok_or("there is no record")?;

    evaluation(&mut criterion)?;
    bytes_and_hashes(&mut criterion, &record)?;
    decisions(&mut criterion, &runtime, &agent, &decision);
    criterion.final_summary();
    Ok(())
}

/// The pricing rulebook of the public conformance fixtures, and the inputs that it approves.
fn pricing() -> Value {
    json!({
        "schema_version": "rulebook_v1",
        "rulebook_id": "pricing_exception",
        "version": "2026-06-11",
        "input_schema": {
            "required": ["discount_percent", "margin_percent"],
            "properties": {"discount_percent": {"type": "number"}, "margin_percent": {"type": "number"}},
        },
        "rules": [
            {
                "rule_id": "block_below_margin_floor",
                "priority": 100,
                "condition": {"field": "margin_percent", "operator": "lt", "value": 15},
                "outcome": {"decision": "no", "verdict": "BLOCK", "action": "reject_discount",
                    "reason_code": "MARGIN_FLOOR_BREACH"},
            },
            {
                "rule_id": "approve_standard_exception",
                "priority": 50,
                "condition": {"all": [
                    {"field": "discount_percent", "operator": "lte", "value": 15},
                    {"field": "margin_percent", "operator": "gte", "value": 15},
                ]},
                "outcome": {"decision": "yes", "verdict": "APPROVE", "action": "approve_discount",
                    "reason_code": "STANDARD_EXCEPTION_ALLOWED"},
            },
        ],
        "default_outcome": {"decision": "review", "verdict": "REVIEW", "action": "route_to_owner",
            "reason_code": "NO_RULE_MATCHED"},
    })
}

fn evaluation(criterion: &mut Criterion) -> Result<(), Failed> {
    let rulebook = Rulebook::from_value(pricing())?;
    let inputs = json!({"discount_percent": 10, "margin_percent": 22});
    let mut group = criterion.benchmark_group("rulebook");
    group.throughput(Throughput::Elements(1));
    group.bench_function("evaluate_pricing", |bench| {
        bench.iter(|| rulebook.evaluate(black_box(&inputs)))
    });
    group.finish();
    Ok(())
}

fn bytes_and_hashes(criterion: &mut Criterion, record: &Value) -> Result<(), Failed> {
    let canonical_bytes = canonical::to_bytes(record)?;
    let mut group = criterion.benchmark_group("bytes");
    group.throughput(Throughput::Bytes(canonical_bytes.len() as u64));
    group.bench_function("canonical", |bench| {
        bench.iter(|| canonical::to_bytes(black_box(record)))
    });
    group.bench_function("sort_deep", |bench| {
        bench.iter(|| sort_deep::canonical(black_box(record)))
    });
    group.bench_function("leaf_hash", |bench| {
        bench.iter(|| Digest::leaf(black_box(&canonical_bytes)))
    });
    group.finish();
    criterion.bench_function("record_hash", |bench| {
        bench.iter(|| record::record_hash(black_box(record)))
    });
    Ok(())
}

fn decisions(criterion: &mut Criterion, runtime: &Runtime, agent: &Agent, decision: &DecisionId) {
    let mut group = criterion.benchmark_group("decision");
    group.bench_function("read_and_fold_eight_events", |bench| {
        bench.iter(|| runtime.block_on(agent.trace(black_box(decision))));
    });
    let mut number = 0_u64;
    group.bench_function("lifecycle_in_memory", |bench| {
        bench.iter(|| {
            number += 1;
            runtime
                .block_on(lifecycle(agent, &number.to_string()))
                .map(drop)
        });
    });
    group.finish();
}

fn agent() -> Result<Agent, Failed> {
    let policy = DeclaredPolicy::new(Rulebook::from_value(pricing())?)?;
    let attachment = Attachment::everywhere(policy.id());
    let tracemem = TraceMem::builder(MemoryStore::new())
        .policy(policy)
        .attach(attachment)
        .build()?;
    Ok(tracemem.tenant("bench".parse()?).agent("bench".parse()?))
}

async fn lifecycle(agent: &Agent, key: &str) -> Result<DecisionId, Failed> {
    let body =
        br#"{"intent": "discount.grant", "context": {"discount_percent": 10, "margin_percent": 22,
        "target_system": "billing", "target_object_id": "quote_1", "mutation": "discount.apply"}}"#;
    let request = DecisionRequest::from_json(key.parse()?, body)?;
    let run = agent.guard(request, Safety::Opaque).run(effect).await?;
    let decision = run.decision().clone();
    run.executed()?;
    Ok(decision)
}

async fn effect(permit: Permit) -> Result<Execution<()>, EffectError<std::io::Error>> {
    Ok(permit.executed("done").outcome(Outcome::succeeded()))
}
