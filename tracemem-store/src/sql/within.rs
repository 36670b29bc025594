//! One commit as part of a transaction that somebody else began, and will end.

use sea_orm::{DatabaseTransaction, TransactionTrait};
use tracemem_sdk::store::{Commit, Committed};

use super::{
    fault::{Cause, Fault},
    group,
    schema_name::{Placed, Texts},
};

/// Writes a commit wholly or not at all, whatever becomes of this call, and leaves the transaction open.
///
/// It writes behind a savepoint: a statement that fails leaves nothing there, and a future that is dropped takes back what it wrote.
pub(crate) async fn write(
    transaction: &DatabaseTransaction,
    texts: &Texts,
    commit: &Commit,
) -> Result<Committed, Fault> {
    let fault = |error| Fault::of(&error);
    let savepoint = transaction.begin().await.map_err(fault)?;
    let placed = Placed {
        runner: &savepoint,
        texts,
    };
    match group::apply(&placed, &[commit]).await {
        Ok(answers) => {
            // One that is refused has written nothing.
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
