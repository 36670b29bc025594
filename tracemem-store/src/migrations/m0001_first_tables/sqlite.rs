//! The first tables, in SQLite.

/// One row for each stream: its head, the projection, and the timer with its lease.
pub(super) const STREAMS: &str = "
CREATE TABLE tracemem_streams (
    tenant            TEXT NOT NULL,
    stream            TEXT NOT NULL,
    version           INTEGER NOT NULL,
    status            TEXT NOT NULL,
    execution         TEXT NOT NULL,
    agent             TEXT NOT NULL,
    intent            TEXT NOT NULL,
    wake_at           INTEGER,
    wake_leased_until INTEGER,
    body              BLOB NOT NULL,
    PRIMARY KEY (tenant, stream)
) STRICT, WITHOUT ROWID;
CREATE INDEX tracemem_streams_status ON tracemem_streams (tenant, status, stream);
CREATE INDEX tracemem_streams_execution ON tracemem_streams (tenant, execution, stream);
CREATE INDEX tracemem_streams_agent ON tracemem_streams (tenant, agent, stream);
CREATE INDEX tracemem_streams_wake ON tracemem_streams (wake_at) WHERE wake_at IS NOT NULL;
";

/// The events. They are large and appended in the order of their commits, so they are kept in that order, which makes the file
/// a tenth smaller and a group a tenth cheaper than keeping them by their key. The triggers are a seat belt against this crate's own mistakes: only disclosures may ever be erased.
pub(super) const ENTRIES: &str = "
CREATE TABLE tracemem_entries (
    tenant      TEXT NOT NULL,
    stream      TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    event       TEXT NOT NULL,
    bytes       BLOB NOT NULL,
    leaf        BLOB NOT NULL,
    disclosures TEXT,
    PRIMARY KEY (tenant, stream, seq)
) STRICT;
CREATE UNIQUE INDEX tracemem_entries_event ON tracemem_entries (tenant, event);
CREATE TRIGGER tracemem_entries_update
BEFORE UPDATE OF tenant, stream, seq, event, bytes, leaf ON tracemem_entries
BEGIN SELECT raise(ABORT, 'entries are never changed'); END;
CREATE TRIGGER tracemem_entries_delete
BEFORE DELETE ON tracemem_entries
BEGIN SELECT raise(ABORT, 'entries are never deleted'); END;
";

/// Who holds which idempotency key, for ever.
pub(super) const KEYS: &str = "
CREATE TABLE tracemem_keys (
    tenant      TEXT NOT NULL,
    key         BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    agent       TEXT NOT NULL,
    stream      TEXT NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
";

/// `state` is `waiting`, `leased` or `dead`; `token` and `attempt` count the leases.
pub(super) const JOBS: &str = "
CREATE TABLE tracemem_jobs (
    tenant       TEXT NOT NULL,
    job          TEXT NOT NULL,
    stream       TEXT NOT NULL,
    kind         TEXT NOT NULL,
    due_at       INTEGER NOT NULL,
    payload      BLOB NOT NULL,
    state        TEXT NOT NULL DEFAULT 'waiting',
    leased_until INTEGER,
    token        INTEGER NOT NULL DEFAULT 0,
    attempt      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, job)
) STRICT, WITHOUT ROWID;
CREATE INDEX tracemem_jobs_due ON tracemem_jobs (due_at) WHERE state <> 'dead';
CREATE INDEX tracemem_jobs_dead ON tracemem_jobs (state) WHERE state = 'dead';
";

/// Configuration, every version of it.
pub(super) const DOCUMENTS: &str = "
CREATE TABLE tracemem_documents (
    tenant  TEXT NOT NULL,
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    version INTEGER NOT NULL,
    bytes   BLOB NOT NULL,
    PRIMARY KEY (tenant, kind, id, version)
) STRICT, WITHOUT ROWID;
";

/// The values under which decisions are found.
pub(super) const TERMS: &str = "
CREATE TABLE tracemem_terms (
    tenant TEXT NOT NULL,
    kind   TEXT NOT NULL,
    value  TEXT NOT NULL,
    stream TEXT NOT NULL,
    PRIMARY KEY (tenant, kind, value, stream)
) STRICT, WITHOUT ROWID;
";

/// Entries that are not yet in the tenant's sealed log: one row for each commit.
pub(super) const TO_SEAL: &str = "
CREATE TABLE tracemem_to_seal (
    tenant    TEXT NOT NULL,
    stream    TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    PRIMARY KEY (tenant, stream, first_seq)
) STRICT, WITHOUT ROWID;
";
