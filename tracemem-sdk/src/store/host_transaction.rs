//! A store inside a transaction of the host's, for effects that live in the same database as their receipts.

use std::fmt;

use async_trait::async_trait;

use super::{Commit, Committed, StoreError, Stream, StreamId};
use crate::id::TenantId;

/// A store bound to a transaction that the host has open: what is written through it becomes part of that transaction.
///
/// It is for [`Safety::SameTransaction`](crate::guard::Safety::SameTransaction), and the host alone begins, commits and rolls back.
///
/// # Contract
/// - `load` reads what the transaction sees, its own writes included.
/// - `write` answers as [`Store::commit`](super::Store::commit) does. What is `Written` is there when, and only if, the host commits;
///   then it is as durable as any commit to the store.
/// - A `write` that is not `Written`, fails or is dropped has left nothing in the transaction.
/// - Of a `write` and a commit to the store that expect the same version at most one is ever there: the other waits for the end of the
///   transaction, or is [`Committed::HeadMoved`], or the host cannot commit.
/// - A transaction that cannot promise this, because it belongs to something else than the store's database, is refused with
///   [`StoreErrorKind::Unsupported`](super::StoreErrorKind::Unsupported).
/// - Calls do not overlap: a transaction does one thing at a time.
#[async_trait]
pub trait HostTransaction: fmt::Debug + Send + Sync {
    /// The whole stream, or `None` where this tenant has no such stream in this database.
    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<Stream>, StoreError>;

    /// Makes one step of one stream part of the transaction, wholly or not at all.
    async fn write(&self, commit: Commit) -> Result<Committed, StoreError>;
}
