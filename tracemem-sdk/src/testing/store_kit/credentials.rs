//! Rules of reading sealed credentials, and of their versions.

use std::num::NonZeroU32;

use super::{
    KitError, KitResult, Stage,
    check::{equal, failed, present, written},
    material::{ALL, at, step},
};
use crate::{
    id::TenantId,
    secrets::{CredentialName, Kek, Secret, StaticKeyring, open, seal},
    store::{
        Catalog, CredentialChange, CredentialCursor, DocumentKind, SealedCredential,
        StoreErrorKind, StreamId,
    },
    time::Timestamp,
};

/// A credential is found at each version and at its newest; a version that it never had, zero too, is not found.
pub async fn a_credential_is_found_at_each_version_and_at_its_newest<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    for version in 1..=3 {
        change(stage, version - 1, vec![put("mail", "token", version)?]).await?;
        let newest = find(stage, "mail", "token", None).await?;
        let newest = newest.map(|newest| (newest.version, newest.envelope, newest.expires_at));
        equal(
            "where no version is asked for the newest is found, and it does not expire",
            &newest,
            &Some((version, envelope("mail", "token", version), None)),
        )?;
    }
    for version in 1..=3 {
        let found = find(stage, "mail", "token", Some(version)).await?;
        let found = present("a credential is found at each version", found)?;
        equal(
            "a credential is found at each version",
            &(found.version, found.envelope),
            &(version, envelope("mail", "token", version)),
        )?;
    }
    for version in [0, 4, u64::from(u32::MAX)] {
        let found = find(stage, "mail", "token", Some(version)).await?;
        equal("a version that never was is not found", &found, &None)?;
    }
    Ok(())
}

/// A credential that nobody stored is not found, nor one of another integration or kind; and no document comes of one.
pub async fn a_credential_that_nobody_stored_is_not_found<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    change(stage, 0, vec![put("mail", "token", 1)?]).await?;
    let promise = "a credential that nobody stored is not found";
    for (integration, kind) in [
        ("mail", "key"),
        ("chat", "token"),
        ("Mail", "token"),
        ("mail", "tokens"),
    ] {
        equal(promise, &find(stage, integration, kind, None).await?, &None)?;
        equal(
            promise,
            &find(stage, integration, kind, Some(1)).await?,
            &None,
        )?;
    }
    for kind in [
        DocumentKind::Route,
        DocumentKind::Rulebook,
        DocumentKind::Attachment,
    ] {
        let documents = stage
            .store()
            .documents(stage.tenant(), kind, None, ALL)
            .await?;
        equal("a credential is no document", &documents, &vec![])?;
    }
    Ok(())
}

/// Envelopes come back byte for byte, whatever is in them.
pub async fn envelopes_come_back_byte_for_byte<S: Catalog>(stage: &Stage<S>) -> KitResult {
    let long = "x".repeat(128);
    let envelopes = [
        ("every", (0..=255).collect()),
        ("large", vec![0xff; 70_000]),
        (long.as_str(), vec![0]),
    ];
    let mut changes = Vec::new();
    for (integration, bytes) in &envelopes {
        changes.push(put_bytes(integration, &long, 1, Vec::clone(bytes), at(0))?);
    }
    change(stage, 0, changes).await?;
    for (integration, bytes) in envelopes {
        let found = present("it is found", find(stage, integration, &long, None).await?)?;
        equal("envelopes come back byte for byte", &found.envelope, &bytes)?;
    }
    Ok(())
}

/// Nothing of another tenant is found, and the same credential of two tenants is two, with versions of their own.
pub async fn a_tenant_finds_no_credential_of_another<S: Catalog>(stage: &Stage<S>) -> KitResult {
    let foreign: TenantId = "Tenant-a".parse()?;
    change(stage, 0, vec![put("mail", "token", 1)?]).await?;
    change(stage, 1, vec![put("mail", "token", 2)?]).await?;
    let (store, promise) = (stage.store(), "nothing of another tenant is found");
    let (integration, kind) = ("mail".parse()?, "token".parse()?);
    for version in [None, Some(1), Some(2)] {
        let found = store
            .credential(&foreign, &integration, &kind, version)
            .await?;
        equal(promise, &found, &None)?;
    }
    let mut commit = step(&foreign, &StreamId::Admin, 0, 1, "stores")?;
    commit.credentials = vec![put_bytes("mail", "token", 1, b"theirs".to_vec(), at(0))?];
    written(&store.commit(commit).await?, 1)?;
    let theirs = store
        .credential(&foreign, &integration, &kind, None)
        .await?;
    equal(
        "each tenant has versions of its own",
        &theirs.map(|theirs| theirs.envelope),
        &Some(b"theirs".to_vec()),
    )?;
    let ours = present(promise, find(stage, "mail", "token", None).await?)?;
    equal(promise, &ours.envelope, &envelope("mail", "token", 2))?;
    equal(
        promise,
        &expiries(stage, "mail", "token", 2).await?,
        &vec![Some(at(100)), None],
    )?;
    Ok(())
}

/// The next version says when those before it expire; one that expires sooner already is not kept longer, and others are left.
pub async fn the_next_version_bounds_how_long_earlier_ones_are_kept<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    let store = async |expected, version, until| {
        let bytes = envelope("mail", "token", version);
        change(
            stage,
            expected,
            vec![put_bytes("mail", "token", version, bytes, until)?],
        )
        .await
    };
    change(
        stage,
        0,
        vec![put("mail", "key", 1)?, put("chat", "token", 1)?],
    )
    .await?;
    store(1, 1, at(0)).await?;
    store(2, 2, at(500)).await?;
    let promise = "a version expires when the next says, and no later than it did before";
    equal(
        promise,
        &expiries(stage, "mail", "token", 2).await?,
        &vec![Some(at(500)), None],
    )?;
    store(3, 3, at(600)).await?;
    let expected = vec![Some(at(500)), Some(at(600)), None];
    equal(
        promise,
        &expiries(stage, "mail", "token", 3).await?,
        &expected,
    )?;
    store(4, 4, at(20)).await?;
    let expected = vec![Some(at(20)), Some(at(20)), Some(at(20)), None];
    equal(
        promise,
        &expiries(stage, "mail", "token", 4).await?,
        &expected,
    )?;
    let promise = "credentials of other integrations and kinds are left";
    equal(
        promise,
        &expiries(stage, "mail", "key", 1).await?,
        &vec![None],
    )?;
    equal(
        promise,
        &expiries(stage, "chat", "token", 1).await?,
        &vec![None],
    )?;
    Ok(())
}

/// The walk gives all versions of all tenants, each once, in order, however it is cut.
pub async fn all_credentials_are_walked_in_order_without_gap_or_repetition<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    let names = [
        ("b", "t"),
        ("B", "t"),
        ("a", "u"),
        ("a", "t"),
        ("a.b", "t"),
        ("a-b", "t"),
        ("ab", "t"),
    ];
    let tenants: [TenantId; 3] = [
        stage.tenant().clone(),
        "tenant-b".parse()?,
        "tenant".parse()?,
    ];
    let mut expected = Vec::new();
    for tenant in &tenants {
        let mut commit = step(tenant, &StreamId::Admin, 0, 1, "stores")?;
        for (integration, kind) in names {
            for version in 1..=2 {
                commit.credentials.push(put(integration, kind, version)?);
                let (integration, kind) = (integration.parse()?, kind.parse()?);
                let tenant = tenant.clone();
                expected.push(CredentialCursor {
                    tenant,
                    integration,
                    kind,
                    version,
                });
            }
        }
        written(&stage.store().commit(commit).await?, 1)?;
    }
    expected.sort();
    let promise = "the walk gives each credential once, in order";
    for limit in [1, 4, 5, 41, 1_000] {
        let mut walked = Vec::new();
        let mut after = None;
        loop {
            let limit = NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN);
            let page = stage.store().credentials(after.as_ref(), limit).await?;
            if page.len() > limit.get() as usize {
                Err("a page is longer than was asked for")?;
            }
            let Some(last) = page.last() else { break };
            after = Some(cursor(last));
            walked.extend(page.iter().map(cursor));
        }
        equal(promise, &walked.is_sorted(), &true)?;
        // A foreign tenant may have some too.
        walked.retain(|place| tenants.contains(&place.tenant));
        equal(promise, &walked, &expected)?;
    }
    Ok(())
}

/// A row that is moved to another tenant, integration, kind or version does not open there, and where it was it does.
pub async fn a_credential_that_was_moved_does_not_open<S: Catalog>(stage: &Stage<S>) -> KitResult {
    let keys = StaticKeyring::new(Kek::from_bytes("k1", &(0..32).collect::<Vec<_>>())?);
    let named = |tenant: &str, integration: &str, kind: &str, version| {
        Ok::<_, KitError>(CredentialName {
            tenant: tenant.parse()?,
            integration: integration.parse()?,
            kind: kind.parse()?,
            version,
        })
    };
    let name = named(stage.tenant().as_str(), "mail", "token", 1)?;
    let sealed = seal(&keys, &name, &Secret::new("hunter2")?).await?;
    let places = [
        name.clone(),
        named(stage.tenant().as_str(), "mail", "token", 2)?,
        named(stage.tenant().as_str(), "mail", "other", 1)?,
        named(stage.tenant().as_str(), "chat", "token", 1)?,
        named("tenant-b", "mail", "token", 1)?,
    ];
    let mut heads = std::collections::BTreeMap::new();
    for place in &places {
        let head: &mut u64 = heads.entry(place.tenant.clone()).or_default();
        let mut commit = step(&place.tenant, &StreamId::Admin, *head, 1, "stores")?;
        let (integration, kind) = (place.integration.as_str(), place.kind.as_str());
        commit.credentials = vec![put_bytes(
            integration,
            kind,
            place.version,
            sealed.clone(),
            at(100),
        )?];
        *head += 1;
        written(&stage.store().commit(commit).await?, *head)?;
    }
    for place in places {
        let CredentialName {
            tenant,
            integration,
            kind,
            version,
        } = &place;
        let stored = stage
            .store()
            .credential(tenant, integration, kind, Some(*version))
            .await?;
        let stored = present("it is found", stored)?;
        let opened = open(&keys, &place, &stored.envelope).await;
        equal(
            "a credential opens only where it was stored",
            &opened.is_ok(),
            &(place == name),
        )?;
    }
    Ok(())
}

/// Credentials are found through another handle at once, and after a close and a reopen; a closed catalog gives none.
pub async fn credentials_are_found_through_any_open_handle<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    let other = stage.open().await?;
    change(stage, 0, vec![put("mail", "token", 1)?]).await?;
    let (integration, kind) = ("mail".parse()?, "token".parse()?);
    let promise = "what a commit wrote is read by whoever asks after it returned";
    let found = other
        .credential(stage.tenant(), &integration, &kind, None)
        .await?;
    equal(promise, &found, &find(stage, "mail", "token", None).await?)?;
    stage.store().close().await?;
    other.close().await?;
    let promise = "after `close` every call fails with `Closed`";
    let closed = other
        .credential(stage.tenant(), &integration, &kind, None)
        .await;
    failed(promise, &closed, StoreErrorKind::Closed)?;
    failed(
        promise,
        &other.credentials(None, ALL).await,
        StoreErrorKind::Closed,
    )?;
    let again = stage
        .open()
        .await?
        .credential(stage.tenant(), &integration, &kind, Some(1))
        .await?;
    equal("a reopened store finds everything", &again, &found)?;
    Ok(())
}

/// The envelope that stands at this place, as far as the rules are concerned.
pub(super) fn envelope(integration: &str, kind: &str, version: u64) -> Vec<u8> {
    format!("{integration} {kind} {version}").into_bytes()
}

/// Puts a version that lets earlier ones expire at 100.
pub(super) fn put(
    integration: &str,
    kind: &str,
    version: u64,
) -> Result<CredentialChange, KitError> {
    put_bytes(
        integration,
        kind,
        version,
        envelope(integration, kind, version),
        at(100),
    )
}

pub(super) fn put_bytes(
    integration: &str,
    kind: &str,
    version: u64,
    envelope: Vec<u8>,
    previous_until: Timestamp,
) -> Result<CredentialChange, KitError> {
    let (integration, kind) = (integration.parse()?, kind.parse()?);
    Ok(CredentialChange::Put {
        integration,
        kind,
        version,
        envelope,
        previous_until,
    })
}

/// Changes credentials with one entry of the administrative stream; nothing may stand against it.
pub(super) async fn change<S: Catalog>(
    stage: &Stage<S>,
    expected: u64,
    changes: Vec<CredentialChange>,
) -> KitResult {
    let mut commit = stage.step(&StreamId::Admin, expected, 1, "changes")?;
    commit.credentials = changes;
    stage.wrote(commit).await
}

pub(super) async fn find<S: Catalog>(
    stage: &Stage<S>,
    integration: &str,
    kind: &str,
    version: Option<u64>,
) -> Result<Option<SealedCredential>, KitError> {
    let (integration, kind) = (integration.parse()?, kind.parse()?);
    Ok(stage
        .store()
        .credential(stage.tenant(), &integration, &kind, version)
        .await?)
}

/// When each of so many versions expires.
async fn expiries<S: Catalog>(
    stage: &Stage<S>,
    integration: &str,
    kind: &str,
    versions: u64,
) -> Result<Vec<Option<Timestamp>>, KitError> {
    let mut expiries = Vec::new();
    for version in 1..=versions {
        let found = find(stage, integration, kind, Some(version)).await?;
        expiries.push(present("the version is there", found)?.expires_at);
    }
    Ok(expiries)
}

fn cursor((tenant, credential): &(TenantId, SealedCredential)) -> CredentialCursor {
    CredentialCursor {
        tenant: tenant.clone(),
        integration: credential.integration.clone(),
        kind: credential.kind.clone(),
        version: credential.version,
    }
}
