//! Decisions: one envelope around one proposed action, from its request to its closed trace.
//!
//! What a decision is stands here: [requests](DecisionRequest), [events](event), [statuses](status) and the [fold](state). What is done with one
//! is left to the rooms that do it: [`approval`](crate::approval), [`guard`](crate::guard), [`worker`](crate::worker).

pub mod envelope;
pub mod event;
pub mod request;
pub mod state;
pub mod status;

pub(crate) mod amending;
pub(crate) mod closing;
pub(crate) mod draft;
mod handles;
pub(crate) mod opening;
mod outcome;
mod projection;
pub(crate) mod reconciling;
mod recording;
pub(crate) mod timers;
mod trace;
pub(crate) mod verdict;

pub use self::{
    amending::InvalidContext,
    closing::{CloseError, Reported},
    draft::UnwritableEvent,
    handles::Handles,
    opening::{DecideError, Decision},
    outcome::{InvalidOutcome, Outcome},
    request::{Action, DecisionRequest, IdempotencyKey, Intent, InvalidRequest},
    trace::Trace,
};
