//! Rules of changing sealed credentials: each change fits what is there, or the commit writes nothing.

use super::{
    KitError, KitResult, Stage,
    check::{equal, failed, present, together, written},
    credentials::{change, envelope, find, put},
    material::{ALL, stream},
};
use crate::store::{
    Catalog, Committed, CredentialChange, SealedCredential, StoreErrorKind, StreamId,
};

/// A change that does not fit what is there fails with [`StoreErrorKind::Backend`], and its commit writes nothing: neither the change,
/// nor those beside it that fit, nor its entries.
pub async fn a_change_that_does_not_fit_is_refused<S: Catalog>(stage: &Stage<S>) -> KitResult {
    change(stage, 0, vec![put("mail", "token", 1)?]).await?;
    change(stage, 1, vec![put("mail", "token", 2)?]).await?;
    let before = all(stage).await?;
    let wrong = [
        put("mail", "token", 0)?,
        put("mail", "token", 2)?,
        put("mail", "token", 4)?,
        put("chat", "token", 0)?,
        put("chat", "token", 2)?,
        rewrap("mail", "token", 2, b"another")?,
        rewrap("mail", "token", 1, &envelope("mail", "token", 2))?,
        rewrap("mail", "token", 3, &envelope("mail", "token", 3))?,
        rewrap("chat", "token", 1, &envelope("chat", "token", 1))?,
        remove("mail", "token", 2)?,
        remove("mail", "token", 3)?,
        remove("chat", "token", 1)?,
    ];
    for wrong in wrong {
        let mut commit = stage.step(&StreamId::Admin, 2, 1, "wrong")?;
        commit.credentials = vec![put("early", "token", 1)?, wrong, put("late", "token", 1)?];
        let committed = stage.store().commit(commit).await;
        failed(
            "a change that does not fit is refused",
            &committed,
            StoreErrorKind::Backend,
        )?;
    }
    let promise = "a commit that fails writes nothing";
    equal(promise, &all(stage).await?, &before)?;
    let stored = present(promise, stage.stream(&StreamId::Admin).await?)?;
    equal(promise, &stored.version.0, &2)?;
    Ok(())
}

/// Whoever changes credentials on a head that has moved is told so, whether their changes fit or not, and nothing is written.
pub async fn a_moved_head_is_told_before_a_change_that_does_not_fit<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    change(stage, 0, vec![put("mail", "token", 1)?]).await?;
    let before = all(stage).await?;
    let changes = [
        put("mail", "token", 1)?,
        put("mail", "token", 2)?,
        rewrap("mail", "token", 1, b"another")?,
        rewrap("mail", "token", 1, &envelope("mail", "token", 1))?,
        remove("mail", "token", 1)?,
    ];
    for late in changes {
        let mut commit = stage.step(&StreamId::Admin, 0, 1, "late")?;
        commit.credentials = vec![late];
        let committed = stage.store().commit(commit).await?;
        equal(
            "a moved head is told first",
            &committed,
            &Committed::HeadMoved,
        )?;
    }
    equal(
        "a refused commit changes no credential",
        &all(stage).await?,
        &before,
    )?;
    Ok(())
}

/// A re-wrap replaces the envelope of one version and nothing else.
pub async fn a_rewrap_replaces_one_envelope<S: Catalog>(stage: &Stage<S>) -> KitResult {
    change(
        stage,
        0,
        vec![put("mail", "token", 1)?, put("chat", "token", 1)?],
    )
    .await?;
    change(stage, 1, vec![put("mail", "token", 2)?]).await?;
    let mut expected = all(stage).await?;
    change(
        stage,
        2,
        vec![rewrap("mail", "token", 1, &envelope("mail", "token", 1))?],
    )
    .await?;
    for credential in &mut expected {
        if credential.integration.as_str() == "mail" && credential.version == 1 {
            credential.envelope = b"wrapped anew".to_vec();
        }
    }
    equal(
        "a re-wrap replaces one envelope",
        &all(stage).await?,
        &expected,
    )?;
    Ok(())
}

/// A version that is removed is gone, and the others stay, also where the next is put.
pub async fn a_removed_version_is_gone_and_never_given_again<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    for version in 1..=3 {
        change(stage, version - 1, vec![put("mail", "token", version)?]).await?;
    }
    change(
        stage,
        3,
        vec![remove("mail", "token", 1)?, remove("mail", "token", 2)?],
    )
    .await?;
    let promise = "a removed version is gone, and the others stay";
    equal(
        promise,
        &find(stage, "mail", "token", Some(1)).await?,
        &None,
    )?;
    equal(
        promise,
        &find(stage, "mail", "token", Some(2)).await?,
        &None,
    )?;
    let newest = present(promise, find(stage, "mail", "token", None).await?)?;
    equal(promise, &newest.version, &3)?;
    change(stage, 4, vec![put("mail", "token", 4)?]).await?;
    let newest = present(promise, find(stage, "mail", "token", None).await?)?;
    equal("versions go on", &newest.version, &4)?;
    Ok(())
}

/// The changes of one commit are made in their order.
pub async fn changes_of_one_commit_are_made_in_order<S: Catalog>(stage: &Stage<S>) -> KitResult {
    let changes = vec![
        put("mail", "token", 1)?,
        put("mail", "token", 2)?,
        rewrap("mail", "token", 2, &envelope("mail", "token", 2))?,
        remove("mail", "token", 1)?,
    ];
    change(stage, 0, changes).await?;
    let left = all(stage).await?;
    let left: Vec<_> = left
        .into_iter()
        .map(|one| (one.version, one.envelope))
        .collect();
    equal(
        "the changes are made in order",
        &left,
        &vec![(2, b"wrapped anew".to_vec())],
    )?;
    Ok(())
}

/// Of 16 writers of the same next version exactly one wins, and its envelope is the one that is read.
pub async fn of_concurrent_writers_of_a_credential_exactly_one_wins<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    let mut calls = Vec::new();
    for writer in 0..16_u8 {
        let mut commit = stage.step(&StreamId::Admin, 0, 1, &format!("writer {writer}"))?;
        let (integration, kind) = ("mail".parse()?, "token".parse()?);
        let (envelope, previous_until) = (vec![writer], super::material::at(0));
        commit.credentials = vec![CredentialChange::Put {
            integration,
            kind,
            version: 1,
            envelope,
            previous_until,
        }];
        let store = stage.store().clone();
        calls.push(async move { store.commit(commit).await });
    }
    let mut won = Vec::new();
    for (writer, committed) in (0..16_u8).zip(together(calls).await?) {
        match committed? {
            Committed::Written(_) => won.push(vec![writer]),
            other => equal(
                "who loses the race is told so",
                &other,
                &Committed::HeadMoved,
            )?,
        }
    }
    let found = find(stage, "mail", "token", None).await?;
    let found = found.map(|found| vec![found.envelope]);
    equal(
        "exactly one of any number of concurrent writers wins, and is read",
        &found,
        &Some(won),
    )?;
    Ok(())
}

/// A commit with a change that does not fit, and that overlaps with others that do, fails alone.
pub async fn a_change_that_does_not_fit_fails_none_of_its_neighbours<S: Catalog>(
    stage: &Stage<S>,
) -> KitResult {
    let mut calls = Vec::new();
    for number in 0..32 {
        let version = if number % 4 == 0 { 2 } else { 1 };
        let mut commit = stage.step(&stream(number)?, 0, 1, "one of many")?;
        commit.credentials = vec![put(&format!("id-{number}"), "token", version)?];
        let store = stage.store().clone();
        calls.push(async move { store.commit(commit).await });
    }
    for (number, committed) in (0..32).zip(together(calls).await?) {
        if number % 4 == 0 {
            failed(
                "a change that does not fit is refused",
                &committed,
                StoreErrorKind::Backend,
            )?;
        } else {
            written(&committed?, 1)?;
        }
    }
    equal("the others are written", &all(stage).await?.len(), &24)?;
    Ok(())
}

fn rewrap(
    integration: &str,
    kind: &str,
    version: u64,
    from: &[u8],
) -> Result<CredentialChange, KitError> {
    let (from, to) = (from.to_vec(), b"wrapped anew".to_vec());
    let (integration, kind) = (integration.parse()?, kind.parse()?);
    Ok(CredentialChange::Rewrap {
        integration,
        kind,
        version,
        from,
        to,
    })
}

fn remove(integration: &str, kind: &str, version: u64) -> Result<CredentialChange, KitError> {
    let (integration, kind) = (integration.parse()?, kind.parse()?);
    Ok(CredentialChange::Remove {
        integration,
        kind,
        version,
    })
}

/// All credentials of the tenant.
async fn all<S: Catalog>(stage: &Stage<S>) -> Result<Vec<SealedCredential>, KitError> {
    let all = stage.store().credentials(None, ALL).await?;
    let ours = all
        .into_iter()
        .filter(|(tenant, _)| tenant == stage.tenant());
    Ok(ours.map(|(_, credential)| credential).collect())
}
