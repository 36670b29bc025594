//! A transport of your own: ten lines of [`Integration`], proved by the public kit.
//!
//! This one writes each approval as a line to a writer: a terminal, a file, a socket. Its answers come in some other way, as those of every
//! integration do: whoever receives one verifies it and calls [`TraceMem::answer`](tracemem_sdk::TraceMem::answer).
//!
//! ```text
//! cargo run --example custom_integration     # delivers one approval to the standard output
//! cargo test --example custom_integration    # one test per promise of the contract
//! ```

use std::{
    error::Error,
    fmt,
    io::Write,
    sync::{Mutex, PoisonError},
};

use tracemem_sdk::{
    approval::ApprovalMessage,
    async_trait,
    id::IntegrationId,
    integration::{Conclusion, Delivery, DeliveryError, DeliveryErrorKind, Integration},
    route::Destination,
    testing,
};

/// Writes lines.
struct Lines<W> {
    id: IntegrationId,
    writer: Mutex<W>,
}

#[async_trait]
impl<W: Write + Send + 'static> Integration for Lines<W> {
    fn id(&self) -> IntegrationId {
        self.id.clone()
    }
    async fn deliver(
        &self,
        message: &ApprovalMessage,
        to: &Destination,
    ) -> Result<Delivery, DeliveryError> {
        // `Debug` quotes what callers wrote, so that no text of theirs can look like a line of ours.
        let (delivery, title) = (&message.delivery, &message.title);
        self.write(&format!("{delivery} {:?}: {title:?}", to.as_str()))?;
        Ok(Delivery::of(message, to, delivery.as_str()))
    }
    async fn conclude(&self, conclusion: &Conclusion) -> Result<(), DeliveryError> {
        let outcome = conclusion.resolution.outcome;
        self.write(&format!("{} {outcome}", conclusion.delivery))
    }
    async fn resolve(&self, _to: &Destination) -> Result<Option<Destination>, DeliveryError> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        Ok(())
    }
}

impl<W: Write> Lines<W> {
    fn new(id: IntegrationId, writer: W) -> Self {
        let writer = Mutex::new(writer);
        Self { id, writer }
    }

    /// A line that was not written may be there in part: the worker tries again under the same delivery id.
    fn write(&self, line: &str) -> Result<(), DeliveryError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let written = writeln!(writer, "{line}").and_then(|()| writer.flush());
        written.map_err(|error| {
            DeliveryError::new(DeliveryErrorKind::Ambiguous, "the line was not written")
                .with_source(error)
        })
    }
}

impl<W> fmt::Debug for Lines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let lines = Lines::new("lines".parse()?, std::io::stdout());
    let message = testing::message()?;
    lines
        .deliver(&message, &Destination::new("finance"))
        .await?;
    Ok(())
}

#[cfg(test)]
mod keeps_the_contract {
    use std::{
        collections::BTreeSet,
        io::{self, Write},
        sync::{Arc, Mutex, PoisonError},
    };

    use tracemem_sdk::{route::Destination, testing::integration_kit::Fixture};

    use super::Lines;

    tracemem_sdk::integration_conformance!(async {
        let kept = Kept::default();
        let lines = Lines::new("lines".parse()?, kept.clone());
        let fixture = Fixture::new(lines, Destination::new("finance"));
        Ok(((), fixture.observing(move || kept.requests())))
    });

    /// What was written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        /// How many requests a reader finds, who takes two lines of one delivery as one request.
        fn requests(&self) -> usize {
            let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let text = String::from_utf8_lossy(&bytes);
            let asked = text.lines().filter(|line| line.contains(": \""));
            let deliveries: BTreeSet<_> = asked.filter_map(|line| line.split(' ').next()).collect();
            deliveries.len()
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
