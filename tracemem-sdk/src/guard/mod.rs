//! The guard: the side effect runs only with a permit, at most once, and leaves a receipt.
//!
//! [`Guard::run`] opens the decision, waits for a human where it is told to, makes the start durable, calls the effect, and records receipt,
//! close and outcome. It fails closed: whatever else happens, the effect is not called. What an unknown execution may become is decided
//! by the [safety](Safety) its author declared. Deciding itself is left to [`decision`](crate::decision), asking to
//! [`approval`](crate::approval).
//!
//! The states follow the write-ahead intent of durable execution engines: a committed start hands out the permit; a start
//! without a receipt is unknown, and never runs again by itself unless its safety allows it.

mod admission;
mod effect;
mod key;
mod pending;
mod permit;
mod receipt;
mod recovery;
mod report;
mod run;
mod running;
mod safety;
mod settling;
pub(crate) mod starting;
mod transaction;
mod within;

pub(crate) use self::settling::{push_settled, report_execution, report_receipt};
pub use self::{
    effect::{EffectError, ResultExt},
    pending::{Pending, WaitError, Waited},
    permit::{DeadlinePassed, Execution, Permit},
    receipt::{Evidence, ExecutionReceipt},
    report::{ExecutionReport, ReportedAs},
    run::{BlockReason, Effect, GuardError, NotExecuted, NotRecorded, Run},
    running::Guard,
    safety::{Lookup, LookupAnswer, LookupFn, Safety},
    settling::ReceiptError,
    within::RecordError,
};
pub use crate::decision::event::SafetyTerm;
