//! Recording within the host's transaction: receipt, close and outcome become part of it, or the effect is taken back with it.

use super::{
    ExecutionReceipt,
    permit::{Execution, Place},
    settling::push_receipt,
};
use crate::{
    decision::{
        Trace, UnwritableEvent, draft::Draft, envelope::Actor, event::SafetyClass,
        status::ExecutionState, verdict::text,
    },
    store::{Committed, HostTransaction, StoreError, StoreErrorKind, StreamId},
    time::Timestamp,
};

/// A receipt could not be recorded within the host's transaction. Roll it back: the effect must not stand without its receipt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The effect was declared to be of another class than `SameTransaction`.
    #[error("the effect is declared `{0}`: only `same_transaction` records within a transaction")]
    OtherSafety(SafetyClass),
    /// The transaction sees no such decision: it belongs to another database than the store.
    #[error("the transaction sees no such decision: it must be one of the store's own database")]
    NotFound,
    /// The start was given up, because its deadline passed, or it ended already.
    #[error("the start with fence {fence} does not wait for a receipt any more")]
    GivenUp {
        /// The fence of the start.
        fence: u64,
    },
    /// The event cannot be written.
    #[error("the receipt cannot be written")]
    Unwritable(#[source] UnwritableEvent),
    /// The store refused, or failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

impl<T> Execution<T> {
    /// Records receipt, close and outcome within the host's transaction, for
    /// [`Safety::SameTransaction`](super::Safety::SameTransaction). Then commit it, and return the execution.
    ///
    /// It checks that this start is still the one that waits for a receipt. From then on nobody else's word on this decision counts until
    /// the transaction ends: if it is committed, the effect happened; if not, nothing did. After an error, or when this future is
    /// dropped, roll the transaction back.
    ///
    /// # Errors
    /// [`RecordError`]. Unless the effect is to count as failed, say that it [may have
    /// happened](super::ResultExt::may_have_happened): the guard finds that it was rolled back, and it may run again.
    pub async fn record_within(
        mut self,
        transaction: &dyn HostTransaction,
    ) -> Result<Self, RecordError> {
        self.bind();
        let Self {
            receipt,
            authorised: _,
            place,
            clock,
            value: _,
        } = &mut self;
        let stream = StreamId::Decision(receipt.decision.clone());
        loop {
            let stored = transaction
                .load(&receipt.tenant, &stream)
                .await
                .map_err(RecordError::Store)?
                .ok_or(RecordError::NotFound)?;
            let corrupt = |broken| {
                let corrupt = StoreError::new(StoreErrorKind::Corrupt, "reading a trace");
                RecordError::Store(corrupt.with_source(broken))
            };
            let trace =
                Trace::read(&receipt.tenant, &receipt.decision, &stored).map_err(corrupt)?;
            let draft = draft(receipt, trace, clock.now())?;
            let (commit, _) = draft.finish().map_err(RecordError::Unwritable)?;
            match transaction
                .write(commit)
                .await
                .map_err(RecordError::Store)?
            {
                Committed::Written(_) => break,
                // A delivery was recorded in between: look again.
                Committed::HeadMoved | Committed::KeyTaken(_) | Committed::LeaseLost => {}
            }
        }
        *place = Place::Within;
        Ok(self)
    }
}

/// The receipt after a trace that waits for it.
fn draft(receipt: &ExecutionReceipt, trace: Trace, now: Timestamp) -> Result<Draft, RecordError> {
    let fence = receipt.fence;
    let start = trace.state.start.as_ref().map(|start| &start.claims);
    let start = start.ok_or(RecordError::GivenUp { fence })?;
    if start.safety.class != SafetyClass::SameTransaction {
        return Err(RecordError::OtherSafety(start.safety.class));
    }
    let waits = trace.state.execution() == ExecutionState::Started;
    if !waits || start.execution_id != receipt.execution {
        return Err(RecordError::GivenUp { fence });
    }
    let actor = Actor::agent(&trace.state.agent);
    let mut draft = Draft::after(trace, now);
    push_receipt(
        &mut draft,
        &actor,
        receipt,
        &text(&receipt.disclosed()),
        Place::Within,
    )
    .map_err(RecordError::Unwritable)?;
    Ok(draft)
}
