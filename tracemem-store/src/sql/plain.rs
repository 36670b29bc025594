//! Plain commits: those that nearly all are, and that each database has a short way for.
//!
//! The short way writes all of a group or nothing, and does not tell who stands against whom: that is left to
//! [`group`](super::group).

use tracemem_sdk::store::Commit;

/// Whether a commit only appends, completes no job, writes no document and counts nothing.
pub(crate) fn is_plain(commit: &Commit) -> bool {
    let follows = (1_u64..)
        .zip(&commit.entries)
        .all(|(place, entry)| commit.expected.0.checked_add(place) == Some(entry.seq));
    let disjoint = commit
        .jobs
        .iter()
        .all(|job| !commit.cancel.contains(&job.id));
    !commit.entries.is_empty()
        && follows
        && disjoint
        && commit.documents.is_empty()
        && commit.credentials.is_empty()
        && commit.completes.is_none()
        && commit.tally.is_none()
}
