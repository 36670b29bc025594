//! Integrations as administrators have them: configured, switched, tested, and how they fare.

mod configuring;
mod faring;
mod scene;
mod switching;
mod testing;

type Tested = Result<(), Box<dyn std::error::Error>>;
