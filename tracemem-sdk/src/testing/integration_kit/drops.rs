//! Rules of dropped futures: whatever was under way, a second call mends it.

use std::{future::poll_fn, pin::pin, task::Poll};

use super::{Fixture, KitResult};
use crate::{
    approval::ResolvedAs,
    integration::{Conclusion, Integration},
    testing::{message, resolution, store_kit::check::soon},
};

/// How often a future is polled before it is dropped.
const POLLS: [usize; 4] = [0, 1, 2, 5];

/// After a delivery that was dropped the same delivery succeeds, and there is one request.
pub async fn a_dropped_delivery_is_mended_by_the_next<I: Integration>(
    fixture: &Fixture<I>,
) -> KitResult {
    for (place, polls) in POLLS.into_iter().enumerate() {
        let message = message()?;
        let dropped = fixture
            .integration()
            .deliver(&message, fixture.destination());
        give_up(polls, dropped).await;
        fixture.deliver(&message).await?;
        fixture.shows(
            "a delivery that was dropped and made again is one request",
            place + 1,
        )?;
    }
    Ok(())
}

/// After a conclusion that was dropped the same conclusion succeeds.
pub async fn a_dropped_conclusion_is_mended_by_the_next<I: Integration>(
    fixture: &Fixture<I>,
) -> KitResult {
    for polls in POLLS {
        let message = message()?;
        let delivery = fixture.deliver(&message).await?;
        let end = resolution(&message, ResolvedAs::Approved)?;
        let conclusion = Conclusion::of(&message, vec![delivery], end);
        give_up(polls, fixture.integration().conclude(&conclusion)).await;
        let concluding = fixture.integration().conclude(&conclusion);
        soon("a conclusion after a dropped one returns", concluding).await??;
    }
    Ok(())
}

/// Checks that were dropped keep nobody from the next.
pub async fn dropped_checks_block_nobody<I: Integration>(fixture: &Fixture<I>) -> KitResult {
    for polls in POLLS.into_iter().cycle().take(40) {
        give_up(polls, fixture.integration().check()).await;
    }
    soon(
        "a check after dropped ones returns",
        fixture.integration().check(),
    )
    .await??;
    fixture.deliver(&message()?).await?;
    Ok(())
}

/// Polls a future so often, and drops it.
async fn give_up<F: Future>(polls: usize, future: F) {
    let mut future = pin!(future);
    for _ in 0..polls {
        let ready = poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        if ready {
            return;
        }
        tokio::task::yield_now().await;
    }
}
