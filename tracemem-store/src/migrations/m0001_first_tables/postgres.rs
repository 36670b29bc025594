//! The first tables, in Postgres.
//!
//! Names are compared byte by byte (`COLLATE "C"`), whatever the database is told about languages: lists are in the order of bytes.

/// One row for each stream: its head, the projection, and the timer with its lease.
pub(super) const STREAMS: &str = "
CREATE TABLE tracemem_streams (
    tenant            TEXT COLLATE \"C\" NOT NULL,
    stream            TEXT COLLATE \"C\" NOT NULL,
    version           BIGINT NOT NULL,
    status            TEXT COLLATE \"C\" NOT NULL,
    execution         TEXT COLLATE \"C\" NOT NULL,
    agent             TEXT COLLATE \"C\" NOT NULL,
    intent            TEXT COLLATE \"C\" NOT NULL,
    wake_at           BIGINT,
    wake_leased_until BIGINT,
    body              BYTEA NOT NULL,
    PRIMARY KEY (tenant, stream)
);
CREATE INDEX tracemem_streams_status ON tracemem_streams (tenant, status, stream);
CREATE INDEX tracemem_streams_execution ON tracemem_streams (tenant, execution, stream);
CREATE INDEX tracemem_streams_agent ON tracemem_streams (tenant, agent, stream);
CREATE INDEX tracemem_streams_wake ON tracemem_streams (wake_at) WHERE wake_at IS NOT NULL;
";

/// The events. They are large and appended in the order of their commits, so they are kept in that order, which makes the file
/// a tenth smaller and a group a tenth cheaper than keeping them by their key. The triggers are a seat belt against this crate's own mistakes: only disclosures may ever be erased.
pub(super) const ENTRIES: &str = "
CREATE TABLE tracemem_entries (
    tenant      TEXT COLLATE \"C\" NOT NULL,
    stream      TEXT COLLATE \"C\" NOT NULL,
    seq         BIGINT NOT NULL,
    event       TEXT COLLATE \"C\" NOT NULL,
    bytes       BYTEA NOT NULL,
    leaf        BYTEA NOT NULL,
    disclosures TEXT,
    PRIMARY KEY (tenant, stream, seq)
);
CREATE FUNCTION tracemem_entries_stay() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries are never changed or deleted';
END $$;
CREATE TRIGGER tracemem_entries_update
BEFORE UPDATE OF tenant, stream, seq, event, bytes, leaf ON tracemem_entries
FOR EACH ROW EXECUTE FUNCTION tracemem_entries_stay();
CREATE TRIGGER tracemem_entries_delete
BEFORE DELETE ON tracemem_entries
FOR EACH ROW EXECUTE FUNCTION tracemem_entries_stay();
";

/// Who holds which idempotency key, for ever.
pub(super) const KEYS: &str = "
CREATE TABLE tracemem_keys (
    tenant      TEXT COLLATE \"C\" NOT NULL,
    key         BYTEA NOT NULL,
    fingerprint BYTEA NOT NULL,
    agent       TEXT COLLATE \"C\" NOT NULL,
    stream      TEXT COLLATE \"C\" NOT NULL,
    PRIMARY KEY (tenant, key)
);
";

/// `state` is `waiting`, `leased` or `dead`; `token` and `attempt` count the leases.
pub(super) const JOBS: &str = "
CREATE TABLE tracemem_jobs (
    tenant       TEXT COLLATE \"C\" NOT NULL,
    job          TEXT COLLATE \"C\" NOT NULL,
    stream       TEXT COLLATE \"C\" NOT NULL,
    kind         TEXT COLLATE \"C\" NOT NULL,
    due_at       BIGINT NOT NULL,
    payload      BYTEA NOT NULL,
    state        TEXT COLLATE \"C\" NOT NULL DEFAULT 'waiting',
    leased_until BIGINT,
    token        BIGINT NOT NULL DEFAULT 0,
    attempt      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, job)
);
CREATE INDEX tracemem_jobs_due ON tracemem_jobs (due_at) WHERE state <> 'dead';
CREATE INDEX tracemem_jobs_dead ON tracemem_jobs (state) WHERE state = 'dead';
";

/// Configuration, every version of it.
pub(super) const DOCUMENTS: &str = "
CREATE TABLE tracemem_documents (
    tenant  TEXT COLLATE \"C\" NOT NULL,
    kind    TEXT COLLATE \"C\" NOT NULL,
    id      TEXT COLLATE \"C\" NOT NULL,
    version BIGINT NOT NULL,
    bytes   BYTEA NOT NULL,
    PRIMARY KEY (tenant, kind, id, version)
);
";

/// The values under which decisions are found.
pub(super) const TERMS: &str = "
CREATE TABLE tracemem_terms (
    tenant TEXT COLLATE \"C\" NOT NULL,
    kind   TEXT COLLATE \"C\" NOT NULL,
    value  TEXT COLLATE \"C\" NOT NULL,
    stream TEXT COLLATE \"C\" NOT NULL,
    PRIMARY KEY (tenant, kind, value, stream)
);
";

/// Entries that are not yet in the tenant's sealed log: one row for each commit.
pub(super) const TO_SEAL: &str = "
CREATE TABLE tracemem_to_seal (
    tenant    TEXT COLLATE \"C\" NOT NULL,
    stream    TEXT COLLATE \"C\" NOT NULL,
    first_seq BIGINT NOT NULL,
    last_seq  BIGINT NOT NULL,
    PRIMARY KEY (tenant, stream, first_seq)
);
";

/// Which processes have somebody who waits for a commit of another process, and until when that is to be believed.
pub(super) const WAITERS: &str = "
CREATE TABLE tracemem_waiters (
    process       TEXT COLLATE \"C\" NOT NULL PRIMARY KEY,
    believe_until TIMESTAMPTZ NOT NULL
);
";
