//! Storing, reading, rotating and removing credentials.

use std::{error::Error, time::Duration};

use serde_json::json;
use tracemem_sdk::{
    TraceMem,
    approval::ApproverIdentity,
    secrets::{
        CredentialError, CredentialRemoved, CredentialStored, InvalidEnvelope, KeyError,
        SealingError, Secret,
    },
    store::{Backend, CredentialChange, Store, StreamId},
    testing::{CommitFault, MemoryStore},
};

use super::{
    Tested,
    rings::{first, second},
    world::{HOUR, World},
};

#[tokio::test]
async fn what_was_stored_is_read_and_the_answer_says_stored_and_nothing_else() -> Tested {
    let world = World::new();
    let process = world.process(first()?)?;
    assert!(process.reads("acme", None).await?.is_none());
    let answer = process
        .admin("acme")?
        .store_credential(
            &process.integration,
            &process.kind,
            &Secret::new("hunter1")?,
            HOUR,
        )
        .await?;
    assert_eq!(serde_json::to_string(&answer)?, r#"{"stored":true}"#);
    assert_eq!(format!("{answer:?}"), "CredentialStored");
    let read = process
        .reads("acme", None)
        .await?
        .ok_or("it is not there")?;
    assert_eq!((read.version, read.expires_at), (1, None));
    assert_eq!(read.secret.expose_text(), Some("hunter1"));
    assert_eq!(
        world.changes("acme").await?,
        [json!([1, "stored", null, "admin"])]
    );
    Ok(())
}

#[tokio::test]
async fn a_rotation_keeps_the_version_before_for_as_long_as_is_said() -> Tested {
    let world = World::new();
    let process = world.process(first()?)?;
    process.stores("hunter1", HOUR).await?;
    process.stores("hunter2", HOUR).await?;
    assert_eq!(process.reads_text(None).await?.as_deref(), Some("hunter2"));
    assert_eq!(
        process.reads_text(Some(2)).await?.as_deref(),
        Some("hunter2")
    );
    assert_eq!(
        process.reads_text(Some(1)).await?.as_deref(),
        Some("hunter1")
    );
    assert_eq!(process.reads_text(Some(3)).await?, None);
    let until = world
        .rows()
        .await?
        .first()
        .ok_or("no row")?
        .1
        .expires_at
        .ok_or("it never expires")?;
    world.clock.set(tracemem_sdk::time::Timestamp::from_micros(
        until.as_micros() - 1,
    ));
    assert_eq!(
        process.reads_text(Some(1)).await?.as_deref(),
        Some("hunter1")
    );
    world.clock.set(until);
    assert_eq!(
        process.reads_text(Some(1)).await?,
        None,
        "it has expired, though it is there"
    );
    assert_eq!(process.reads_text(None).await?.as_deref(), Some("hunter2"));
    let changes = [
        json!([1, "stored", null, "admin"]),
        json!([2, "stored", until.to_string(), "admin"]),
    ];
    assert_eq!(world.changes("acme").await?, changes);
    Ok(())
}

#[tokio::test]
async fn a_credential_that_leaked_is_replaced_at_once_and_all_before_it_with_it() -> Tested {
    let world = World::new();
    let process = world.process(first()?)?;
    process.stores("hunter1", HOUR).await?;
    process.stores("hunter2", 10 * HOUR).await?;
    process.stores("hunter3", Duration::ZERO).await?;
    for version in [1, 2] {
        assert_eq!(process.reads_text(Some(version)).await?, None);
    }
    assert_eq!(process.reads_text(None).await?.as_deref(), Some("hunter3"));
    Ok(())
}

#[tokio::test]
async fn a_drained_version_is_removed_and_the_newest_is_not() -> Tested {
    let world = World::new();
    let process = world.process(first()?)?;
    process.stores("hunter1", HOUR).await?;
    process.stores("hunter2", HOUR).await?;
    let admin = process.admin("acme")?;
    let remove = async |version| {
        admin
            .remove_credential(&process.integration, &process.kind, version)
            .await
    };
    assert!(matches!(remove(2).await, Err(CredentialError::Newest(2))));
    assert_eq!(remove(1).await?, CredentialRemoved::Removed);
    assert_eq!(remove(1).await?, CredentialRemoved::NotThere);
    assert_eq!(process.reads_text(Some(1)).await?, None);
    assert_eq!(process.reads_text(None).await?.as_deref(), Some("hunter2"));
    assert_eq!(
        world.changes("acme").await?.last(),
        Some(&json!([1, "removed", null, "admin"]))
    );
    assert_eq!(world.changes("acme").await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn i7_a_tenant_reads_stores_and_removes_nothing_of_another() -> Tested {
    let world = World::new();
    let process = world.process(first()?)?;
    process.stores("hunter1", HOUR).await?;
    process.stores("hunter2", HOUR).await?;
    assert!(process.reads("Acme", None).await?.is_none());
    assert!(process.reads("Acme", Some(1)).await?.is_none());
    let removed = process
        .admin("Acme")?
        .remove_credential(&process.integration, &process.kind, 1)
        .await?;
    assert_eq!(removed, CredentialRemoved::NotThere);
    process.stores_for("Acme", "theirs", HOUR).await?;
    let theirs = process
        .reads("Acme", None)
        .await?
        .ok_or("it is not there")?;
    assert_eq!(theirs.version, 1, "each tenant has versions of its own");
    assert_eq!(process.reads_text(None).await?.as_deref(), Some("hunter2"));
    Ok(())
}

#[tokio::test]
async fn an_unknown_key_is_an_error_and_never_reads_as_no_credential() -> Tested {
    let world = World::new();
    world.process(second()?)?.stores("hunter1", HOUR).await?;
    let read = world.process(first()?)?.reads("acme", None).await;
    let Err(CredentialError::Sealing {
        source: SealingError::Key(KeyError::Unknown(id)),
        ..
    }) = read
    else {
        return Err(format!("{read:?}").into());
    };
    assert_eq!(id.as_str(), "k2");
    Ok(())
}

#[tokio::test]
async fn a_row_that_was_tampered_with_is_an_error() -> Tested {
    let world = World::new();
    let process = world.process(first()?)?;
    process.stores("hunter1", HOUR).await?;
    process.stores("hunter2", HOUR).await?;
    let envelopes: Vec<_> = world
        .rows()
        .await?
        .into_iter()
        .map(|(_, row)| row.envelope)
        .collect();
    let [one, two] = envelopes.as_slice() else {
        return Err("two rows".into());
    };
    // Somebody who can write the table brings the first version back in the place of the second.
    replace(&world, 2, two, one).await?;
    let read = process.reads("acme", None).await;
    assert!(matches!(
        read,
        Err(CredentialError::Sealing {
            source: SealingError::Key(KeyError::Refused(_)),
            ..
        })
    ));
    replace(&world, 2, one, b"plain text").await?;
    let read = process.reads("acme", None).await;
    assert!(matches!(
        read,
        Err(CredentialError::Sealing {
            source: SealingError::Envelope(InvalidEnvelope::Magic),
            ..
        })
    ));
    Ok(())
}

#[tokio::test]
async fn a_store_that_fails_stores_nothing_or_all() -> Tested {
    let world = World::new();
    let process = world.process(first()?)?;
    world.store.fail_commit(0, CommitFault::BeforeWriting);
    assert!(process.stores("hunter1", HOUR).await.is_err());
    assert!(process.reads("acme", None).await?.is_none());
    world.store.fail_commit(0, CommitFault::AfterWriting);
    assert!(process.stores("hunter1", HOUR).await.is_err());
    assert_eq!(process.reads_text(None).await?.as_deref(), Some("hunter1"));
    assert_eq!(world.changes("acme").await?.len(), 1);
    world.store.take_down();
    assert!(matches!(
        process.reads("acme", None).await,
        Err(CredentialError::Store(_))
    ));
    Ok(())
}

#[tokio::test]
async fn of_many_who_store_at_once_each_has_a_version_of_their_own() -> Tested {
    let world = World::new();
    let process = std::sync::Arc::new(world.process(first()?)?);
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..12 {
        let process = process.clone();
        tasks.spawn(async move {
            let stored = process.stores(&format!("hunter{writer}"), HOUR).await;
            stored.map_err(|error| error.to_string())
        });
    }
    while let Some(stored) = tasks.join_next().await {
        stored??;
    }
    let mut read = Vec::new();
    for version in 1..=12 {
        read.extend(process.reads_text(Some(version)).await?);
    }
    read.sort();
    read.dedup();
    assert_eq!(read.len(), 12);
    assert_eq!(world.changes("acme").await?.len(), 12);
    Ok(())
}

#[tokio::test]
async fn without_a_key_provider_or_a_catalog_it_says_so() -> Tested {
    let keyless = TraceMem::builder(MemoryStore::new()).build()?;
    let stored = try_to_store(&keyless).await?;
    assert!(matches!(stored, Err(CredentialError::NoKeyProvider)));
    let plain = Backend::store_only(std::sync::Arc::new(MemoryStore::new()));
    let plain = TraceMem::builder(plain).key_provider(first()?).build()?;
    assert!(matches!(
        try_to_store(&plain).await?,
        Err(CredentialError::NoCatalog)
    ));
    let read = plain
        .credential(&"acme".parse()?, &"mail".parse()?, &"token".parse()?, None)
        .await;
    assert!(matches!(read, Err(CredentialError::NoCatalog)));
    let walked = keyless
        .maintain_credentials(None, std::num::NonZeroU32::MIN)
        .await;
    assert!(matches!(walked, Err(CredentialError::NoKeyProvider)));
    Ok(())
}

async fn try_to_store(
    tracemem: &TraceMem,
) -> Result<Result<CredentialStored, CredentialError>, Box<dyn Error>> {
    let admin = tracemem
        .tenant("acme".parse()?)
        .admin(ApproverIdentity::new("admin".parse()?));
    Ok(admin
        .store_credential(
            &"mail".parse()?,
            &"token".parse()?,
            &Secret::new("x")?,
            HOUR,
        )
        .await)
}

/// Writes an envelope past the library.
async fn replace(world: &World, version: u64, from: &[u8], to: &[u8]) -> Tested {
    let tenant = "acme".parse()?;
    let head = world
        .store
        .head(&tenant, &StreamId::Admin)
        .await?
        .ok_or("no stream")?;
    let projection = tracemem_sdk::store::Projection::default();
    let mut commit = tracemem_sdk::store::Commit::new(
        tenant,
        StreamId::Admin,
        head.version,
        Vec::new(),
        projection,
    );
    commit.credentials = vec![CredentialChange::Rewrap {
        integration: "mail".parse()?,
        kind: "token".parse()?,
        version,
        from: from.to_vec(),
        to: to.to_vec(),
    }];
    let committed = world.store.commit(commit).await?;
    assert!(
        matches!(committed, tracemem_sdk::store::Committed::Written(_)),
        "{committed:?}"
    );
    Ok(())
}
