//! What `--out` writes can be checked by somebody who has only the files.

use std::fs;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tracemem_sdk::evidence::record::record_hash;

use crate::program::{Fault, Tested, Workplace, at};

#[tokio::test]
async fn the_record_has_the_hash_that_was_reported() -> Tested {
    let (summary, _, record) = run().await?;
    assert_eq!(at(&record, "/record_hash"), at(&summary, "/record_hash"));
    assert_eq!(
        record_hash(&record)?.to_hex(),
        at(&summary, "/record_hash").as_str().unwrap_or_default()
    );
    assert_eq!(at(&record, "/decision_id"), at(&summary, "/decision_id"));
    Ok(())
}

#[tokio::test]
async fn the_trace_is_a_chain_that_can_be_hashed_again() -> Tested {
    let (summary, trace, _) = run().await?;
    let events = at(&trace, "/events")
        .as_array()
        .ok_or("there are no events")?;
    assert_eq!(*at(&summary, "/events"), events.len());
    let mut before = Value::Null;
    for (seq, event) in (1_u64..).zip(events) {
        let envelope = at(event, "/envelope");
        assert_eq!(at(envelope, "/seq"), seq);
        assert_eq!(*at(envelope, "/prev"), before);
        // Objects have their keys in order here and there are no floats, so that this is the canonical form (RFC 8785); the hash of
        // a leaf begins with a zero byte (RFC 6962).
        let mut leaf = vec![0];
        leaf.extend(serde_json::to_vec(envelope)?);
        let expected = format!("sha256:{}", hex(&Sha256::digest(&leaf)));
        assert_eq!(*at(event, "/leaf"), expected, "event {seq}");
        before = at(event, "/leaf").clone();
    }
    Ok(())
}

#[tokio::test]
async fn the_files_of_a_later_run_are_the_same() -> Tested {
    let place = Workplace::new()?;
    let out = place.out();
    let arguments = ["--auto", "--json", "--out", out.to_str().ok_or("no text")?];
    place.run(&arguments).await?.finished()?;
    let first = [
        fs::read(out.join("trace.json"))?,
        fs::read(out.join("record.json"))?,
    ];
    place.run(&arguments).await?.finished()?;
    assert_eq!(
        [
            fs::read(out.join("trace.json"))?,
            fs::read(out.join("record.json"))?
        ],
        first
    );
    assert_eq!(fs::read_dir(&out)?.count(), 2, "nothing temporary is left");
    Ok(())
}

/// The summary, the trace and the record of a run.
async fn run() -> Result<(Value, Value, Value), Fault> {
    let place = Workplace::new()?;
    let out = place.out();
    let ran = place
        .run(&["--auto", "--json", "--out", out.to_str().ok_or("no text")?])
        .await?
        .finished()?;
    let read = |name| Ok::<Value, Fault>(serde_json::from_slice(&fs::read(out.join(name))?)?);
    Ok((ran.summary()?, read("trace.json")?, read("record.json")?))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
