//! One attempt at several recipients: whom to pass over, whether to go on, and what it comes to.

use tracemem_sdk::integration::{DeliveryError, DeliveryErrorKind};

use super::note::{Fate, Note, RecipientKey};

/// Whether to go on with the next recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    GoOn,
    Stop,
}

/// One attempt: what earlier ones have done, what this one does, and what stands against the rest.
pub(super) struct Attempt {
    before: Note,
    now: Note,
    /// Why somebody was not mailed who may be mailed by the next attempt.
    later: Option<DeliveryError>,
    /// Why somebody will not be mailed.
    never: Option<DeliveryError>,
}

impl Attempt {
    pub(super) fn after(before: Note) -> Self {
        Self {
            before,
            now: Note::default(),
            later: None,
            never: None,
        }
    }

    pub(super) fn unreachable(&mut self) {
        let what = "an approver has no mail address; name approvers by their addresses, or route the approval otherwise";
        let error = DeliveryError::new(DeliveryErrorKind::Destination, what);
        self.never.get_or_insert(error);
    }

    pub(super) fn out_of_time(&mut self) {
        let kind = DeliveryErrorKind::Transient { retry_after: None };
        let error = DeliveryError::new(kind, "there was no time left for the rest of the mails");
        self.later.get_or_insert(error);
    }

    /// Whether an earlier attempt has mailed this recipient, or was refused for good.
    pub(super) fn is_done_with(&mut self, key: &RecipientKey) -> bool {
        match self.before.fate(key) {
            Some(Fate::Taken(_)) => true,
            Some(Fate::Refused) => {
                let what = "the relay has refused an approver's address before";
                let error = DeliveryError::new(DeliveryErrorKind::Destination, what);
                self.never.get_or_insert(error);
                true
            }
            Some(Fate::Possible) | None => false,
        }
    }

    pub(super) fn record(
        &mut self,
        key: RecipientKey,
        sent: Result<Option<String>, DeliveryError>,
    ) -> Next {
        let error = match sent {
            Ok(id) => {
                self.now.put(key, Fate::Taken(id));
                return Next::GoOn;
            }
            Err(error) => error,
        };
        match error.kind() {
            DeliveryErrorKind::Destination | DeliveryErrorKind::Message => {
                self.now.put(key, Fate::Refused);
                self.never.get_or_insert(error);
                Next::GoOn
            }
            DeliveryErrorKind::Transient { .. } => {
                self.later.get_or_insert(error);
                Next::GoOn
            }
            DeliveryErrorKind::Ambiguous => {
                self.now.put(key, Fate::Possible);
                self.later = Some(error);
                Next::Stop
            }
            // Credentials, and a relay that wants to be left alone: it says the same to the next one.
            _ => {
                self.later = Some(error);
                Next::Stop
            }
        }
    }

    /// What came of the attempt.
    ///
    /// Where some were mailed and others not, it is ambiguous whatever the reason, so that its note is kept: the next attempt passes over
    /// whom this one has mailed, and ends it where nobody is left but those who cannot be.
    pub(super) fn end(self) -> Result<String, DeliveryError> {
        let Self {
            before: _,
            now,
            later,
            never,
        } = self;
        match later.or(never) {
            None => Ok(now.to_string()),
            Some(error) if now.has_reached_somebody() => {
                let what = "not all approvers were mailed";
                let partly = DeliveryError::new(DeliveryErrorKind::Ambiguous, what);
                Err(partly.having_left(now.to_string()).with_source(error))
            }
            Some(error) => Err(error),
        }
    }
}
