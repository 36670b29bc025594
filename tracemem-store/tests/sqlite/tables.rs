//! What stands in the tables, seen past the store.

use sea_orm::{ConnectionTrait, DatabaseConnection};
use tempfile::tempdir;
use tracemem_sdk::store::{Committed, Store, Term};
use tracemem_store::SqliteStore;

use crate::material::{Failure, Tested, at, claim, step, stream, write};
use crate::outside::{column, outside, run};

const MARKS: &str = "
SELECT tenant || ' ' || stream || ' ' || first_seq || '-' || last_seq
FROM tracemem_to_seal
ORDER BY tenant, stream, first_seq";

#[tokio::test]
async fn every_commit_with_entries_leaves_one_mark_to_seal_and_no_other_does() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await?;
    write(&store, step(0, 0, 3)?).await?;
    write(&store, step(0, 3, 1)?).await?;
    write(&store, step(1, 0, 2)?).await?;
    write(&store, step(1, 2, 0)?).await?;
    let refused = store.commit(step(1, 0, 2)?).await?;
    assert_eq!(refused, Committed::HeadMoved);
    let (zero, one) = (stream(0)?, stream(1)?);
    let expected = [
        format!("acme {zero} 1-3"),
        format!("acme {zero} 4-4"),
        format!("acme {one} 1-2"),
    ];
    assert_eq!(
        column::<String>(&outside(&path).await?, MARKS).await?,
        expected
    );
    Ok(())
}

#[tokio::test]
async fn a_lifecycle_of_two_commits_and_eight_events_takes_twelve_rows() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await?;
    let file = outside(&path).await?;
    let before = rows(&file).await?;
    let mut opens = step(0, 0, 4)?;
    opens.claim = Some(claim(0, 0)?);
    opens.projection.wake_at = Some(at(0));
    write(&store, opens).await?;
    write(&store, step(0, 4, 4)?).await?;
    assert_eq!(rows(&file).await? - before, 12);
    Ok(())
}

/// How many rows all tables of ours hold.
async fn rows(file: &DatabaseConnection) -> Result<i64, Failure> {
    let tables: Vec<String> =
        column(file, "SELECT name FROM sqlite_schema WHERE type = 'table'").await?;
    let mut rows = 0;
    for table in tables {
        let counted: Vec<i64> = column(file, &format!("SELECT count(*) FROM {table}")).await?;
        rows += counted.iter().sum::<i64>();
    }
    Ok(rows)
}

#[tokio::test]
async fn a_term_stands_once_with_its_stream() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await?;
    let tag = |value: &str| Term {
        kind: "tag".to_owned(),
        value: value.to_owned(),
    };
    for (version, values) in [(0, vec!["a", "b", "a"]), (1, vec!["b", "c"])] {
        let mut commit = step(0, version, 1)?;
        commit.terms = values.into_iter().map(tag).collect();
        write(&store, commit).await?;
    }
    let terms = "SELECT kind || ' ' || value || ' ' || stream FROM tracemem_terms ORDER BY value";
    let zero = stream(0)?;
    let expected = ["a", "b", "c"].map(|value| format!("tag {value} {zero}"));
    assert_eq!(
        column::<String>(&outside(&path).await?, terms).await?,
        expected
    );
    Ok(())
}

#[tokio::test]
async fn entries_stand_byte_for_byte_as_they_were_hashed() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await?;
    let mut commit = step(0, 0, 1)?;
    let bytes: Vec<u8> = (0..=255).cycle().take(65_535).collect();
    for entry in &mut commit.entries {
        entry.bytes.clone_from(&bytes);
    }
    write(&store, commit).await?;
    let stored: Vec<Vec<u8>> =
        column(&outside(&path).await?, "SELECT bytes FROM tracemem_entries").await?;
    assert_eq!(stored, [bytes]);
    Ok(())
}

#[tokio::test]
async fn the_file_itself_refuses_to_change_or_delete_an_entry() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await?;
    write(&store, step(0, 0, 1)?).await?;
    let file = outside(&path).await?;
    for forbidden in [
        "DELETE FROM tracemem_entries",
        "UPDATE tracemem_entries SET bytes = x'00'",
    ] {
        assert!(
            file.execute_unprepared(forbidden).await.is_err(),
            "{forbidden}"
        );
    }
    run(&file, "UPDATE tracemem_entries SET disclosures = NULL").await
}

#[tokio::test]
async fn every_key_begins_with_the_tenant() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    SqliteStore::open(&path).await?.close().await?;
    let first_columns = "
        SELECT tables.name || '.' || columns.name
        FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
        WHERE tables.type = 'table' AND tables.name <> 'tracemem_migrations' AND columns.pk = 1
          AND columns.name <> 'tenant'";
    let others: Vec<String> = column(&outside(&path).await?, first_columns).await?;
    assert!(others.is_empty(), "{others:?}");
    Ok(())
}
