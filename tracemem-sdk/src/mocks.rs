//! Doubles of the plug-in traits, made by mockall, for tests that make one call fail. Where a whole part is played, the fakes of
//! [`testing`](crate::testing) say more with less.
//!
//! The feature is called `unstable-mocks` because these types follow mockall, whose version is no part of this crate's promises: the host
//! depends on the same minor version of mockall where it names its types.
//!
//! ```
//! use tracemem_sdk::{mocks::MockPolicy, policy::{Policy, PolicyError}};
//!
//! let mut broken = MockPolicy::new();
//! broken.expect_evaluate().returning(|_| Err(PolicyError::new("the rules are not there")));
//! # let _: &dyn Policy = &broken;
//! ```

pub use crate::{
    integration::MockIntegration, policy::MockPolicy, route::MockApprovalRoute,
    secrets::MockKeyProvider, store::MockStore,
};
