//! A queue worker that wraps its side effect in the guard: one job is redelivered three times, and its refund happens once.
//!
//! Queues deliver at least once. The guard turns that into at most one effect per job, and says of each delivery what became of it, so
//! that the worker knows what to tell the queue. `cargo run --example queue_worker` prints a table and ends with 1 if the claim is not
//! true. Everything is kept in memory here; on a real store the same holds for several workers in several processes.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    error::Error,
    process::ExitCode,
    sync::{Mutex, PoisonError},
};

use serde_json::{Map, json};
use tracemem_sdk::{
    TraceMem,
    decision::{DecisionRequest, Outcome},
    guard::{EffectError, Execution, Permit, Run, Safety},
    policy::{Attachment, PolicyFn, PolicyOutcome},
    tenant::Agent,
    testing::MemoryStore,
};

/// What the queue holds.
#[derive(Debug, Clone, Copy)]
struct Job {
    id: &'static str,
    charge: &'static str,
    amount: u64,
}

/// The queue, in the order of its deliveries: `job_841` comes again three times, as after a worker that died or was too slow.
const DELIVERIES: [Job; 6] = [
    JOB_841,
    JOB_841,
    Job {
        id: "job_842",
        charge: "ch_1043",
        amount: 900,
    },
    JOB_841,
    Job {
        id: "job_843",
        charge: "ch_1044",
        amount: 75_000,
    },
    JOB_841,
];
const JOB_841: Job = Job {
    id: "job_841",
    charge: "ch_1042",
    amount: 2_500,
};

/// What this worker may refund by itself, in cents.
const LIMIT: u64 = 50_000;

/// The payment provider. It does what it is told, as often as it is told.
#[derive(Debug, Default)]
struct Provider {
    refunds: Mutex<BTreeMap<&'static str, u32>>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let tracemem = tracemem()?;
    let agent = tracemem
        .tenant("acme".parse()?)
        .agent("refund-worker".parse()?);
    let provider = Provider::default();

    println!("delivery  job      charge   cents  what became of it");
    for (delivery, job) in (1..).zip(DELIVERIES) {
        let said = work(&agent, &provider, job).await?;
        let Job { id, charge, amount } = job;
        println!("{delivery:<8}  {id}  {charge}  {amount:>5}  {said}");
    }
    tracemem.close().await?;

    let refunds = provider
        .refunds
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    println!("\nrefunds at the provider: {refunds:?}");
    let claimed = BTreeMap::from([("ch_1042", 1), ("ch_1043", 1)]);
    if refunds == claimed {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("queue_worker: these are not the refunds that were claimed: {claimed:?}");
    Ok(ExitCode::FAILURE)
}

/// One delivery: what the worker tells the queue.
async fn work(
    agent: &Agent,
    provider: &Provider,
    job: Job,
) -> Result<&'static str, Box<dyn Error>> {
    let run = agent
        // The provider does not say what it knows of a refund, so one that was begun and not finished is never sent again.
        .guard(request(job)?, Safety::Opaque)
        .run(|permit| provider.refund(permit, job))
        .await?;
    Ok(match run {
        Run::Executed { .. } => "refunded now: acknowledge",
        Run::Replayed { .. } => "refunded before, not called again: acknowledge",
        Run::Pending(_) => "a human is asked: deliver again later",
        Run::Busy { .. } => "another worker has it: deliver again later",
        Run::Blocked { .. } => "policy says no: acknowledge and drop",
        Run::Uncertain { .. } => "begun before, and nobody knows: park it for a human",
    })
}

impl Provider {
    async fn refund(
        &self,
        permit: Permit,
        job: Job,
    ) -> Result<Execution<()>, EffectError<Infallible>> {
        let mut refunds = self.refunds.lock().unwrap_or_else(PoisonError::into_inner);
        *refunds.entry(job.charge).or_default() += 1;
        Ok(permit
            .executed(format!("re_{}", job.charge))
            .outcome(Outcome::succeeded()))
    }
}

/// The job's own id is the key: however often the job is delivered, it is one decision.
fn request(job: Job) -> Result<DecisionRequest, Box<dyn Error>> {
    let context = Map::from_iter([
        ("target_system".to_owned(), json!("payments")),
        ("target_object_id".to_owned(), json!(job.charge)),
        ("mutation".to_owned(), json!("refund.create")),
        ("amount".to_owned(), json!(job.amount)),
    ]);
    Ok(DecisionRequest::new(
        job.id.parse()?,
        &"refund.issue".parse()?,
        context,
    ))
}

fn tracemem() -> Result<TraceMem, Box<dyn Error>> {
    let policy = PolicyFn::new("refund_limit".parse()?, "1", |input| {
        let amount = input
            .context
            .get("amount")
            .and_then(serde_json::Value::as_u64);
        Ok(match amount {
            Some(amount) if amount <= LIMIT => PolicyOutcome::allow("WITHIN_LIMIT"),
            Some(_) => PolicyOutcome::deny("BEYOND_LIMIT"),
            None => PolicyOutcome::deny("NO_AMOUNT"),
        })
    });
    let everywhere = Attachment::everywhere("refund_limit".parse()?);
    Ok(TraceMem::builder(MemoryStore::new())
        .policy(policy)
        .attach(everywhere)
        .build()?)
}
