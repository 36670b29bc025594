//! Mail: approvals as links to named people, and how they ended.
//!
//! * [`EmailIntegration`] mails each named approver a link of their own, and later how the approval ended, as a reply in the same thread.
//! * [`EmailSender`] is what a mail leaves by: [`SmtpSender`], or the host's own client of an API.
//! * [`EmailKind`] opens stored configurations.
//! * [`MailTemplates`] is what the mails say; a host may bring its own.
//!
//! Every text of a request is untrusted. It is plain text in both parts of a mail; nothing of it reaches a header but the title, and that
//! without control characters, line ends and characters that reorder what stands beside them. A mail has no remote content. There is no
//! `List-Unsubscribe`: a mail program that unsubscribes by itself would silence approvals.
//!
//! Mail comes in nowhere: nothing here reads replies, and no reply decides anything, because a `From` proves nothing. Answers come by the
//! [confirm page](crate::page) behind the link. That a relay took a mail does not mean that somebody got it; bounces go to the configured
//! address and are left to the host.

mod address;
mod attempt;
mod compose;
mod configuration;
mod integration;
mod kind;
mod letterhead;
mod note;
mod sender;
mod sink;
mod smtp;
mod templates;
mod words;

pub use self::{
    address::{InvalidMailAddress, MailAddress},
    integration::{EmailIntegration, Identity},
    kind::EmailKind,
    letterhead::{InvalidLetterhead, Letterhead},
    sender::{Accepted, EmailSender, Mail},
    smtp::{InvalidSmtp, SmtpSecurity, SmtpSender},
    templates::{ConclusionFacts, MailTemplates, MailText, RequestFacts, TemplateFailed},
};
