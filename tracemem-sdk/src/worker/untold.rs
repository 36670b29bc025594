//! Who is to be told how an approval ended, and when: read from the trace, so that whoever was told is not told again, and one
//! integration that fails does not keep another from telling.

use std::collections::BTreeMap;

use crate::{
    decision::{
        Trace,
        event::{DeliveryAttempted, DeliveryPurpose, DeliveryResult, Event},
    },
    id::IntegrationId,
    time::Timestamp,
};

/// The integrations that may have reached somebody since they were last told how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Untold(BTreeMap<IntegrationId, Turn>);

/// When an integration's turn is; the earliest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// It has not been tried.
    First,
    /// It failed, and is tried again then.
    Again(Timestamp),
    /// It failed for good.
    GivenUp,
}

/// What there is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// This integration comes next; not before then, where a time is given.
    Tell(&'a IntegrationId, Option<Timestamp>),
    /// All were told whom anybody can tell, and some nobody can.
    GiveUp,
    /// All were told.
    Done,
}

impl Untold {
    /// What stands in the trace.
    pub(super) fn of(trace: &Trace) -> Self {
        let attempts = trace
            .events()
            .iter()
            .filter_map(|recorded| match &recorded.event {
                Some(Event::DeliveryAttempted(attempt)) => Some(attempt),
                _ => None,
            });
        let mut untold = Self(BTreeMap::new());
        attempts.for_each(|attempt| untold.follow(attempt));
        untold
    }

    fn follow(&mut self, attempt: &DeliveryAttempted) {
        let Self(turns) = self;
        let Some(integration) = attempt.integration_id.clone() else {
            return;
        };
        match (attempt.purpose, attempt.result, attempt.next_at) {
            (DeliveryPurpose::Deliver, result, _) => {
                if result.may_have_arrived() {
                    turns.entry(integration).or_insert(Turn::First);
                }
            }
            (DeliveryPurpose::Conclude, DeliveryResult::Delivered, _) => {
                turns.remove(&integration);
            }
            (DeliveryPurpose::Conclude, _, Some(next)) => {
                turns.insert(integration, Turn::Again(next));
            }
            (DeliveryPurpose::Conclude, _, None) => {
                turns.insert(integration, Turn::GivenUp);
            }
        }
    }

    /// Who is still to be told, in the order of their turns, and when those who failed come again.
    pub(super) fn turns(&self) -> Vec<(&IntegrationId, Option<Timestamp>)> {
        let mut turns: Vec<_> = self.0.iter().collect();
        turns.sort_by_key(|(_, turn)| **turn);
        let due = |(integration, turn): (_, &Turn)| match turn {
            Turn::First => Some((integration, None)),
            Turn::Again(at) => Some((integration, Some(*at))),
            Turn::GivenUp => None,
        };
        turns.into_iter().filter_map(due).collect()
    }

    /// Whose turn is next.
    pub(super) fn next(&self) -> Next<'_> {
        match self.0.iter().min_by_key(|(_, turn)| **turn) {
            None => Next::Done,
            Some((_, Turn::GivenUp)) => Next::GiveUp,
            Some((integration, Turn::First)) => Next::Tell(integration, None),
            Some((integration, Turn::Again(at))) => Next::Tell(integration, Some(*at)),
        }
    }

    /// All of them in a fixed order, for a trace that is closed and keeps nobody's turn.
    pub(super) fn all(&self) -> Vec<&IntegrationId> {
        self.0.keys().collect()
    }
}
