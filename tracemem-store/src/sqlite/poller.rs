//! Learns of what other processes commit, while somebody waits for it.
//!
//! SQLite has no way to tell, but one to ask that costs a few microseconds: on any connection `PRAGMA data_version` changes when
//! another one has written. Only then are the streams looked at that somebody waits for. While nobody waits, nothing runs.

use std::{sync::Arc, time::Duration};

use sea_orm::sqlx::{self, Connection, sqlite::SqliteConnection};
use tracemem_sdk::store::Version;

use super::{connector::Connector, readers::Readers};
use crate::{
    sql::{
        fault::Fault,
        params::{Params, rows},
    },
    watchers::{News, Watchers},
};

/// How long nothing is asked between two looks, and how long at most where each of them finds only what nobody waits for: our
/// own commits count as changes too, and under load there would be one at every look.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(4);

/// How long nothing is asked after asking failed.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

const DATA_VERSION: &str = "PRAGMA data_version";

pub(super) struct Poller {
    connector: Connector,
    /// The one connection that is asked, because the number is that connection's own. `None` until it is first needed, and
    /// after a failure.
    asked: Option<SqliteConnection>,
    readers: Readers,
    watchers: Arc<Watchers>,
}

/// What a look at the database found.
enum Found {
    /// Nobody has written.
    Nothing,
    /// Somebody has written, but nothing that is waited for.
    Others,
    /// Somebody has written what is waited for.
    Awaited,
}

impl Poller {
    pub(super) fn new(connector: Connector, readers: Readers, watchers: Arc<Watchers>) -> Self {
        Self {
            connector,
            asked: None,
            readers,
            watchers,
        }
    }

    /// Polls until it is dropped.
    pub(super) async fn run(&mut self) {
        let mut known = None;
        let mut pause = SHORTEST;
        loop {
            self.watchers.watched().await;
            pause = match self.look(&mut known).await {
                Ok(Found::Nothing | Found::Awaited) => SHORTEST,
                Ok(Found::Others) => LONGEST.min(pause * 2),
                Err(fault) => {
                    tracing::warn!(%fault, "what other processes commit cannot be learnt");
                    // Another connection has another number.
                    (self.asked, known) = (None, None);
                    self.watchers.failed();
                    AFTER_FAILURE
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Looks once. Who subscribed before the number was read is told of all that it counts.
    async fn look(&mut self, known: &mut Option<i64>) -> Result<Found, Fault> {
        let asked = match &mut self.asked {
            Some(asked) => asked,
            none => {
                let opened = self.connector.reader().await;
                none.insert(opened.map_err(|error| Fault::of_driver(&error))?)
            }
        };
        let now: i64 = sqlx::query_scalar(DATA_VERSION)
            .fetch_one(asked)
            .await
            .map_err(|error| Fault::of_driver(&error))?;
        if known.replace(now) == Some(now) {
            return Ok(Found::Nothing);
        }
        let mut found = Found::Others;
        for places in self.watchers.places().chunks(PLACES) {
            let some = places
                .iter()
                .map(|(tenant, stream)| (Some(tenant.as_str()), Some(stream.as_str())));
            let none = (places.len()..PLACES).map(|_| (None, None));
            let params = some
                .chain(none)
                .fold(Params::new(), |params, (tenant, stream)| {
                    params.optional_text(tenant).optional_text(stream)
                });
            for mut row in rows(&self.readers, VERSIONS, params).await? {
                let (tenant, stream) = (row.parsed()?, row.parsed()?);
                match self
                    .watchers
                    .advanced(&tenant, &stream, Version(row.number()?))
                {
                    News::Some => found = Found::Awaited,
                    News::None => {}
                }
            }
        }
        Ok(found)
    }

    /// Ends the connection. Nothing is lost if that fails.
    pub(super) async fn close(self) {
        if let Some(asked) = self.asked {
            let _ = asked.close().await;
        }
    }
}

/// How many streams one statement looks at. Where there are fewer, the rest is null, which is no stream's name.
const PLACES: usize = 16;

pub(crate) const VERSIONS: &str = "
SELECT tenant, stream, version
FROM (VALUES
    ($1, $2), ($3, $4), ($5, $6), ($7, $8), ($9, $10), ($11, $12), ($13, $14), ($15, $16),
    ($17, $18), ($19, $20), ($21, $22), ($23, $24), ($25, $26), ($27, $28), ($29, $30), ($31, $32)) AS awaited
JOIN tracemem_streams ON tenant = awaited.column1 AND stream = awaited.column2";
