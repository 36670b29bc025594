//! prof
use tracemem_sdk::{
    TraceMem,
    decision::{DecisionRequest, Outcome},
    guard::{EffectError, Safety},
    policy::{Attachment, DeclaredPolicy, Policy},
    testing::MemoryStore,
};
const RULEBOOK: &[u8] = br#"{"schema_version": "rulebook_v1", "rulebook_id": "small_refunds", "version": "1",
    "input_schema": {"required": ["amount_minor"], "properties": {"amount_minor": {"type": "integer"}}},
    "rules": [{"rule_id": "small_enough", "condition": {"field": "amount_minor", "operator": "lte", "value": 5000},
        "outcome": {"decision": "yes", "verdict": "APPROVE", "action": "refund", "reason_code": "SMALL_ENOUGH"}}],
    "default_outcome": {"decision": "review", "verdict": "REVIEW", "action": "ask", "reason_code": "TOO_LARGE"}}"#;
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let policy = DeclaredPolicy::from_json(RULEBOOK).unwrap();
    let attachment = Attachment::everywhere(policy.id());
    let t = TraceMem::builder(MemoryStore::new())
        .policy(policy)
        .attach(attachment)
        .build()
        .unwrap();
    let agent = t
        .tenant("bench".parse().unwrap())
        .agent("bench".parse().unwrap());
    let n: u32 = std::env::args().nth(1).unwrap().parse().unwrap();
    let b = std::time::Instant::now();
    for turn in 0..n {
        let body = format!(
            r#"{{"intent": "refund.issue", "context": {{"amount_minor": 1200, "target_system": "billing",
        "target_object_id": "ch_{turn}", "mutation": "refund.create"}}}}"#
        );
        let request =
            DecisionRequest::from_json(format!("k-{turn}").parse().unwrap(), body.as_bytes())
                .unwrap();
        agent
            .guard(request, Safety::Opaque)
            .run(async |permit| {
                Ok::<_, EffectError<std::io::Error>>(
                    permit.executed("re_1").outcome(Outcome::succeeded()),
                )
            })
            .await
            .unwrap()
            .executed()
            .unwrap();
    }
    println!("{:?} per lifecycle", b.elapsed() / n);
}
