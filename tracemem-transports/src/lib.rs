//! How approvals reach people and how their answers come back, for [`tracemem_sdk`].
//!
//! * Feature `link`: [`link`], one signed and time-bound link per named approver, handed to whatever the host sends messages with.
//! * Feature `page`: [`page`], the confirm page behind such a link, as a function over `http` types.
//! * Feature `axum-0_8`: the same page as an axum router.
//!
//! Whatever comes in is verified here, over raw bytes and before it is parsed; what an answer then leads to is left to the sdk. Every
//! text of a request is untrusted: it is shown as plain text only.

#[cfg(feature = "link")]
pub mod link;
#[cfg(feature = "page")]
pub mod page;
