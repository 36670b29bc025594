//! The hot pieces of one lifecycle, each alone: `cargo bench -p tracemem-benches --bench hot`.
//!
//! What they come to together is measured by the program `lifecycle`; here a change of one piece shows.

use std::{error::Error, hint::black_box, io::Cursor, time::Duration};

use criterion::{Criterion, Throughput};
use serde_json::{Value, json};
use tracemem_sdk::{
    archive::{ArchiveFolder, ArchiveReader, ArchiveTerms},
    decision::{DecisionRequest, Outcome},
    evidence::{canonical, digest::Digest, sort_deep},
    guard::{EffectError, Run, Safety},
    policy::rulebook::Rulebook,
    testing::Harness,
};

type Failed = Box<dyn Error>;

fn main() -> Result<(), Failed> {
    let mut criterion = Criterion::default().configure_from_args();
    evaluation(&mut criterion)?;
    bytes(&mut criterion)?;
    hashes(&mut criterion);
    fold(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

/// The pricing rulebook of the format's public examples.
fn pricing() -> Value {
    json!({
        "schema_version": "rulebook_v1", "rulebook_id": "pricing_exception", "version": "2026-06-11",
        "input_schema": {"required": ["discount_percent", "margin_percent"],
            "properties": {"discount_percent": {"type": "number"}, "margin_percent": {"type": "number"}}},
        "rules": [
            {"rule_id": "block_below_margin_floor", "priority": 100,
                "condition": {"field": "margin_percent", "operator": "lt", "value": 15},
                "outcome": {"decision": "no", "verdict": "BLOCK", "action": "reject_discount", "reason_code": "MARGIN_FLOOR_BREACH"}},
            {"rule_id": "approve_standard_exception", "priority": 50,
                "condition": {"all": [{"field": "discount_percent", "operator": "lte", "value": 15},
                    {"field": "margin_percent", "operator": "gte", "value": 15}]},
                "outcome": {"decision": "yes", "verdict": "APPROVE", "action": "approve_discount",
                    "reason_code": "STANDARD_EXCEPTION_ALLOWED"}}],
        "default_outcome": {"decision": "review", "verdict": "REVIEW", "action": "route_to_owner", "reason_code": "NO_RULE_MATCHED"}
    })
}

fn evaluation(criterion: &mut Criterion) -> Result<(), Failed> {
    let rulebook = Rulebook::from_value(pricing())?;
    let mut group = criterion.benchmark_group("rulebook");
    group.throughput(Throughput::Elements(1));
    for (name, inputs) in [
        (
            "approved",
            json!({"discount_percent": 10, "margin_percent": 22}),
        ),
        (
            "blocked",
            json!({"discount_percent": 10, "margin_percent": 9}),
        ),
        (
            "reviewed",
            json!({"discount_percent": 40, "margin_percent": 22}),
        ),
    ] {
        group.bench_function(name, |bench| {
            bench.iter(|| rulebook.evaluate(black_box(&inputs)));
        });
    }
    group.finish();
    Ok(())
}

/// About what a record is: the request, the rulebook, and some words around them.
fn record() -> Value {
    json!({"c": "decide", "v": "1", "request": {"question": "may it?", "context": {"discount_percent": 10, "margin_percent": 22}},
        "rulebook": pricing(), "decision_id": "dec_01a1ee565e0072748137b57b4ecaff6f"})
}

fn bytes(criterion: &mut Criterion) -> Result<(), Failed> {
    let record = record();
    let mut group = criterion.benchmark_group("canonical");
    group.throughput(Throughput::Bytes(canonical::to_bytes(&record)?.len() as u64));
    group.bench_function("strict", |bench| {
        bench.iter(|| canonical::to_bytes(black_box(&record)));
    });
    group.bench_function("sort_deep", |bench| {
        bench.iter(|| sort_deep::canonical(black_box(&record)));
    });
    group.finish();
    Ok(())
}

fn hashes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hash");
    for size in [64_usize, 1_024, 16_384] {
        let bytes = vec![7_u8; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(format!("leaf of {size} bytes"), |bench| {
            bench.iter(|| Digest::leaf(black_box(&bytes)));
        });
    }
    group.finish();
}

/// Reading eight events back: each decoded, its leaf and its chain checked, all folded, the projection compared. From an archive
/// file, which is the way to do that without a store; its base64 and JSON are part of the figure.
fn fold(criterion: &mut Criterion) -> Result<(), Failed> {
    let file = archive()?;
    let mut group = criterion.benchmark_group("fold");
    group.throughput(Throughput::Elements(8));
    group.bench_function("eight events", |bench| {
        bench.iter(|| {
            let reader = ArchiveReader::new(Cursor::new(black_box(file.as_slice())));
            reader.map(|reader| reader.filter(Result::is_ok).count())
        });
    });
    group.finish();
    Ok(())
}

/// One allowed lifecycle.
fn archive() -> Result<Vec<u8>, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let harness = Harness::allowing()?;
        let body = br#"{"intent": "refund.issue", "context": {"amount_minor": 1200, "target_system": "billing",
            "target_object_id": "ch_1", "mutation": "refund.create"}}"#;
        let request = DecisionRequest::from_json("job-1".parse()?, body)?;
        let guard = harness.agent().guard(request, Safety::Opaque);
        let ran = guard
            .run(async |permit| {
                let done = permit.executed("re_1").outcome(Outcome::succeeded());
                Ok::<_, EffectError<std::io::Error>>(done)
            })
            .await?;
        if !matches!(ran, Run::Executed { .. }) {
            return Err("the lifecycle did not run".into());
        }
        harness.advance(Duration::from_secs(7_200)).await?;
        let folder = tempfile::tempdir()?;
        let (sink, terms) = (
            ArchiveFolder::new(folder.path()),
            ArchiveTerms::closed_for(Duration::from_secs(3_600)),
        );
        let tracemem = harness.tracemem();
        let moved = tracemem
            .archive(harness.tenant().id(), terms, &sink, |_| {})
            .await?;
        let file = moved.files.first().ok_or("nothing was archived")?;
        Ok(std::fs::read(folder.path().join(&file.name))?)
    })
}
