//! A group of commits inside one transaction: who is refused, and what the others write.
//!
//! The caller gives a transaction and commits of which no two touch the same stream, key or job. In SQLite it is the only one to
//! write (`BEGIN IMMEDIATE`); in Postgres it reads what is committed (`READ COMMITTED`), and holds what it has looked at. Each commit then stands or falls alone: its statements say in their `WHERE` what must hold, and
//! who changes no row is refused and has written nothing. Nobody may be told of the outcome before the transaction is
//! committed. Any fault means that the transaction must be rolled back.
//!
//! The order is the order of causes in the contract of `Store`, but for the lease, which is looked at before the head is
//! moved, because a moved head cannot be undone and a held lease need not be.

use std::collections::HashSet;

use tracemem_sdk::{
    id::TenantId,
    store::{Commit, Committed, Version},
};

use super::{
    append,
    batches::{ADVANCE_STREAMS, ADVANCE_STREAMS_POSTGRES, CLAIM_KEYS, CREATE_STREAMS, batches},
    database::{Backend, Database},
    fault::{Cause, Fault},
    params::{Params, execute, first_row, rows},
    streams,
};

/// Writes those of the commits that nothing stands against, and says what came of each, in their order.
pub(crate) async fn apply<D: Database>(
    db: &D,
    commits: &[&Commit],
) -> Result<Vec<Committed>, Fault> {
    let mut group: Vec<Candidate<'_>> = commits
        .iter()
        .map(|commit| Candidate::new(commit))
        .collect();
    claim_keys(db, &mut group).await?;
    hold_heads(db, &group).await?;
    hold_leases(db, &mut group).await?;
    move_heads(db, &mut group).await?;
    let written: Vec<&Commit> = standing(&group).collect();
    if !written.iter().all(|commit| follows(commit)) {
        return Err(Fault::refused(Cause::EntriesDoNotFollow));
    }
    append::append(db, &written).await?;
    Ok(group.into_iter().map(Candidate::outcome).collect())
}

/// A commit that may yet be refused.
struct Candidate<'a> {
    commit: &'a Commit,
    refusal: Option<Committed>,
}

impl<'a> Candidate<'a> {
    fn new(commit: &'a Commit) -> Self {
        Self {
            commit,
            refusal: None,
        }
    }

    fn outcome(self) -> Committed {
        let Commit {
            expected, entries, ..
        } = self.commit;
        self.refusal
            .unwrap_or_else(|| Committed::Written(expected.after(entries.len())))
    }

    fn place(&self) -> (String, String) {
        let Commit { tenant, stream, .. } = self.commit;
        (tenant.to_string(), stream.to_string())
    }
}

/// Those that nothing stands against yet.
fn standing<'a>(group: &[Candidate<'a>]) -> impl Iterator<Item = &'a Commit> {
    group
        .iter()
        .filter(|candidate| candidate.refusal.is_none())
        .map(|candidate| candidate.commit)
}

/// Whether the entries follow the version without a gap.
fn follows(commit: &Commit) -> bool {
    let mut places = (1_u64..).zip(&commit.entries);
    places.all(|(place, entry)| commit.expected.0.checked_add(place) == Some(entry.seq))
}

async fn claim_keys<D: Database>(db: &D, group: &mut [Candidate<'_>]) -> Result<(), Fault> {
    let claims =
        standing(group).filter_map(|commit| Some((&commit.tenant, commit.claim.as_ref()?)));
    let claims: Vec<_> = claims.collect();
    let mut claimed = HashSet::new();
    for (text, batch) in batches(&claims, CLAIM_KEYS) {
        let params = batch.iter().fold(Params::new(), |params, (tenant, claim)| {
            let params = params
                .text(tenant.as_str())
                .digest(&claim.key.0)
                .digest(&claim.fingerprint);
            params
                .text(claim.agent.as_str())
                .text(claim.stream.as_str())
        });
        for mut row in rows(db, text, params).await? {
            claimed.insert((row.parsed::<TenantId>()?, row.digest()?));
        }
    }
    if claimed.len() == claims.len() {
        return Ok(());
    }
    for Candidate { commit, refusal } in group {
        let Some(claim) = &commit.claim else {
            continue;
        };
        if !claimed.contains(&(commit.tenant.clone(), claim.key.0)) {
            let holder = streams::find_key(db, &commit.tenant, &claim.key).await?;
            let holder = holder.ok_or(Fault::refused(Cause::RowsMoved))?;
            *refusal = Some(Committed::KeyTaken(holder));
        }
    }
    Ok(())
}

const HOLD_HEAD: &str = "
SELECT version
FROM tracemem_streams
WHERE tenant = $1 AND stream = $2
FOR UPDATE";

/// Keeps others from moving the heads until this transaction ends, in the order of their names, so that of two groups one waits
/// for the other and not each for each. SQLite has one writer at a time, which is as good.
async fn hold_heads<D: Database>(db: &D, group: &[Candidate<'_>]) -> Result<(), Fault> {
    match db.backend() {
        Backend::Sqlite => return Ok(()),
        Backend::Postgres => {}
    }
    let mut held: Vec<&Commit> = standing(group).collect();
    held.sort_by_key(|commit| (&commit.tenant, &commit.stream));
    for commit in held {
        let place = Params::new()
            .text(commit.tenant.as_str())
            .text(commit.stream.as_str());
        first_row(db, HOLD_HEAD, place).await?;
    }
    Ok(())
}

pub(super) const HOLD_LEASE: &str = "
UPDATE tracemem_jobs
SET token = token
WHERE tenant = $1 AND job = $2 AND stream = $3 AND token = $4 AND state = 'leased'";

async fn hold_leases<D: Database>(db: &D, group: &mut [Candidate<'_>]) -> Result<(), Fault> {
    for Candidate { commit, refusal } in group.iter_mut().filter(|one| one.refusal.is_none()) {
        let Some(completion) = &commit.completes else {
            continue;
        };
        let lease = Params::new()
            .text(commit.tenant.as_str())
            .text(completion.job.as_str());
        let lease = lease
            .text(commit.stream.as_str())
            .number(completion.token.0);
        if execute(db, HOLD_LEASE, lease).await? == 0 {
            let moved =
                streams::version(db, &commit.tenant, &commit.stream).await? != commit.expected;
            refuse(
                db,
                commit,
                refusal,
                if moved {
                    Committed::HeadMoved
                } else {
                    Committed::LeaseLost
                },
            )
            .await?;
        }
    }
    Ok(())
}

async fn move_heads<D: Database>(db: &D, group: &mut [Candidate<'_>]) -> Result<(), Fault> {
    let moving: Vec<&Commit> = standing(group)
        .filter(|commit| !commit.entries.is_empty())
        .collect();
    let (new, old): (Vec<&Commit>, Vec<&Commit>) = moving
        .into_iter()
        .partition(|commit| commit.expected == Version::NEW);
    let mut moved = HashSet::new();
    for (text, batch) in batches(&new, CREATE_STREAMS) {
        let params = batch.iter().fold(Params::new(), |params, commit| {
            head(
                params
                    .text(commit.tenant.as_str())
                    .text(commit.stream.as_str()),
                commit,
            )
        });
        collect_places(&mut moved, rows(db, text, params).await?)?;
    }
    let advance = match db.backend() {
        Backend::Sqlite => ADVANCE_STREAMS,
        Backend::Postgres => ADVANCE_STREAMS_POSTGRES,
    };
    for (text, batch) in batches(&old, advance) {
        let params = batch.iter().fold(Params::new(), |params, commit| {
            let params = params
                .text(commit.tenant.as_str())
                .text(commit.stream.as_str());
            head(params.number(commit.expected.0), commit)
        });
        collect_places(&mut moved, rows(db, text, params).await?)?;
    }
    for candidate in group.iter_mut().filter(|one| one.refusal.is_none()) {
        let commit = candidate.commit;
        let stands = match commit.entries.is_empty() {
            false => moved.contains(&candidate.place()),
            true => streams::version(db, &commit.tenant, &commit.stream).await? == commit.expected,
        };
        if !stands {
            refuse(db, commit, &mut candidate.refusal, Committed::HeadMoved).await?;
        }
    }
    Ok(())
}

/// What a stream is at after a commit: its version and its projection.
fn head(params: Params, commit: &Commit) -> Params {
    let version = commit.expected.after(commit.entries.len());
    let projection = &commit.projection;
    params
        .number(version.0)
        .text(&projection.status)
        .text(&projection.execution)
        .text(&projection.agent)
        .text(&projection.intent)
        .optional_time(projection.wake_at)
        .bytes(&projection.body)
}

fn collect_places(
    places: &mut HashSet<(String, String)>,
    rows: Vec<super::rows::Row>,
) -> Result<(), Fault> {
    for mut row in rows {
        places.insert((row.text()?, row.text()?));
    }
    Ok(())
}

pub(super) const GIVE_KEY_BACK: &str = "
DELETE FROM tracemem_keys
WHERE tenant = $1 AND key = $2";

/// Refuses a commit whose key was claimed a moment ago, in this transaction, which nobody has seen.
async fn refuse<D: Database>(
    db: &D,
    commit: &Commit,
    refusal: &mut Option<Committed>,
    cause: Committed,
) -> Result<(), Fault> {
    if let Some(claim) = &commit.claim {
        let key = Params::new()
            .text(commit.tenant.as_str())
            .digest(&claim.key.0);
        execute(db, GIVE_KEY_BACK, key).await?;
    }
    *refusal = Some(cause);
    Ok(())
}
