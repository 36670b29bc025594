//! Where in a database our tables are, where that is not left to the connection.

use std::{
    collections::HashMap,
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use sea_orm::{ConnectionTrait, DatabaseConnection};

use super::database::Database;

/// The name of a schema: a lower-case letter or `_`, then up to 62 lower-case letters, digits and `_`, so that it means the same
/// with and without quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SchemaName(String);

/// Not the name of a schema that the store can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a schema's name is 1 to 63 characters of `a-z`, `0-9` and `_`, does not begin with a digit or `pg_`"
)]
#[non_exhaustive]
pub struct InvalidSchemaName;

impl FromStr for SchemaName {
    type Err = InvalidSchemaName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        let begins_well =
            !name.starts_with(|first: char| first.is_ascii_digit()) && !name.starts_with("pg_");
        if (1..=63).contains(&name.len()) && name.bytes().all(fits) && begins_well {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidSchemaName)
        }
    }
}

impl fmt::Display for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Every statement as it is asked of one database: with our tables looked for in one schema, or where the connection looks.
///
/// Each text is made once. They are constants, so there are no more of them than there are in the code.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    schema: Option<SchemaName>,
    made: Mutex<HashMap<&'static str, Arc<str>>>,
}

impl Texts {
    pub(crate) fn new(schema: Option<SchemaName>) -> Self {
        Self {
            schema,
            made: Mutex::default(),
        }
    }

    pub(crate) fn schema(&self) -> Option<&SchemaName> {
        self.schema.as_ref()
    }

    /// A statement that names the schema of each of our tables.
    pub(crate) fn of(&self, text: &'static str) -> Arc<str> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let text = made.entry(text).or_insert_with(|| match &self.schema {
            None => text.into(),
            Some(SchemaName(schema)) => {
                let ours = ["\"", schema, "\".tracemem_"].concat();
                text.replace("tracemem_", &ours).into()
            }
        });
        Arc::clone(text)
    }
}

/// A pool, and the texts for it.
#[derive(Debug, Clone)]
pub(crate) struct PlacedPool {
    pub(crate) pool: DatabaseConnection,
    pub(crate) texts: Arc<Texts>,
}

impl Database for PlacedPool {
    type Runner = DatabaseConnection;

    fn runner(&self) -> &DatabaseConnection {
        &self.pool
    }

    fn sql(&self, text: &'static str) -> String {
        self.texts.of(text).to_string()
    }
}

/// A connection or a transaction, and the texts for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed<'a, R> {
    pub(crate) runner: &'a R,
    pub(crate) texts: &'a Texts,
}

impl<R: ConnectionTrait> Database for Placed<'_, R> {
    type Runner = R;

    fn runner(&self) -> &R {
        self.runner
    }

    fn sql(&self, text: &'static str) -> String {
        self.texts.of(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_named_so_that_quotes_change_nothing() {
        for name in ["a", "_x", "audit_2", &"a".repeat(63)] {
            assert!(name.parse::<SchemaName>().is_ok(), "{name}");
        }
        for name in [
            "",
            "2a",
            "A",
            "a-b",
            "a\"b",
            "ä",
            "pg_x",
            "a b",
            &"a".repeat(64),
        ] {
            assert!(name.parse::<SchemaName>().is_err(), "{name}");
        }
    }

    #[test]
    fn a_schema_is_named_before_each_of_our_tables_and_nothing_else()
    -> Result<(), InvalidSchemaName> {
        let texts = Texts::new(Some("audit".parse()?));
        let text = "SELECT a FROM tracemem_streams JOIN tracemem_keys";
        let placed = "SELECT a FROM \"audit\".tracemem_streams JOIN \"audit\".tracemem_keys";
        assert_eq!(&*texts.of(text), placed);
        assert_eq!(&*Texts::default().of(text), text);
        Ok(())
    }
}
