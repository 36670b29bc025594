//! What an SQLSTATE means for the caller (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).

use std::fmt;

use tracemem_sdk::store::StoreErrorKind;

/// The five characters that a database of the Postgres family says why in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SqlState([u8; 5]);

impl SqlState {
    /// The code, if it is one.
    pub(crate) fn new(code: &str) -> Option<Self> {
        let code: [u8; 5] = code.as_bytes().try_into().ok()?;
        code.iter()
            .all(u8::is_ascii_alphanumeric)
            .then_some(Self(code))
    }

    fn class(self) -> [u8; 2] {
        let [first, second, ..] = self.0;
        [first, second]
    }

    /// What the caller can do about it.
    pub(crate) fn kind(self) -> StoreErrorKind {
        match (&self.class(), &self.0) {
            // Connections, resources, the operator's hand, the system below.
            (b"08" | b"53" | b"57" | b"58", _) => StoreErrorKind::Unavailable,
            // A lock that is not free, a race that was lost too often, a transaction that took too long, a server that only reads.
            (_, b"55P03" | b"40001" | b"40P01" | b"25P03" | b"25006") => {
                StoreErrorKind::Unavailable
            }
            (b"XX", b"XX001" | b"XX002") => StoreErrorKind::Corrupt,
            _ => StoreErrorKind::Backend,
        }
    }

    #[cfg(feature = "postgres")]
    /// Whether two transactions got in each other's way, and this one was given up for the other's sake.
    pub(crate) fn is_race(self) -> bool {
        matches!(&self.0, b"40001" | b"40P01")
    }

    #[cfg(feature = "postgres")]
    /// Whether somebody else held a lock for too long.
    pub(crate) fn is_locked(self) -> bool {
        &self.0 == b"55P03"
    }

    #[cfg(feature = "postgres")]
    /// Whether what was to be made is there already: a table, a schema, a function, a row.
    pub(crate) fn is_there_already(self) -> bool {
        matches!(
            &self.0,
            b"42P07" | b"42P06" | b"42723" | b"42710" | b"23505"
        )
    }

    /// What an operator needs to know about it.
    fn meaning(self) -> &'static str {
        match (&self.class(), &self.0) {
            (_, b"53100") => "the disk is full",
            (_, b"53300") => "there are too many connections",
            (b"53", _) => "the server has run out of something",
            (_, b"55P03") => "a lock was not free in time",
            (_, b"57014") => "a time limit of the server has passed",
            (b"57", _) => "the server is going down or coming up",
            (b"58", _) => "the file system failed",
            (_, b"25006") => "the server only reads",
            (b"40", _) => "other transactions were in the way",
            (b"08", _) => "the connection broke",
            (b"28", _) => "the user or the password is wrong",
            (_, b"42501") => "the user may not do that",
            (_, b"XX001" | b"XX002") => "the data are damaged",
            _ => "see the list of error codes of Postgres",
        }
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = String::from_utf8_lossy(&self.0);
        write!(f, "{code}, {}", self.meaning())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(codes: &[&str], kind: StoreErrorKind) {
        for code in codes {
            assert_eq!(
                SqlState::new(code).map(SqlState::kind),
                Some(kind),
                "{code}"
            );
        }
    }

    #[test]
    fn a_code_says_what_the_caller_can_do() {
        // connection_failure, disk_full, too_many_connections, query_canceled, admin_shutdown, cannot_connect_now, io_error,
        // lock_not_available, serialization_failure, deadlock_detected, read_only_sql_transaction.
        check(
            &[
                "08006", "53100", "53300", "57014", "57P01", "57P03", "58030", "55P03", "40001",
                "40P01", "25006",
            ],
            StoreErrorKind::Unavailable,
        );
        check(&["XX001", "XX002"], StoreErrorKind::Corrupt);
        // internal_error, undefined_table, unique_violation, insufficient_privilege, invalid_password, raise_exception.
        check(
            &["XX000", "42P01", "23505", "42501", "28P01", "P0001"],
            StoreErrorKind::Backend,
        );
    }

    #[test]
    fn only_five_letters_and_digits_are_a_code() {
        for text in ["", "5", "2067", "2300é", "23 05", "235055"] {
            assert_eq!(SqlState::new(text), None, "{text}");
        }
    }
}
