//! Policy, human approval, a guarded side effect and verifiable evidence for risky actions, inside the host's process.

pub mod evidence;
pub mod policy;
