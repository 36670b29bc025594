//! What commits that are not refused write beside the heads of their streams.

use tracemem_sdk::store::{Commit, DocumentWrite, Job, JobCompletion, JobFate};

use super::{
    batches::{ADD_TERMS, APPEND_ENTRIES, MARK_TO_SEAL, batches},
    credentials,
    database::Database,
    fault::{Cause, Fault},
    params::{Params, execute},
    tallies,
};

/// Writes everything of these commits but their keys and heads, which stand already.
pub(super) async fn append<D: Database>(db: &D, commits: &[&Commit]) -> Result<(), Fault> {
    append_entries(db, commits).await?;
    mark_to_seal(db, commits).await?;
    add_terms(db, commits).await?;
    for commit in commits {
        write_documents(db, commit).await?;
        credentials::change_credentials(db, commit).await?;
        change_jobs(db, commit).await?;
    }
    tallies::count(db, commits).await
}

async fn append_entries<D: Database>(db: &D, commits: &[&Commit]) -> Result<(), Fault> {
    let entries = commits
        .iter()
        .flat_map(|commit| commit.entries.iter().map(move |entry| (commit, entry)));
    let entries: Vec<_> = entries.collect();
    for (text, batch) in batches(&entries, APPEND_ENTRIES) {
        let params = batch.iter().fold(Params::new(), |params, (commit, entry)| {
            params
                .text(commit.tenant.as_str())
                .text(commit.stream.as_str())
                .number(entry.seq)
                .text(entry.event.as_str())
                .bytes(&entry.bytes)
                .digest(&entry.leaf)
                .optional_text(entry.disclosures.as_deref())
        });
        execute(db, text, params).await?;
    }
    Ok(())
}

/// One mark for each commit with entries.
async fn mark_to_seal<D: Database>(db: &D, commits: &[&Commit]) -> Result<(), Fault> {
    let marks = commits.iter().filter_map(|commit| {
        let (first, last) = (commit.entries.first()?, commit.entries.last()?);
        Some((commit, first.seq, last.seq))
    });
    let marks: Vec<_> = marks.collect();
    for (text, batch) in batches(&marks, MARK_TO_SEAL) {
        let params = batch
            .iter()
            .fold(Params::new(), |params, (commit, first, last)| {
                let params = params
                    .text(commit.tenant.as_str())
                    .text(commit.stream.as_str());
                params.number(*first).number(*last)
            });
        execute(db, text, params).await?;
    }
    Ok(())
}

async fn add_terms<D: Database>(db: &D, commits: &[&Commit]) -> Result<(), Fault> {
    let terms = commits
        .iter()
        .flat_map(|commit| commit.terms.iter().map(move |term| (commit, term)));
    let terms: Vec<_> = terms.collect();
    for (text, batch) in batches(&terms, ADD_TERMS) {
        let params = batch.iter().fold(Params::new(), |params, (commit, term)| {
            let params = params.text(commit.tenant.as_str()).text(&term.kind);
            params.text(&term.value).text(commit.stream.as_str())
        });
        execute(db, text, params).await?;
    }
    Ok(())
}

pub(super) const WRITE_DOCUMENT: &str = "
INSERT INTO tracemem_documents (tenant, kind, id, version, bytes)
SELECT $1, $2, $3, $4, $5
WHERE $4 = 1 + (
    SELECT coalesce(max(version), 0)
    FROM tracemem_documents
    WHERE tenant = $1 AND kind = $2 AND id = $3)";

async fn write_documents<D: Database>(db: &D, commit: &Commit) -> Result<(), Fault> {
    for DocumentWrite {
        kind,
        id,
        version,
        bytes,
    } in &commit.documents
    {
        let params = Params::new()
            .text(commit.tenant.as_str())
            .text(kind.as_str())
            .text(id);
        let params = params.number(*version).bytes(bytes);
        if execute(db, WRITE_DOCUMENT, params).await? == 0 {
            return Err(Fault::refused(Cause::DocumentNotNext));
        }
    }
    Ok(())
}

pub(super) const DROP_JOB: &str = "
DELETE FROM tracemem_jobs
WHERE tenant = $1 AND job = $2 AND stream = $3";

pub(super) const RETRY_JOB: &str = "
UPDATE tracemem_jobs
SET state = 'waiting', leased_until = NULL, due_at = $4
WHERE tenant = $1 AND job = $2 AND stream = $3";

pub(super) const BURY_JOB: &str = "
UPDATE tracemem_jobs
SET state = 'dead', leased_until = NULL
WHERE tenant = $1 AND job = $2 AND stream = $3";

pub(super) const PUT_JOB: &str = "
INSERT INTO tracemem_jobs (tenant, job, stream, kind, due_at, payload)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING";

/// Completes the leased job, takes jobs back, and puts new ones, in this order. The lease is held already.
async fn change_jobs<D: Database>(db: &D, commit: &Commit) -> Result<(), Fault> {
    let ours = |job: &str| {
        Params::new()
            .text(commit.tenant.as_str())
            .text(job)
            .text(commit.stream.as_str())
    };
    if let Some(JobCompletion {
        job,
        token: _,
        fate,
    }) = &commit.completes
    {
        let job = ours(job.as_str());
        match fate {
            JobFate::Done => execute(db, DROP_JOB, job).await?,
            JobFate::Retry(due_at) => execute(db, RETRY_JOB, job.time(*due_at)).await?,
            JobFate::Dead => execute(db, BURY_JOB, job).await?,
        };
    }
    for job in &commit.cancel {
        execute(db, DROP_JOB, ours(job.as_str())).await?;
    }
    for Job {
        id,
        kind,
        due_at,
        payload,
    } in &commit.jobs
    {
        let job = ours(id.as_str())
            .text(kind.as_str())
            .time(*due_at)
            .bytes(payload);
        execute(db, PUT_JOB, job).await?;
    }
    Ok(())
}
