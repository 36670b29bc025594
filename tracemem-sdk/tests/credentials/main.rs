//! Sealed credentials: the envelope, the keyring, and storing, reading, rotating and re-wrapping.

mod envelopes;
mod keyring;
mod maintaining;
mod rings;
mod secrecy;
mod storing;
mod world;

type Tested = Result<(), Box<dyn std::error::Error>>;
