//! How many lifecycles a second: a request that a rulebook allows, its start, a no-op effect, receipt and outcome, closed. Two commits each.
//!
//! `cargo run --release -p tracemem-benches --bin lifecycle -- --store memory|sqlite --concurrency 64 --seconds 5`

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use tracemem_sdk::{
    TraceMem,
    decision::{DecisionRequest, Outcome},
    guard::{EffectError, Run, Safety},
    policy::{Attachment, DeclaredPolicy, Policy},
    store::Backend,
    tenant::Agent,
    testing::MemoryStore,
};
use tracemem_store::SqliteStore;

type Failed = Box<dyn Error + Send + Sync>;

const RULEBOOK: &[u8] = br#"{"schema_version": "rulebook_v1", "rulebook_id": "small_refunds", "version": "1",
    "input_schema": {"required": ["amount_minor"], "properties": {"amount_minor": {"type": "integer"}}},
    "rules": [{"rule_id": "small_enough", "condition": {"field": "amount_minor", "operator": "lte", "value": 5000},
        "outcome": {"decision": "yes", "verdict": "APPROVE", "action": "refund", "reason_code": "SMALL_ENOUGH"}}],
    "default_outcome": {"decision": "review", "verdict": "REVIEW", "action": "ask", "reason_code": "TOO_LARGE"}}"#;

struct Options {
    store: String,
    concurrency: u32,
    seconds: u64,
}

fn options() -> Result<Options, Failed> {
    let mut options = Options {
        store: "sqlite".to_owned(),
        concurrency: 64,
        seconds: 5,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .ok_or_else(|| format!("`{name}` needs a value"))?;
        match name.as_str() {
            "--store" => options.store = value,
            "--concurrency" => options.concurrency = value.parse()?,
            "--seconds" => options.seconds = value.parse()?,
            _ => {
                return Err(format!(
                    "`{name}` is no option; there are --store, --concurrency and --seconds"
                )
                .into());
            }
        }
    }
    Ok(options)
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let options = options()?;
    let folder = tempfile::tempdir_in(".")?;
    let backend: Backend = match options.store.as_str() {
        "memory" => MemoryStore::new().into(),
        "sqlite" => SqliteStore::open(folder.path().join("bench.db"))
            .await?
            .into(),
        other => return Err(format!("`{other}` is no store; there are memory and sqlite").into()),
    };
    let policy = DeclaredPolicy::from_json(RULEBOOK)?;
    let attachment = Attachment::everywhere(policy.id());
    let tracemem = TraceMem::builder(backend)
        .policy(policy)
        .attach(attachment)
        .build()?;
    let agent = Arc::new(tracemem.tenant("bench".parse()?).agent("bench".parse()?));

    let end = now() + Duration::from_secs(options.seconds);
    let callers = (0..options.concurrency).map(|caller| call(Arc::clone(&agent), caller, end));
    let mut tasks = tokio::task::JoinSet::new();
    for caller in callers {
        tasks.spawn(caller);
    }
    let begun = now();
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done??);
    }
    let seconds = begun.elapsed().as_secs_f64();
    tracemem.close().await?;
    latencies.sort_unstable();
    let line = serde_json::json!({
        "peer": "tracemem",
        "version": env!("CARGO_PKG_VERSION"),
        "workload": "w1",
        "store": options.store,
        "concurrency": options.concurrency,
        "lifecycles_per_s": (latencies.len() as f64 / seconds).round(),
        "p50_ms": percentile(&latencies, 50),
        "p99_ms": percentile(&latencies, 99),
    });
    println!("{line}");
    Ok(())
}

async fn call(agent: Arc<Agent>, caller: u32, end: Instant) -> Result<Vec<Duration>, Failed> {
    let mut latencies = Vec::new();
    for turn in 0_u64.. {
        let begun = now();
        if begun >= end {
            break;
        }
        let body = format!(
            r#"{{"intent": "refund.issue", "context": {{"amount_minor": 1200, "target_system": "billing",
            "target_object_id": "ch_{caller}_{turn}", "mutation": "refund.create"}}}}"#
        );
        let request =
            DecisionRequest::from_json(format!("{caller}-{turn}").parse()?, body.as_bytes())?;
        let run = agent.guard(request, Safety::Opaque).run(async |permit| {
            Ok::<_, EffectError<std::io::Error>>(
                permit.executed("re_1").outcome(Outcome::succeeded()),
            )
        });
        if !matches!(run.await?, Run::Executed { .. }) {
            return Err("a lifecycle did not run".into());
        }
        latencies.push(begun.elapsed());
    }
    Ok(latencies)
}

fn percentile(sorted: &[Duration], percent: usize) -> Option<f64> {
    let at = sorted.len().saturating_sub(1) * percent / 100;
    sorted
        .get(at)
        .map(|latency| (latency.as_secs_f64() * 1e6).round() / 1e3)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement reads the monotonic clock"
)]
fn now() -> Instant {
    Instant::now()
}
