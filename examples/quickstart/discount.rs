//! The side effect: one discount, as it is proposed, and how it is booked.
//!
//! This is the part of a host that knows its target. It promises that every error says whether the discount was booked, and that the
//! ledger can be asked for it by the permit's idempotency key. When it may be booked is left to the guard.

use serde::Deserialize;
use serde_json::Number;
use tracemem_sdk::{
    decision::{DecisionRequest, Outcome},
    guard::{DeadlinePassed, EffectError, Execution, LookupAnswer, Permit, ResultExt, Safety},
    time::Timestamp,
};

use crate::{
    Failure,
    kill::{Kill, Point},
    ledger::{Entry, Ledger, LedgerError},
};

const REQUEST: &[u8] = include_bytes!("../data/discount_request.json");

/// The name of this one operation. Whoever proposes the discount again, for whatever reason, does so under the same key.
const KEY: &str = "annual-plan-discount/sub_1042";

/// What is asked, as a decision takes it.
pub(crate) fn request() -> Result<DecisionRequest, Failure> {
    Ok(DecisionRequest::from_json(KEY.parse()?, REQUEST)?)
}

/// What is booked, as it stands in the request.
#[derive(Debug, Deserialize)]
pub(crate) struct Discount {
    target_system: String,
    target_object_id: String,
    mutation: String,
    discount_percent: Number,
}

/// The discount was not booked, or nobody knows: which of the two stands in the [`EffectError`] around it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotBooked {
    #[error("it came too late")]
    Late(#[source] DeadlinePassed),
    #[error("the ledger failed")]
    Ledger(#[source] LedgerError),
    #[error("the marker of `--kill-at` cannot be written")]
    Marker(#[source] std::io::Error),
}

impl Discount {
    pub(crate) fn of_request() -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Request {
            context: Discount,
        }
        serde_json::from_slice::<Request>(REQUEST).map(|request| request.context)
    }

    /// Books it. A permit is proof that its start is on the disk.
    pub(crate) async fn book(
        &self,
        permit: Permit,
        ledger: &Ledger,
        kill: &Kill,
        now: Timestamp,
    ) -> Result<Execution<String>, EffectError<NotBooked>> {
        let died = kill.after(Point::Started);
        died.map_err(NotBooked::Marker).did_not_happen()?;
        let in_time = permit.check_deadline();
        in_time.map_err(NotBooked::Late).did_not_happen()?;
        let entry = self.entry(&permit, now);
        let entry_id = entry.entry_id.clone();
        let booked = ledger.book(entry).map_err(|error| match error {
            EffectError::DidNotHappen(error) => EffectError::DidNotHappen(NotBooked::Ledger(error)),
            EffectError::MayHaveHappened(error) => {
                EffectError::MayHaveHappened(NotBooked::Ledger(error))
            }
        })?;
        let died = kill.after(Point::Effect);
        died.map_err(NotBooked::Marker).may_have_happened()?;
        let execution = permit
            .executed(entry_id.clone())
            .on_target(&self.target_system, &self.target_object_id, &self.mutation)
            .state(booked.before, booked.after)
            .outcome(self.outcome());
        Ok(execution.returning(entry_id))
    }

    fn entry(&self, permit: &Permit, now: Timestamp) -> Entry {
        Entry {
            entry_id: format!("led_{}_{}", self.target_object_id, permit.fence()),
            idempotency_key: permit.idempotency_key().to_owned(),
            mutation: self.mutation.clone(),
            subscription: self.target_object_id.clone(),
            discount_percent: self.discount_percent.clone(),
            booked_at: now.to_string(),
        }
    }

    /// What the business sees once it is booked.
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome::succeeded()
            .action_taken(format!("{} on {}", self.mutation, self.target_object_id))
            .metric("discount_percent", self.discount_percent.clone())
    }
}

/// What is known about the billing system: it can be asked whether it has our reference.
pub(crate) fn safety(ledger: &Ledger) -> Safety {
    let ledger = ledger.clone();
    Safety::lookup(move |idempotency_key: String| {
        let ledger = ledger.clone();
        async move {
            Ok(match ledger.find(&idempotency_key)? {
                Some(entry) => LookupAnswer::found(entry.entry_id),
                None => LookupAnswer::absent(),
            })
        }
    })
}
