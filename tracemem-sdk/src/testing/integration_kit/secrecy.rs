//! The rule of secrets: nothing that is printed or stored holds one.

use std::{error::Error, fmt::Debug};

use super::{Fixture, KitError, KitResult};
use crate::{
    approval::ResolvedAs,
    integration::{Conclusion, Integration},
    route::Destination,
    testing::{
        message, resolution,
        store_kit::check::{BrokenPromise, soon},
    },
};

/// Neither the integration's `Debug`, nor an error of any call with all its sources, nor the note of a delivery holds a secret.
///
/// Errors are looked for with destinations that no target has.
pub async fn nothing_that_is_printed_or_stored_holds_a_secret<I: Integration>(
    fixture: &Fixture<I>,
) -> KitResult {
    let integration = fixture.integration();
    refuse(fixture, "its `Debug`", &debugged(integration))?;
    let message = message()?;
    let end = resolution(&message, ResolvedAs::Approved)?;
    let delivery = fixture.deliver(&message).await?;
    refuse(fixture, "the note of a delivery", &delivery.handle)?;
    let nowhere = [
        "",
        "nobody@invalid.invalid",
        "https://invalid.invalid/\u{0}",
        "#no-such-channel",
    ];
    for destination in nowhere.map(Destination::new) {
        let delivering = integration.deliver(&message, &destination);
        let delivery = match soon("a delivery to nowhere returns", delivering).await? {
            Ok(delivery) => delivery,
            Err(error) => {
                refuse(fixture, "an error of a delivery", &printed(&error))?;
                crate::integration::Delivery::of(&message, &destination, "")
            }
        };
        refuse(fixture, "the note of a delivery", &delivery.handle)?;
        let conclusion = Conclusion::of(&message, vec![delivery], end.clone());
        let concluding = integration.conclude(&conclusion);
        if let Err(error) = soon("a conclusion nowhere returns", concluding).await? {
            refuse(fixture, "an error of a conclusion", &printed(&error))?;
        }
    }
    if let Err(error) = soon("a check returns", integration.check()).await? {
        refuse(fixture, "an error of a check", &printed(&error))?;
    }
    refuse(fixture, "its `Debug` after use", &debugged(integration))
}

fn debugged(value: &impl Debug) -> String {
    format!("{value:?} {value:#?}")
}

/// Everything that any logger may print of an error.
fn printed<E: Error>(error: &E) -> String {
    let mut all = debugged(error);
    let mut next: Option<&dyn Error> = Some(error);
    while let Some(cause) = next {
        all.push_str(&cause.to_string());
        next = cause.source();
    }
    all
}

/// The text holds no secret. What it does hold is not said again.
#[track_caller]
fn refuse<I: Integration>(fixture: &Fixture<I>, where_it_is: &str, text: &str) -> KitResult {
    let leaks = |secret: &String| !secret.is_empty() && text.contains(secret.as_str());
    if fixture.secrets().iter().any(leaks) {
        let promise = "nothing that is printed or stored holds a secret";
        let found = format!("there is one in {where_it_is}");
        return Err(KitError::from(BrokenPromise::new(promise, found)));
    }
    Ok(())
}
