//! How approvals reach people and how their answers come back, for [`tracemem_sdk`].
//!
//! * Feature `link`: [`link`], one signed and time-bound link per named approver, handed to whatever the host sends messages with.
//! * Feature `page`: [`page`], the confirm page behind such a link, as a function over `http` types.
//! * Feature `email`: [`email`], mails with such links, and how it ended, by SMTP or by the host's own sender.
//! * Feature `slack`: [`slack`], messages with buttons, what becomes of them, and the clicks on them.
//! * Feature `webhook`: [`webhook`], Standard Webhooks in both directions, and [`egress`], which calls addresses that others chose.
//! * Feature `inbound`: [`inbound`], everything that comes in, as one function over `http` types.
//! * Feature `axum-0_8`: the page and the inbound side as axum routers.
//!
//! Whatever comes in is verified here, over raw bytes and before it is parsed; what an answer then leads to is left to the sdk. Every
//! text of a request is untrusted: it is shown as plain text only.
//!
//! The integration mints what the page verifies, so both are given the same [`Links`](link::Links):
//!
//! ```
//! # #[cfg(feature = "axum-0_8")] {
//! # use tracemem_sdk::{
//! #     TraceMem, approval::ApprovalMessage, async_trait, integration::{Conclusion, DeliveryError}, testing::MemoryStore,
//! # };
//! use tracemem_transports::{
//!     link::{ApprovalLink, BaseUrl, LinkIntegration, LinkKeys, LinkSink, Links},
//!     page::ConfirmPage,
//! };
//!
//! #[derive(Debug)]
//! struct Mailer;
//!
//! #[async_trait]
//! impl LinkSink for Mailer {
//!     async fn send(&self, message: &ApprovalMessage, links: &[ApprovalLink]) -> Result<String, DeliveryError> {
//!         for link in links {
//!             // Mail `message.title` and `link.url.expose()` to `link.approver`.
//!         }
//!         Ok(String::new())
//!     }
//!
//!     async fn concluded(&self, _: &Conclusion) -> Result<(), DeliveryError> {
//!         Ok(())
//!     }
//!
//!     async fn check(&self) -> Result<(), DeliveryError> {
//!         Ok(())
//!     }
//! }
//!
//! # fn build(secret_from_the_vault: &[u8]) -> Result<axum::Router, Box<dyn std::error::Error>> {
//! let keys = LinkKeys::new("2026a", secret_from_the_vault)?;
//! let base = BaseUrl::parse("https://approvals.example.com/tracemem")?;
//! let links = Links::new("mail".parse()?, base, keys);
//! let tracemem = TraceMem::builder(MemoryStore::new())
//!     .integration(LinkIntegration::new(links.clone(), Mailer))
//!     .build()?;
//! let router = ConfirmPage::new(tracemem, links).into_router();
//! # Ok(router)
//! # }
//! # assert!(build(b"thirty-two random bytes, at least").is_ok());
//! # }
//! ```

#[cfg(feature = "axum-0_8")]
mod body;
#[cfg(any(feature = "slack", feature = "webhook"))]
mod client;
#[cfg(any(feature = "email", feature = "webhook"))]
pub mod egress;
#[cfg(feature = "email")]
pub mod email;
#[cfg(feature = "inbound")]
pub mod inbound;
#[cfg(feature = "link")]
pub mod link;
#[cfg(feature = "page")]
pub mod page;
#[cfg(any(feature = "email", feature = "page", feature = "slack"))]
mod plain;
#[cfg(feature = "slack")]
pub mod slack;
#[cfg(any(feature = "email", feature = "slack", feature = "webhook"))]
mod tls;
#[cfg(any(feature = "page", feature = "slack"))]
mod urlencoded;
#[cfg(feature = "webhook")]
pub mod webhook;
