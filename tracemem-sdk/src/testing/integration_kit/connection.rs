//! The rule of the connection test.

use super::{Fixture, KitResult};
use crate::{integration::Integration, testing::store_kit::check::soon};

/// A check of a connection that works succeeds, as often as it is made, and shows nothing to anybody.
pub async fn a_check_succeeds_and_shows_nothing<I: Integration>(fixture: &Fixture<I>) -> KitResult {
    for _ in 0..3 {
        soon("a check returns", fixture.integration().check()).await??;
    }
    fixture.shows("a check shows nothing", 0)
}
