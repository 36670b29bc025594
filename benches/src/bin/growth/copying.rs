//! Filling a store by copying what is in it already, row by row and under other ids, as fast as the database can write.
//!
//! A copy has the rows, the sizes and the places in each index of what it was copied from, and its own key; but its entries still
//! name the decision that they were written for, so that no proof of it holds. It is there to be in the way.

use std::{fs::File, path::Path};

use super::Failed;

/// How many decisions are copied in one transaction, where that decides how large a log grows.
const AT_ONCE: usize = 10_000;

const STREAMS: &str =
    "SELECT stream FROM tracemem_streams WHERE stream <> '_admin' ORDER BY stream";

/// What is copied, put aside.
const ORIGINALS: &str = "
CREATE TEMP TABLE original_streams AS SELECT * FROM tracemem_streams WHERE stream <> '_admin' ORDER BY stream;
CREATE TEMP TABLE original_entries AS SELECT * FROM tracemem_entries WHERE stream <> '_admin' ORDER BY stream, seq;
CREATE INDEX original_entries_stream ON original_entries (stream);
CREATE TEMP TABLE original_keys AS SELECT * FROM tracemem_keys WHERE stream <> '_admin';
CREATE TEMP TABLE original_terms AS SELECT * FROM tracemem_terms ORDER BY kind, value, stream;
CREATE TEMP TABLE original_marks AS SELECT * FROM tracemem_to_seal WHERE stream <> '_admin' ORDER BY stream, first_seq;
CREATE TEMP TABLE original_jobs AS SELECT * FROM tracemem_jobs;
";

/// The last eight digits of an id are random, and there is a copy for each of these instead.
const COPIES_SQLITE: &str = "
CREATE TEMP TABLE copies AS
WITH RECURSIVE copy (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM copy WHERE number < $1)
SELECT printf('%08x', number) AS suffix FROM copy";

const COPIES_POSTGRES: &str = "
CREATE TEMP TABLE copies (suffix TEXT)";

const FILL_COPIES_POSTGRES: &str = "
INSERT INTO copies
SELECT lpad(to_hex(number), 8, '0') FROM generate_series(1, $1::bigint) AS number";

const ENTRIES: &str = "
INSERT INTO tracemem_entries (tenant, stream, seq, event, bytes, leaf, disclosures)
SELECT entry.tenant, substr(entry.stream, 1, 28) || suffix, seq, substr(event, 1, 28) || suffix, bytes, leaf, disclosures
FROM original_streams AS original
CROSS JOIN copies
CROSS JOIN original_entries AS entry
WHERE original.stream BETWEEN $1 AND $2 AND entry.stream = original.stream";

const OTHERS: &str = "
INSERT INTO tracemem_streams (tenant, stream, version, status, execution, agent, intent, wake_at, body)
SELECT tenant, substr(stream, 1, 28) || suffix, version, status, execution, agent, intent, wake_at, body
FROM original_streams CROSS JOIN copies;
INSERT INTO tracemem_terms (tenant, kind, value, stream)
SELECT tenant, kind, value, substr(stream, 1, 28) || suffix
FROM original_terms CROSS JOIN copies;
INSERT INTO tracemem_to_seal (tenant, stream, first_seq, last_seq)
SELECT tenant, substr(stream, 1, 28) || suffix, first_seq, last_seq
FROM original_marks CROSS JOIN copies;
INSERT INTO tracemem_jobs (tenant, job, stream, kind, due_at, payload)
SELECT tenant, substr(job, 1, 28) || suffix, substr(stream, 1, 28) || suffix, kind, due_at, payload
FROM original_jobs CROSS JOIN copies;
";

const KEYS_SQLITE: &str = "
INSERT INTO tracemem_keys (tenant, key, fingerprint, agent, stream)
SELECT tenant, randomblob(32), fingerprint, agent, substr(stream, 1, 28) || suffix
FROM original_keys CROSS JOIN copies;
";

const KEYS_POSTGRES: &str = "
INSERT INTO tracemem_keys (tenant, key, fingerprint, agent, stream)
SELECT tenant, sha256(key || convert_to(suffix, 'UTF8')), fingerprint, agent, substr(stream, 1, 28) || suffix
FROM original_keys CROSS JOIN copies;
";

/// Copies everything in a file so many times.
pub(crate) fn in_file(file: &Path, copies: u64) -> Result<(), Failed> {
    let db = rusqlite::Connection::open(file)?;
    // What a cut destroys here is made again.
    db.execute_batch(
        "PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA temp_store = MEMORY",
    )?;
    let mut streams = db.prepare(STREAMS)?;
    let streams = streams.query_map([], |row| row.get(0))?;
    let streams: Vec<String> = streams.collect::<Result<_, _>>()?;
    db.execute_batch(ORIGINALS)?;
    db.execute(COPIES_SQLITE, [i64::try_from(copies)?])?;
    for (lowest, highest) in batches(&streams, copies) {
        db.execute(ENTRIES, [lowest, highest])?;
    }
    db.execute_batch(KEYS_SQLITE)?;
    db.execute_batch(OTHERS)?;
    // Nobody who is measured shall wait for it to get to the disk.
    db.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(File::open(file)?.sync_all()?)
}

/// Copies everything in a schema so many times, and has it analyzed, as it would have been on its way.
pub(crate) async fn in_schema(
    db: &tokio_postgres::Client,
    schema: &str,
    copies: u64,
) -> Result<(), Failed> {
    let path = format!("SET search_path TO \"{schema}\"; SET synchronous_commit = off");
    db.batch_execute(&path).await?;
    let streams = db.query(STREAMS, &[]).await?;
    let streams: Vec<String> = streams
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    db.batch_execute(ORIGINALS).await?;
    db.batch_execute(COPIES_POSTGRES).await?;
    let copied = i64::try_from(copies)?;
    db.execute(FILL_COPIES_POSTGRES, &[&copied]).await?;
    for (lowest, highest) in batches(&streams, copies) {
        db.execute(ENTRIES, &[&lowest, &highest]).await?;
    }
    db.batch_execute(KEYS_POSTGRES).await?;
    db.batch_execute(OTHERS).await?;
    for table in ["streams", "entries", "keys", "terms", "to_seal", "jobs"] {
        let analyze = format!("VACUUM (ANALYZE) tracemem_{table}");
        db.batch_execute(&analyze).await?;
    }
    // Nobody who is measured shall wait for it to get to the disk. Not everybody may ask for that.
    let _ = db.batch_execute("CHECKPOINT").await;
    Ok(())
}

/// The first and the last of each batch of originals.
fn batches(streams: &[String], copies: u64) -> impl Iterator<Item = (&str, &str)> {
    let copies = usize::try_from(copies).unwrap_or(usize::MAX);
    let batches = streams.chunks((AT_ONCE / copies).max(1));
    batches.filter_map(|batch| Some((batch.first()?.as_str(), batch.last()?.as_str())))
}
