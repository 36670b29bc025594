//! Sending: to each approver their own link, and later how it ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tracemem_sdk::{
    approval::ApprovalMessage,
    async_trait,
    integration::{Conclusion, DeliveryError, DeliveryErrorKind},
    time::Clock,
};

use super::{
    EmailSender, Letterhead, Mail, MailAddress, MailTemplates,
    attempt::{Attempt, Next},
    compose::{Letter, compose, unwritable},
    note::{Fate, MOST_RECIPIENTS, Note, RecipientKey},
    templates::{ConclusionFacts, RequestFacts, Room, TemplateFailed},
    words,
};
use crate::link::{ApprovalLink, LinkSink};

/// A mail has fewer bytes than this: what is longer is cut off by the mail programs of large providers.
const SIZE_LIMIT: usize = 100_000;

/// The sink of the links of an [`EmailIntegration`](super::EmailIntegration).
#[derive(Debug)]
pub(super) struct MailSink {
    pub(super) letterhead: Letterhead,
    pub(super) templates: Arc<dyn MailTemplates>,
    pub(super) sender: Arc<dyn EmailSender>,
    pub(super) clock: Arc<dyn Clock>,
    /// After this time no further mail of an attempt is begun: the rest is left to the next attempt.
    pub(super) begin_within: Duration,
}

#[async_trait]
impl LinkSink for MailSink {
    async fn send(
        &self,
        message: &ApprovalMessage,
        links: &[ApprovalLink],
    ) -> Result<String, DeliveryError> {
        if links.len() > MOST_RECIPIENTS {
            let what = "the approval lists more than 250 approvers, which is more than one delivery by mail takes";
            return Err(DeliveryError::new(DeliveryErrorKind::Destination, what));
        }
        let mut attempt = Attempt::after(Note::of(&message.earlier));
        let began = self.clock.now();
        let mut mailed = BTreeSet::new();
        for link in links {
            let Ok(to) = link.approver.as_str().parse::<MailAddress>() else {
                attempt.unreachable();
                continue;
            };
            let key = RecipientKey::of(&message.tenant, &message.delivery, &to);
            // Two ids of one mailbox get one mail.
            if !mailed.insert(key.clone()) || attempt.is_done_with(&key) {
                continue;
            }
            if self.clock.now().saturating_since(began) > self.begin_within {
                attempt.out_of_time();
                break;
            }
            let mail = self.request(message, link, &to, &key)?;
            let sent = self.sender.send(&mail).await;
            let wants_id = self.letterhead.wants_relay_ids();
            if attempt.record(key, sent.map(|taken| taken.id.filter(|_| wants_id))) == Next::Stop {
                break;
            }
        }
        attempt.end()
    }

    async fn concluded(&self, conclusion: &Conclusion) -> Result<(), DeliveryError> {
        let Some(message) = &conclusion.message else {
            // What was asked has been erased, and with it whom to tell.
            return Ok(());
        };
        let note = Note::of(&conclusion.deliveries);
        let subject = ["Re: ", &words::subject(&message.title)].concat();
        let facts = ConclusionFacts::of(message, &conclusion.resolution);
        let mut failed = None;
        for (key, to) in people(conclusion, message) {
            let relay_id = match note.fate(&key) {
                Some(Fate::Taken(id)) => id.as_deref(),
                Some(Fate::Possible) => None,
                Some(Fate::Refused) | None => continue,
            };
            let follows = self
                .letterhead
                .arrived_id(&conclusion.delivery, &key, relay_id);
            let letter = Letter {
                letterhead: &self.letterhead,
                envelope_from: self.letterhead.envelope_from(&conclusion.delivery),
                to: &to,
                subject: &subject,
                message_id: self.letterhead.conclusion_id(&conclusion.delivery, &key),
                follows: Some(follows),
                date: self.clock.now(),
            };
            // One whom nothing reaches, or not now, keeps nobody else from being told.
            if let Err(error) = self.tell(letter, &facts).await {
                failed = Some(match (failed, error.kind()) {
                    (None, DeliveryErrorKind::Destination | DeliveryErrorKind::Message) => error,
                    (Some(before), DeliveryErrorKind::Destination | DeliveryErrorKind::Message) => {
                        before
                    }
                    // It counts for more, because it is tried again.
                    (_, DeliveryErrorKind::Transient { .. }) => error,
                    (_, _) => return Err(error),
                });
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        self.sender.check().await
    }
}

impl MailSink {
    /// Tells one person how it ended.
    async fn tell(&self, letter: Letter<'_>, facts: &ConclusionFacts) -> Result<(), DeliveryError> {
        let text = self.templates.conclusion(facts).map_err(template_failed)?;
        let mail = compose(letter, text)?;
        if mail.raw.len() >= SIZE_LIMIT {
            return Err(unwritable("the mail is too long; shorten its template"));
        }
        self.sender.send(&mail).await.map(drop)
    }

    /// The request to one approver, with as much of its texts as fits.
    fn request(
        &self,
        message: &ApprovalMessage,
        link: &ApprovalLink,
        to: &MailAddress,
        key: &RecipientKey,
    ) -> Result<Mail, DeliveryError> {
        let subject = words::subject(&message.title);
        for room in Room::ALL {
            let facts = RequestFacts::of(message, link, room);
            let text = self.templates.request(&facts).map_err(template_failed)?;
            let url = link.url.expose();
            if !text.text.contains(url) || !text.html.contains(url) {
                let what = "the template of the mail leaves out the link; `RequestFacts::link` must stand in both parts";
                return Err(unwritable(what));
            }
            let letter = Letter {
                letterhead: &self.letterhead,
                envelope_from: self.letterhead.envelope_from(&message.delivery),
                to,
                subject: &subject,
                message_id: self.letterhead.request_id(&message.delivery, key),
                follows: None,
                date: self.clock.now(),
            };
            let mail = compose(letter, text)?;
            if mail.raw.len() < SIZE_LIMIT {
                return Ok(mail);
            }
        }
        Err(unwritable("the mail is too long; shorten its template"))
    }
}

/// Who may have been mailed: the approvers, or where the route lists none the mailboxes that it went to.
fn people(
    conclusion: &Conclusion,
    message: &ApprovalMessage,
) -> BTreeMap<RecipientKey, MailAddress> {
    let ids: Vec<&str> = match &message.approvers {
        Some(approvers) => approvers.iter().map(|approver| approver.as_str()).collect(),
        None => {
            let deliveries = conclusion.deliveries.iter();
            deliveries
                .map(|delivery| delivery.destination.as_str())
                .collect()
        }
    };
    let addresses = ids
        .into_iter()
        .filter_map(|id| id.parse::<MailAddress>().ok());
    let keyed = addresses.map(|address| {
        let key = RecipientKey::of(&conclusion.tenant, &conclusion.delivery, &address);
        (key, address)
    });
    keyed.collect()
}

fn template_failed(error: TemplateFailed) -> DeliveryError {
    unwritable("the template of the mail failed").with_source(error)
}
