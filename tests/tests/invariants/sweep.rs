//! I11, on the side of the store: whichever call fails, no error reads as `yes`, and nobody gets a permit by it.

use serde_json::json;
use tracemem_sdk::{
    decision::DecideError,
    guard::{BlockReason, GuardError, Run},
    id::PolicyId,
    policy::PolicyFn,
    store::{DocumentKind, StoreErrorKind},
    testing::CommitFault,
};

use crate::{
    disks::Disk,
    world::{
        Failure, Guarded, Ruling, Target, Tested, World, allow, ask, deny, events, request, said,
    },
};

/// A call to the store that fails, the n-th of its kind.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Load(u64),
    Unwritten(u64),
    Unacknowledged(u64),
}

const CALLS: u64 = 5;

fn all() -> impl Iterator<Item = Fault> {
    (0..CALLS).flat_map(|n| {
        [
            Fault::Load(n),
            Fault::Unwritten(n),
            Fault::Unacknowledged(n),
        ]
    })
}

/// Asks for the effect with the first call failing, and again with the second, as a worker does that is delivered its job again.
async fn run<D: Disk>(
    world: &World<D>,
    target: &Target,
    faults: [Fault; 2],
) -> Result<Vec<Guarded>, Failure> {
    let mut runs = Vec::new();
    for fault in faults {
        match fault {
            Fault::Load(n) => world.store.fail_load(n),
            Fault::Unwritten(n) => world.store.fail_commit(n, CommitFault::BeforeWriting),
            Fault::Unacknowledged(n) => world.store.fail_commit(n, CommitFault::AfterWriting),
        }
        runs.push(world.run("k1", target).await?);
    }
    Ok(runs)
}

fn is_no_leave(run: &Guarded) -> bool {
    match run {
        Err(GuardError::NotStarted(_)) | Ok(Run::Pending(_)) => true,
        Ok(Run::Blocked { reason, .. }) => *reason == BlockReason::Denied,
        Ok(_) | Err(_) => false,
    }
}

pub(crate) async fn i11_no_fault_of_the_store_reads_as_yes<D: Disk>() -> Tested {
    for (ruling, verdict) in [(ask as Ruling, "review"), (deny, "no")] {
        for first in all() {
            let world = World::<D>::ruled(ruling).await?;
            let target = Target::default();
            for second in [
                Fault::Load(0),
                Fault::Unacknowledged(0),
                Fault::Unwritten(0),
            ] {
                let what = format!("{verdict}, {first:?}, {second:?}");
                for run in run(&world, &target, [first, second]).await? {
                    assert!(is_no_leave(&run), "{what}: {}", said(&run));
                }
                assert_eq!(target.effects(), 0, "{what}");
            }
            // Once the store is well again there is one decision, and it says what the policy said.
            let world = world.restarted().await?;
            let decided = world.agent()?.decide(&request("k1")?).await?;
            assert_eq!(
                decided.verdict().map(|verdict| verdict.as_str()),
                Some(verdict)
            );
            assert!(!events(decided.trace()).contains(&"execution_started"));
            assert_eq!(world.list().await?.len(), 1);
        }
    }
    // A store that is gone says yes to nothing, whatever policy says.
    let world = World::<D>::ruled(allow).await?;
    world.store.take_down();
    let decided = world.agent()?.decide(&request("k1")?).await;
    assert!(matches!(decided, Err(DecideError::Store(_))), "{decided:?}");
    Ok(())
}

const RULEBOOK: &str = r#"{"schema_version": "rulebook_v1", "rulebook_id": "stored", "version": "1", "rules": [],
    "default_outcome": {"decision": "no", "verdict": "NO", "action": "keep", "reason_code": "NEVER"}}"#;

pub(crate) async fn i11_a_configuration_that_cannot_be_read_stops_decisions<D: Disk>() -> Tested {
    // What the host registered allows; what the tenant's administrator stored forbids.
    let lax: PolicyId = "lax".parse()?;
    let world = World::<D>::configured(move |builder| {
        builder.policy(PolicyFn::new(lax.clone(), "1", |_| allow()))
    })
    .await?;
    let admin = world.admin()?;
    let rulebook = RULEBOOK.replace("\"rules\": []", r#""rules": [{"rule_id": "r1",
        "condition": {"field": "amount", "operator": "exists"},
        "outcome": {"decision": "no", "verdict": "NO", "action": "keep", "reason_code": "NEVER"}}]"#);
    admin.publish_rulebook(rulebook.as_bytes()).await?;
    for policy in ["stored", "lax"] {
        admin
            .attach_json(json!({"policy_id": policy}).to_string().as_bytes())
            .await?;
    }
    let written = world.probe.written();
    for kind in [DocumentKind::Rulebook, DocumentKind::Attachment] {
        for garbage in ["", "{}", "null", "{\"decision\": \"yes\"}"] {
            let world = world.beside().await?;
            world.probe.forge_documents(move |document| {
                if document.kind == kind {
                    document.bytes = garbage.as_bytes().to_vec();
                }
            });
            let target = Target::default();
            match world.run("k1", &target).await? {
                Err(GuardError::NotStarted(DecideError::Store(error))) => {
                    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
                }
                other => return Err(format!("{kind:?} {garbage}: {}", said(&other)).into()),
            }
            assert_eq!((target.effects(), world.probe.written()), (0, 0));
        }
    }
    assert_eq!(world.probe.written(), written);
    // Nothing is wrong but what was forged: the tenant's rulebook is obeyed.
    let run = world.run("k1", &Target::default()).await?;
    assert_eq!(said(&run), "policy says no");
    Ok(())
}
