//! The kit of integrations holds on those that keep the contract, and finds the ones that break it.

use std::{collections::BTreeSet, fmt};

use tracemem_sdk::{
    approval::ApprovalMessage,
    async_trait,
    id::IntegrationId,
    integration::{Conclusion, Delivery, DeliveryError, DeliveryErrorKind, Integration},
    route::Destination,
    testing::{
        RecordingIntegration,
        integration_kit::{
            Fixture, KitError, KitResult, concluding, connection, delivering, secrecy,
        },
    },
};

type Tested = Result<(), KitError>;

mod recording {
    use tracemem_sdk::{
        route::Destination,
        testing::{RecordingIntegration, integration_kit::Fixture},
    };

    tracemem_sdk::integration_conformance!(async {
        let integration = RecordingIntegration::new("recording".parse()?);
        let shown = super::requests(integration.clone());
        let fixture = Fixture::new(integration, Destination::new("anywhere")).observing(shown);
        Ok(((), fixture))
    });
}

mod ten_lines {
    use tracemem_sdk::{route::Destination, testing::integration_kit::Fixture};

    tracemem_sdk::integration_conformance!(async {
        Ok((
            (),
            Fixture::new(super::Silent, Destination::new("nobody")).secret("hunter2"),
        ))
    });
}

/// How many requests a target shows that tells deliveries apart.
fn requests(integration: RecordingIntegration) -> impl Fn() -> usize {
    move || {
        let delivered = integration.delivered();
        let told_apart: BTreeSet<_> = delivered.iter().map(|message| &message.delivery).collect();
        told_apart.len()
    }
}

#[derive(Debug)]
struct Silent;

#[async_trait]
impl Integration for Silent {
    #[expect(clippy::unwrap_used, reason = "the literal is an id")]
    fn id(&self) -> IntegrationId {
        "silent".parse().unwrap()
    }
    async fn deliver(
        &self,
        message: &ApprovalMessage,
        to: &Destination,
    ) -> Result<Delivery, DeliveryError> {
        Ok(Delivery::of(message, to, ""))
    }
    async fn conclude(&self, _: &Conclusion) -> Result<(), DeliveryError> {
        Ok(())
    }
    async fn resolve(&self, _to: &Destination) -> Result<Option<Destination>, DeliveryError> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        Ok(())
    }
}

/// Breaks one promise, and keeps the others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Breaks {
    Repetition,
    Text,
    LostHandle,
    Check,
    Debug,
    Error,
    Note,
}

struct Broken {
    breaks: Breaks,
    target: RecordingIntegration,
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = if self.breaks == Breaks::Debug {
            "hunter2"
        } else {
            ".."
        };
        write!(f, "Broken {{ token: {token} }}")
    }
}

#[async_trait]
impl Integration for Broken {
    fn id(&self) -> IntegrationId {
        self.target.id()
    }

    async fn deliver(
        &self,
        message: &ApprovalMessage,
        to: &Destination,
    ) -> Result<Delivery, DeliveryError> {
        let failed = |what| Err(DeliveryError::new(DeliveryErrorKind::Message, what));
        match self.breaks {
            Breaks::Text if message.title.chars().any(char::is_control) => {
                failed("a control character")
            }
            Breaks::Repetition if message.attempt > 1 => failed("again"),
            Breaks::Error if to.as_str().is_empty() => failed("https://hooks.example/hunter2"),
            Breaks::Note => Ok(Delivery::of(message, to, "token=hunter2")),
            _ => self.target.deliver(message, to).await,
        }
    }

    async fn conclude(&self, conclusion: &Conclusion) -> Result<(), DeliveryError> {
        let lost = |delivery: &Delivery| delivery.handle.is_empty();
        if self.breaks == Breaks::LostHandle && conclusion.deliveries.iter().any(lost) {
            return Err(DeliveryError::new(DeliveryErrorKind::Message, "no handle"));
        }
        self.target.conclude(conclusion).await
    }

    async fn resolve(&self, _to: &Destination) -> Result<Option<Destination>, DeliveryError> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        if self.breaks == Breaks::Check {
            let message = tracemem_sdk::testing::message();
            let message = message.map_err(|error| {
                DeliveryError::new(DeliveryErrorKind::Message, error.to_string())
            })?;
            self.target
                .deliver(&message, &Destination::new("all"))
                .await?;
        }
        self.target.check().await
    }
}

fn broken(breaks: Breaks) -> Result<Fixture<Broken>, KitError> {
    let target = RecordingIntegration::new("broken".parse()?);
    let shown = requests(target.clone());
    let integration = Broken { breaks, target };
    let fixture = Fixture::new(integration, Destination::new("anywhere"));
    Ok(fixture.secret("hunter2").observing(shown))
}

fn found(result: &KitResult, expected: &str) {
    let found = result
        .as_ref()
        .err()
        .map(ToString::to_string)
        .unwrap_or_default();
    assert!(found.contains(expected), "`{found}` for `{expected}`");
}

#[tokio::test]
async fn the_kit_finds_each_broken_promise() -> Tested {
    let repetition = broken(Breaks::Repetition)?;
    found(
        &delivering::the_same_delivery_twice_is_one_request(&repetition).await,
        "again",
    );
    let text = broken(Breaks::Text)?;
    found(
        &delivering::whatever_text_a_message_holds_it_is_delivered(&text).await,
        "control",
    );
    let handle = broken(Breaks::LostHandle)?;
    found(
        &concluding::a_message_whose_handle_was_lost_is_concluded(&handle).await,
        "no handle",
    );
    let check = broken(Breaks::Check)?;
    found(
        &connection::a_check_succeeds_and_shows_nothing(&check).await,
        "a check shows nothing",
    );
    for (breaks, place) in [
        (Breaks::Debug, "`Debug`"),
        (Breaks::Error, "an error of a delivery"),
        (Breaks::Note, "the note of a delivery"),
    ] {
        let leaks = broken(breaks)?;
        let result = secrecy::nothing_that_is_printed_or_stored_holds_a_secret(&leaks).await;
        found(&result, place);
        assert!(!format!("{result:?}").contains("hunter2"));
    }
    Ok(())
}
