//! The arrows of the crash table: the points between two durable steps of one decision at which a process may die.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a process is. In the order in which a decision passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrow {
    /// About to commit request, verdict and approval request.
    BeforeOpen,
    /// Committing them.
    InOpen,
    /// They are durable, and nobody above the store knows.
    Opened,
    /// A worker holds the lease of the delivery, and has not handed it over.
    Leased,
    /// It is handed over, and not recorded.
    HandedOver,
    /// The delivery is recorded.
    DeliveryRecorded,
    /// About to commit the answer.
    BeforeAnswer,
    /// Committing it.
    InAnswer,
    /// The answer is durable, and whoever answered does not know.
    AnswerRecorded,
    /// Whoever answered was told so.
    Answered,
    /// Approved, and about to commit the start.
    BeforeStart,
    /// Committing it.
    InStart,
    /// The start is durable, and its acknowledgement lost.
    Started,
    /// The effect is called, and has sent nothing.
    BeforeSend,
    /// The target applied the effect, and its answer is lost. In a transaction: the effect is in it, and no receipt.
    Applied,
    /// The answer is there, and the receipt not committed. In a transaction: both are in it.
    BeforeReceipt,
    /// Committing it.
    InReceipt,
    /// The receipt is durable, and its acknowledgement lost.
    Recorded,
    /// The caller has the receipt.
    Done,
}

impl Arrow {
    /// All of them, in order.
    pub const ALL: [Self; 19] = [
        Self::BeforeOpen,
        Self::InOpen,
        Self::Opened,
        Self::Leased,
        Self::HandedOver,
        Self::DeliveryRecorded,
        Self::BeforeAnswer,
        Self::InAnswer,
        Self::AnswerRecorded,
        Self::Answered,
        Self::BeforeStart,
        Self::InStart,
        Self::Started,
        Self::BeforeSend,
        Self::Applied,
        Self::BeforeReceipt,
        Self::InReceipt,
        Self::Recorded,
        Self::Done,
    ];

    /// Whether a process only says that it passes here, and goes on into the commit that it is to be killed in.
    #[must_use]
    pub fn is_passed(self) -> bool {
        matches!(
            self,
            Self::InOpen | Self::InAnswer | Self::InStart | Self::InReceipt
        )
    }

    /// Whether a start may be durable here, and its receipt not be: nobody knows whether the effect happened.
    #[must_use]
    pub fn leaves_unknown(self) -> bool {
        (Self::InStart..=Self::InReceipt).contains(&self)
    }
}

impl fmt::Display for Arrow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BeforeOpen => "before the open commit",
            Self::InOpen => "in the open commit",
            Self::Opened => "opened, approval requested",
            Self::Leased => "delivery leased",
            Self::HandedOver => "handed over, not recorded",
            Self::DeliveryRecorded => "delivery recorded",
            Self::BeforeAnswer => "before the answer commit",
            Self::InAnswer => "in the answer commit",
            Self::AnswerRecorded => "answered, ack lost",
            Self::Answered => "answer acknowledged",
            Self::BeforeStart => "approved, before the start",
            Self::InStart => "in the start commit",
            Self::Started => "started, ack lost",
            Self::BeforeSend => "started, before the send",
            Self::Applied => "applied, answer lost",
            Self::BeforeReceipt => "before the receipt commit",
            Self::InReceipt => "in the receipt commit",
            Self::Recorded => "receipt, ack lost",
            Self::Done => "finished, replayed",
        })
    }
}

/// What a target does about a second request, as the effect's author declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// It is a table beside the store, and shares a transaction with the receipt.
    SameTransaction,
    /// It applies one request per key.
    Idempotent,
    /// It applies every request, and can be asked for a key.
    Lookup,
    /// It refuses a fence that is not greater than every one it has seen.
    Conditional,
    /// It applies every request, and tells nothing.
    Opaque,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::SameTransaction,
        Self::Idempotent,
        Self::Lookup,
        Self::Conditional,
        Self::Opaque,
    ];
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SameTransaction => "SameTransaction",
            Self::Idempotent => "Idempotent",
            Self::Lookup => "Lookup",
            Self::Conditional => "Conditional",
            Self::Opaque => "Opaque",
        })
    }
}
