//! The rule of calls that overlap.

use std::sync::Arc;

use super::{Fixture, KitError, KitResult};
use crate::{
    approval::ResolvedAs,
    integration::{Conclusion, Integration},
    testing::{message, resolution, store_kit::check::together},
};

/// Deliveries, conclusions and checks that overlap all succeed, and each delivery is its own.
pub async fn calls_overlap<I: Integration>(fixture: &Fixture<I>) -> KitResult {
    const CALLS: usize = 8;
    let call = |_| {
        let integration = Arc::clone(fixture.integration());
        let destination = fixture.destination().clone();
        async move {
            let message = message()?;
            let delivery = integration.deliver(&message, &destination).await?;
            integration.check().await?;
            let end = resolution(&message, ResolvedAs::Approved)?;
            let conclusion = Conclusion::of(&message, vec![delivery.clone()], end);
            integration.conclude(&conclusion).await?;
            if delivery.id != message.delivery {
                return Err("a delivery is another's".into());
            }
            Ok::<(), KitError>(())
        }
    };
    for returned in together((0..CALLS).map(call)).await? {
        returned?;
    }
    Ok(())
}
