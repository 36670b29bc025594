//! An integration that mails to the relay, and messages for it.

use std::time::Duration;

use tracemem_sdk::{
    approval::ApprovalMessage,
    id::ApproverId,
    integration::{Arrival, Delivery, DeliveryError, DeliveryErrorKind, Integration},
    route::Destination,
    testing::{FakeClock, message},
    time::Timestamp,
};
use tracemem_transports::{
    email::{EmailIntegration, EmailSender, Letterhead},
    link::{BaseUrl, LinkKeys, Links},
};

use super::Tested;

pub(crate) const BASE: &str = "https://approvals.example.com/tm";
pub(crate) const SECRET: &[u8; 32] = b"CANARY-0123456789-0123456789-abc";
pub(crate) const START: u64 = 1_795_000_000_000_000;
pub(crate) const ALICE: &str = "alice@example.com";
pub(crate) const BOB: &str = "bob@example.com";
pub(crate) const CAROL: &str = "carol@example.com";

/// The headers of a request, and of how it ended.
pub(crate) const REQUEST_HEADERS: [&str; 9] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Type",
];
pub(crate) const CONCLUSION_HEADERS: [&str; 11] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Type",
];

pub(crate) fn clock() -> FakeClock {
    FakeClock::new(Timestamp::from_micros(START))
}

pub(crate) fn links() -> Tested<Links> {
    let keys = LinkKeys::new("k1", SECRET)?;
    Ok(Links::new("mail".parse()?, BaseUrl::parse(BASE)?, keys).clock(clock()))
}

pub(crate) fn letterhead() -> Tested<Letterhead> {
    Ok(Letterhead::new("approvals@example.org".parse()?).named("Approvals")?)
}

pub(crate) fn mailing(sender: impl EmailSender) -> Tested<EmailIntegration> {
    mailing_under(letterhead()?, sender)
}

pub(crate) fn mailing_under(
    letterhead: Letterhead,
    sender: impl EmailSender,
) -> Tested<EmailIntegration> {
    Ok(EmailIntegration::new(links()?, letterhead, sender).clock(clock()))
}

/// A message that these people may answer.
pub(crate) fn asking(people: &[&str]) -> Tested<ApprovalMessage> {
    let mut asking = message()?;
    let people: Result<Vec<ApproverId>, _> = people.iter().map(|person| person.parse()).collect();
    asking.approvers = Some(people?);
    Ok(asking)
}

pub(crate) fn nowhere() -> Destination {
    Destination::new("")
}

pub(crate) async fn deliver(
    mailing: &EmailIntegration,
    message: &ApprovalMessage,
) -> Result<Delivery, DeliveryError> {
    mailing.deliver(message, &nowhere()).await
}

/// What a delivery failed with.
pub(crate) async fn refused(
    mailing: &EmailIntegration,
    message: &ApprovalMessage,
) -> Tested<DeliveryError> {
    match deliver(mailing, message).await {
        Ok(_) => Err("it was delivered".into()),
        Err(error) => Ok(error),
    }
}

/// The next attempt, after one that left this.
pub(crate) fn again(message: &ApprovalMessage, left: &str) -> ApprovalMessage {
    let mut again = message.clone();
    again.attempt += 1;
    let mut delivery = Delivery::of(message, &nowhere(), left);
    delivery.arrival = Arrival::Possible;
    again.earlier.push(delivery);
    again
}

/// At least five minutes, as greylists want.
pub(crate) fn greylisted(kind: DeliveryErrorKind) -> bool {
    match kind {
        DeliveryErrorKind::Transient {
            retry_after: Some(after),
        } => after >= Duration::from_secs(300),
        _ => false,
    }
}
