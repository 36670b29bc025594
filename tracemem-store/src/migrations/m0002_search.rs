//! Search: decisions by intent; and no term that holds a personal value as it is.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::{Texts, run};

pub(super) struct Search;

impl MigrationName for Search {
    fn name(&self) -> &str {
        "m0002_search"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Search {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let texts = Texts {
            sqlite: &[BY_INTENT, NO_PLAIN_TAGS],
            postgres: &[BY_INTENT, VALUE_FIRST, NO_PLAIN_TAGS],
        };
        run(manager, texts).await
    }
}

/// It leaves out what has no intent, so that only a statement that says `intent <> ''` can use it: see [`VALUE_FIRST`].
const BY_INTENT: &str = "
CREATE INDEX tracemem_streams_intent ON tracemem_streams (tenant, intent, stream) WHERE intent <> ''";

/// As long as a table has no statistics Postgres takes it that any index with the tenant in front finds a stream as soon as the primary
/// key does, and keeps a plan that reads all that the tenant has. Behind a value that the statement does not name it is not considered.
const VALUE_FIRST: &str = "
DROP INDEX tracemem_streams_status;
DROP INDEX tracemem_streams_execution;
DROP INDEX tracemem_streams_agent;
CREATE INDEX tracemem_streams_status ON tracemem_streams (status, tenant, stream);
CREATE INDEX tracemem_streams_execution ON tracemem_streams (execution, tenant, stream);
CREATE INDEX tracemem_streams_agent ON tracemem_streams (agent, tenant, stream)";

/// Before this, tags stood in their terms as they were given. Now they are hashed under a key that a database must not know, so that
/// these would never be found again, nor be erased with what they were made of. What terms were made of since stands inside of entries,
/// where a store never looks: what was opened before this is found by everything but its terms.
const NO_PLAIN_TAGS: &str = "
DELETE FROM tracemem_terms WHERE kind = 'tag'";

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::{collections::BTreeSet, error::Error, num::NonZeroU32, time::Duration};

    use sea_orm::{DatabaseConnection, TransactionTrait};
    use sea_orm_migration::MigratorTrait;
    use tracemem_sdk::{
        evidence::digest::Digest,
        id::{DecisionId, TenantId},
        store::{
            AnyOf, Commit, Committed, Entry, Index, Listing, Projection, Store, StreamId, Term,
            Version,
        },
    };

    use crate::{SqliteStore, migrations::Migrator, sql::group, sqlite::Connector};

    type Tested = Result<(), Box<dyn Error>>;

    #[tokio::test]
    async fn what_was_written_before_is_found_by_everything_but_its_terms() -> Tested {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("before.db");
        let connector = Connector {
            path: path.clone(),
            busy_timeout: Duration::from_secs(5),
        };
        let before = connector.preparer().await.map_err(|_| "it is not opened")?;
        Migrator::up(&before, Some(1)).await?;
        for (number, intent) in [
            (1, "refund.issue"),
            (2, "access.grant"),
            (3, "refund.issue"),
        ] {
            write(&before, commit(number, intent)?).await?;
        }
        before.close().await?;

        let store = SqliteStore::open(&path).await?;
        let tenant: TenantId = "tenant".parse()?;
        assert_eq!(
            store.intents(&tenant, None, ALL).await?,
            ["access.grant", "refund.issue"]
        );
        let intent = AnyOf {
            intents: BTreeSet::from(["refund.issue".to_owned()]),
            ..AnyOf::default()
        };
        assert_eq!(
            found(&store, &tenant, vec![intent.clone()]).await?,
            [decision(1)?, decision(3)?]
        );
        let plain = AnyOf {
            terms: BTreeSet::from([tag()]),
            ..AnyOf::default()
        };
        assert_eq!(found(&store, &tenant, vec![plain]).await?, []);

        // It goes on as if it had always been of this version.
        let written = store.commit(commit(4, "refund.issue")?).await?;
        assert_eq!(written, Committed::Written(Version(1)));
        assert_eq!(found(&store, &tenant, vec![intent]).await?.len(), 3);
        store.close().await?;
        Ok(())
    }

    const ALL: NonZeroU32 = NonZeroU32::MAX;

    async fn found(
        store: &SqliteStore,
        tenant: &TenantId,
        has: Vec<AnyOf>,
    ) -> Result<Vec<DecisionId>, Box<dyn Error>> {
        let mut listing = Listing::default();
        listing.has = has;
        let page = store.list(tenant, &listing, ALL).await?;
        Ok(page
            .listed
            .into_iter()
            .map(|listed| listed.decision)
            .collect())
    }

    async fn write(db: &DatabaseConnection, commit: Commit) -> Tested {
        let transaction = db.begin().await?;
        group::apply(&transaction, &[&commit])
            .await
            .map_err(|_| "it is not written")?;
        Ok(transaction.commit().await?)
    }

    fn commit(number: u64, intent: &str) -> Result<Commit, Box<dyn Error>> {
        let bytes = format!("entry {number}").into_bytes();
        let entry = Entry {
            seq: 1,
            event: format!("evt_{number:032x}").parse()?,
            leaf: Digest::leaf(&bytes),
            bytes,
            disclosures: None,
        };
        let projection = Projection {
            intent: intent.to_owned(),
            ..Projection::default()
        };
        let stream = StreamId::Decision(decision(number)?);
        let mut commit = Commit::new(
            "tenant".parse()?,
            stream,
            Version::NEW,
            vec![entry],
            projection,
        );
        commit.terms = vec![tag()];
        Ok(commit)
    }

    fn decision(number: u64) -> Result<DecisionId, Box<dyn Error>> {
        Ok(format!("dec_{number:032x}").parse()?)
    }

    fn tag() -> Term {
        Term {
            kind: "tag".to_owned(),
            value: "vip".to_owned(),
        }
    }
}
