//! The floor of Postgres: a few connections, every statement prepared once and given columns as arrays, and a whole transaction
//! on its way before its first answer is back.

use futures_util::future::try_join_all;
use tokio_postgres::{Client, Statement};
use tracemem_sdk::store::Commit;

use super::{
    callers::Callers,
    columns::{self, Columns, Row},
    rows::Lifecycle,
};
use crate::{
    Failed,
    options::Options,
    place,
    report::{Measured, now},
};

/// Found to be the fastest here: while one connection waits for the disk the others keep the server busy.
const CONNECTIONS: u32 = 2;

pub(crate) async fn measure(options: &Options, steps: &[Commit]) -> Result<Measured, Failed> {
    let connections = CONNECTIONS.min(options.concurrency.get());
    let play = |number: u32| async move {
        let share = (options.concurrency.get() + number) / connections;
        let writer = Writer::connect(options, steps).await?;
        let mut callers = Callers::new(options, steps, share, u64::from(number) << 32);
        while callers.time() < options.time {
            let group: Vec<_> = callers.waiting().collect();
            writer.write(&group).await?;
            callers.committed();
        }
        Ok::<_, Failed>(callers.end())
    };
    let played = try_join_all((0..connections).map(play)).await?;
    Ok(played
        .into_iter()
        .fold(Measured::default(), |mut all, one| {
            all.time = all.time.max(one.time);
            all.lifecycles += one.lifecycles;
            all.latencies.extend(one.latencies);
            all
        }))
}

pub(crate) async fn fill(options: &Options, steps: &[Commit]) -> Result<(), Failed> {
    const AT_ONCE: u64 = 500;
    let writer = Writer::connect(options, steps).await?;
    writer
        .client
        .batch_execute("SET synchronous_commit = off")
        .await?;
    let mut written = 0;
    while written < options.preload {
        let piece = AT_ONCE.min(options.preload - written);
        let lifecycles = (written..written + piece).map(|number| Lifecycle::new(number, now()));
        let lifecycles: Vec<_> = lifecycles.collect();
        for step in steps {
            let group: Vec<_> = lifecycles
                .iter()
                .map(|lifecycle| (lifecycle, step))
                .collect();
            writer.write(&group).await?;
        }
        written += piece;
    }
    writer.client.batch_execute("CHECKPOINT").await?;
    Ok(())
}

const CLAIM: &str = "
INSERT INTO tracemem_keys (tenant, key, fingerprint, agent, stream)
SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::text[], $5::text[])";

const CREATE: &str = "
INSERT INTO tracemem_streams (tenant, stream, version, status, execution, agent, intent, wake_at, body)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
    $9::bytea[])";

/// The planner does not know the limit, and takes it to be small: otherwise it may read the whole table.
const ADVANCE: &str = "
UPDATE tracemem_streams AS stream
SET version = next.version, status = next.status, execution = next.execution, agent = next.agent, intent = next.intent,
    wake_at = next.wake_at, body = next.body
FROM (
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
        $8::bigint[], $9::bytea[], $10::bigint[])
        AS next (tenant, stream, version, status, execution, agent, intent, wake_at, body, expected)
    LIMIT $11) AS next
WHERE stream.tenant = next.tenant AND stream.stream = next.stream AND stream.version = next.expected";

const APPEND: &str = "
INSERT INTO tracemem_entries (tenant, stream, seq, event, bytes, leaf, disclosures)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bytea[], $6::bytea[], $7::text[])";

const MARK: &str = "
INSERT INTO tracemem_to_seal (tenant, stream, first_seq, last_seq)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])";

const TERM: &str = "
INSERT INTO tracemem_terms (tenant, kind, value, stream) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])";

const PUT: &str = "
INSERT INTO tracemem_jobs (tenant, job, stream, kind, due_at, payload)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bytea[])";

const CANCEL: &str = "
DELETE FROM tracemem_jobs AS job
USING (SELECT * FROM unnest($1::text[], $2::text[]) AS gone (tenant, job) LIMIT $3) AS gone
WHERE job.tenant = gone.tenant AND job.job = gone.job";

struct Writer<'a> {
    steps: &'a [Commit],
    client: Client,
    begin: Statement,
    commit: Statement,
    claim: Statement,
    create: Statement,
    advance: Statement,
    append: Statement,
    mark: Statement,
    term: Statement,
    put: Statement,
    cancel: Statement,
}

impl<'a> Writer<'a> {
    async fn connect(options: &Options, steps: &'a [Commit]) -> Result<Self, Failed> {
        let client = place::connect(options).await?;
        Ok(Self {
            steps,
            begin: client.prepare("BEGIN").await?,
            commit: client.prepare("COMMIT").await?,
            claim: client.prepare(CLAIM).await?,
            create: client.prepare(CREATE).await?,
            advance: client.prepare(ADVANCE).await?,
            append: client.prepare(APPEND).await?,
            mark: client.prepare(MARK).await?,
            term: client.prepare(TERM).await?,
            put: client.prepare(PUT).await?,
            cancel: client.prepare(CANCEL).await?,
            client,
        })
    }

    /// Writes a group in one transaction. Each statement must change all its rows, or it is not the floor of anything.
    async fn write(&self, group: &[Row<'_>]) -> Result<(), Failed> {
        let (new, old): (Vec<Row<'_>>, Vec<Row<'_>>) =
            group.iter().partition(|(_, step)| step.expected.0 == 0);
        let statements = [
            (&self.begin, Columns::none()),
            (&self.claim, columns::claims(group)),
            (&self.create, columns::heads(&new)),
            (&self.advance, columns::expected_heads(&old)),
            (&self.append, columns::entries(group)),
            (&self.mark, columns::marks(group)),
            (&self.term, columns::terms(group)),
            (&self.put, columns::jobs(group, self.steps)),
            (&self.cancel, columns::cancelled(group, self.steps)),
            (&self.commit, Columns::none()),
        ];
        // Each is sent when it is first polled, which is in this order, and none waits for the one before it.
        let sent = statements
            .iter()
            .filter(|(_, columns)| columns.is_asked())
            .map(async |(statement, columns)| {
                let changed = self
                    .client
                    .execute(*statement, &columns.parameters())
                    .await?;
                if changed == columns.rows() {
                    Ok(())
                } else {
                    Err(Failed::from("a statement of the floor left out a row"))
                }
            });
        try_join_all(sent).await.map(drop)
    }
}
