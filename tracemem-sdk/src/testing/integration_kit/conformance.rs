//! The macro that makes one test per rule.

/// Proves an [`Integration`](crate::integration::Integration): one `#[tokio::test]` per promise of its contract.
///
/// The argument is an `async` block that sets up a target nothing was sent to yet. It returns what must live as long as the target,
/// such as a server on a local port, and a [`Fixture`](crate::testing::integration_kit::Fixture) with the integration and a
/// destination that works. The fixture tells what is secret, and how many requests are shown, where the test can look.
///
/// The tests stand where the macro is called; put it into a module of its own. The crate that calls it needs `tokio` with the
/// features `macros` and `rt-multi-thread`.
///
/// ```
/// mod my_integration {
///     use tracemem_sdk::{route::Destination, testing::{RecordingIntegration, integration_kit::Fixture}};
///
///     tracemem_sdk::integration_conformance!(async {
///         // An integration that talks to a server would start a fake of it here and give it back in the place of the `()`.
///         let integration = RecordingIntegration::new("recording".parse()?);
///         Ok(((), Fixture::new(integration, Destination::new("anywhere"))))
///     });
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! integration_conformance {
    ($set_up:expr $(,)?) => {
        $crate::__integration_conformance! { $set_up,
            delivering::{
                an_id_never_changes,
                a_delivery_never_waits_for_its_answer,
                the_same_delivery_twice_is_one_request,
                two_deliveries_are_two_requests,
                whatever_text_a_message_holds_it_is_delivered,
                the_longest_texts_are_delivered,
                the_barest_message_is_delivered,
            }
            concluding::{
                a_delivered_message_is_concluded_however_it_ended,
                a_message_is_concluded_again,
                a_message_whose_handle_was_lost_is_concluded,
                what_was_never_delivered_is_concluded,
                several_attempts_are_concluded_at_once,
                whatever_an_answer_holds_its_message_is_concluded,
            }
            connection::{
                a_check_succeeds_and_shows_nothing,
            }
            drops::{
                a_dropped_delivery_is_mended_by_the_next,
                a_dropped_conclusion_is_mended_by_the_next,
                dropped_checks_block_nobody,
            }
            crowds::{
                calls_overlap,
            }
            secrecy::{
                nothing_that_is_printed_or_stored_holds_a_secret,
            }
        }
    };
}

/// One test per rule; four threads, so that what may overlap does.
#[doc(hidden)]
#[macro_export]
macro_rules! __integration_conformance {
    ($set_up:expr, $($room:ident::{ $($rule:ident,)* })*) => {
        $($(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $rule() -> $crate::testing::integration_kit::KitResult {
                use $crate::testing::integration_kit;
                integration_kit::prove(async || $set_up.await, integration_kit::$room::$rule).await
            }
        )*)*
    };
}
