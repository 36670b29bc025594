//! One commit as part of a transaction that somebody else began, and will end.
//!
//! It is written behind a savepoint: a statement that fails leaves nothing there, and a future that is dropped takes back what it wrote.

use sea_orm::{DatabaseTransaction, TransactionTrait};
use tracemem_sdk::store::Committed;

use super::fault::{Cause, Fault};

/// Begins to write. Dropping what it gives takes back what is written on it.
pub(crate) async fn begin(transaction: &DatabaseTransaction) -> Result<DatabaseTransaction, Fault> {
    let begun = transaction.begin().await;
    begun.map_err(|error| Fault::of(&error))
}

/// Makes what was written part of the transaction, which stays open, or takes it back where it failed. One that is refused has written
/// nothing.
pub(crate) async fn end(
    savepoint: DatabaseTransaction,
    written: Result<Vec<Committed>, Fault>,
) -> Result<Committed, Fault> {
    match written {
        Ok(answers) => {
            let kept = savepoint.commit().await;
            kept.map_err(|error| Fault::of(&error))?;
            let answer = answers.into_iter().next();
            answer.ok_or(Fault::refused(Cause::Unanswered))
        }
        Err(fault) => {
            // Where that fails too, the connection is broken, and takes the whole transaction with it.
            let _ = savepoint.rollback().await;
            Err(fault)
        }
    }
}
