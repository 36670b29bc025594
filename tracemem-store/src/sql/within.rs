//! One commit as part of a transaction that somebody else began, and will end.

use sea_orm::{DatabaseTransaction, TransactionTrait};
use tracemem_sdk::store::{Commit, Committed};

use super::{
    fault::{Cause, Fault},
    group,
};

/// Writes a commit wholly or not at all, whatever becomes of this call, and leaves the transaction open.
///
/// It writes behind a savepoint: a statement that fails does not end a transaction of SQLite, and a future that is dropped ends
/// nothing.
pub(crate) async fn write(
    transaction: &DatabaseTransaction,
    commit: &Commit,
) -> Result<Committed, Fault> {
    let fault = |error| Fault::of(&error);
    let savepoint = transaction.begin().await.map_err(fault)?;
    match group::apply(&savepoint, &[commit]).await {
        Ok(answers) => {
            // One that is refused has written nothing; what little it did is released with the savepoint.
            savepoint.commit().await.map_err(fault)?;
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
