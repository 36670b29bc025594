//! The store inside a transaction of the host's: effect and receipt are both there, or neither is.
//!
//! The host's own table and connection are real; its transactions are begun, committed and rolled back as a host does it.

mod effects;
mod ground;
mod refusals;
mod sqlite;
mod writes;
