//! The store inside a transaction of the host's: effect and receipt are both there, or neither is.
//!
//! The host's own table and connection are real; its transactions are begun, committed and rolled back as a host does it. What is
//! true of both databases is tested on both: `tests/postgres cargo test …` brings a Postgres.

mod effects;
mod ground;
mod postgres;
mod refusals;
mod sqlite;
mod writes;

/// One test per database for each of the rules.
macro_rules! on_both {
    ($($rule:ident;)+) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $rule() -> crate::ground::Tested {
                super::$rule(crate::ground::Ground::sqlite().await?).await
            })+
        }

        mod on_postgres {
            $(#[tokio::test]
            async fn $rule() -> crate::ground::Tested {
                super::$rule(crate::ground::Ground::postgres().await?).await
            })+
        }
    };
}
pub(crate) use on_both;
