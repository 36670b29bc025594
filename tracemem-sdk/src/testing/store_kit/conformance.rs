//! The macros that make one test per rule.

/// Proves a [`Store`](crate::store::Store): one `#[tokio::test]` per promise of its contract.
///
/// The argument is an `async` block that makes an empty database. It returns what must live as long as the database, such
/// as a temporary folder, and an `async` closure that opens a handle on it. The closure is called more than once: for a
/// second handle, as a second process would open one, and to open the database again after a close. All handles must see
/// the same data, and closing one must leave the others open.
///
/// The tests stand where the macro is called; put it into a module of its own. The crate that calls it needs `tokio` with
/// the features `macros` and `rt-multi-thread`. A store that is a [`Catalog`](crate::store::Catalog) or an
/// [`Index`](crate::store::Index) too is proved with [`catalog_conformance!`](crate::catalog_conformance) and
/// [`index_conformance!`](crate::index_conformance) besides, and one that is no catalog with
/// [`no_catalog_conformance!`](crate::no_catalog_conformance). All take the same argument.
///
/// ```
/// mod my_store {
///     use tracemem_sdk::testing::MemoryStore;
///
///     tracemem_sdk::store_conformance!(async {
///         // A store on files would make a temporary folder here and give it back in the place of the `()`.
///         let database = MemoryStore::new();
///         Ok(((), async move || Ok(database.reopen())))
///     });
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! store_conformance {
    ($set_up:expr $(,)?) => {
        $crate::__conformance! { prove, $set_up,
            writes::{
                of_concurrent_writers_of_a_new_stream_exactly_one_wins,
                of_concurrent_writers_at_one_version_exactly_one_wins,
                a_commit_at_another_version_than_the_heads_is_refused,
                written_tells_the_version_of_the_last_entry,
                entries_that_do_not_follow_the_head_are_refused,
                a_commit_moves_no_other_stream,
                a_term_that_is_there_already_is_left,
                later_commits_leave_earlier_entries_as_they_are,
            }
            refusals::{
                a_commit_writes_all_that_it_holds,
                a_commit_on_a_moved_head_writes_nothing,
                a_commit_on_a_taken_key_writes_nothing,
                a_commit_on_a_lost_lease_writes_nothing,
                a_commit_that_fails_writes_nothing,
                a_taken_key_is_told_first,
                a_moved_head_is_told_before_a_lost_lease,
            }
            reads::{
                a_stream_that_nobody_wrote_is_none,
                the_head_is_the_last_entrys,
                entries_come_back_byte_for_byte_and_in_order,
                the_projection_is_the_last_commits,
                a_large_commit_is_kept_whole,
                a_reader_never_sees_half_a_commit,
                a_tenant_finds_nothing_of_another,
            }
            keys::{
                a_claimed_key_tells_who_holds_it,
                a_taken_key_tells_its_holder_to_whoever_claims_it,
                of_concurrent_claims_of_one_key_exactly_one_wins,
                a_key_is_never_released,
            }
            jobs::{
                jobs_are_leased_when_due_the_longest_due_first,
                no_more_jobs_are_leased_than_asked_for,
                a_leased_job_is_given_to_nobody_else_before_its_lease_ends,
                each_lease_has_a_greater_token_and_counts_one_attempt_more,
                of_concurrent_callers_exactly_one_is_given_a_job,
                a_job_comes_back_as_it_was_put,
                a_job_that_is_there_already_is_left_as_it_is,
                jobs_of_all_tenants_are_leased_under_their_own_names,
            }
            turns::{
                no_tenant_is_given_more_than_its_share,
                what_a_tenant_has_already_is_of_its_share,
                tenants_take_turns,
                many_jobs_of_one_tenant_keep_nobody_waiting,
            }
            job_ends::{
                a_job_that_is_done_is_gone,
                a_job_to_be_retried_is_due_when_it_was_put_off_to,
                a_completion_ends_the_lease,
                a_dead_job_is_never_leased_again_and_is_counted,
                a_job_that_is_taken_back_is_gone_leased_or_not,
                taking_back_a_job_that_is_not_there_is_passed_over,
                completing_a_job_alone_leaves_the_stream_as_it_is,
                completing_a_job_alone_needs_the_head_where_it_is_expected,
            }
            job_tokens::{
                a_lease_is_completed_once,
                of_concurrent_completions_of_a_lease_exactly_one_wins,
                a_completion_under_an_older_lease_is_refused,
                a_late_completion_counts_while_nobody_else_has_the_job,
                a_completion_of_a_lease_that_never_was_is_refused,
                a_job_is_ended_by_its_own_stream_only,
            }
            timers::{
                timers_are_leased_when_due_the_longest_due_first,
                no_more_timers_are_leased_than_asked_for,
                a_leased_timer_is_given_to_nobody_else_before_its_lease_ends,
                a_commit_sets_the_timer_anew_and_ends_its_lease,
                a_commit_without_a_timer_takes_it_away,
                a_commit_leaves_the_timers_of_other_streams,
                of_concurrent_callers_exactly_one_is_given_a_timer,
                timers_of_all_tenants_are_leased_under_their_own_names,
            }
            waits::{
                a_wait_behind_the_head_returns_at_once,
                a_commit_wakes_all_who_wait,
                the_first_commit_wakes_who_waits_for_a_new_stream,
                no_commit_is_slept_through,
                dropped_waits_are_harmless,
            }
            drops::{
                a_dropped_commit_is_whole_or_absent,
                dropped_calls_block_nobody,
            }
            closing::{
                a_closed_store_says_so,
                closing_again_succeeds,
                closing_ends_the_waits_under_way,
                commits_under_way_at_a_close_are_kept_or_refused,
                a_reopened_store_finds_everything,
            }
            handles::{
                two_handles_see_each_others_commits,
                of_concurrent_writers_over_two_handles_exactly_one_wins,
                of_concurrent_claims_over_two_handles_exactly_one_wins,
                a_commit_over_one_handle_wakes_a_wait_on_another,
                a_job_is_leased_over_one_handle_only,
                a_timer_is_leased_over_one_handle_only,
                closing_one_handle_leaves_the_other_open,
            }
            crowds::{
                a_refused_commit_fails_none_of_its_neighbours,
                writers_of_different_streams_are_not_in_each_others_way,
            }
        }
    };
}

/// Proves a [`Catalog`](crate::store::Catalog): one `#[tokio::test]` per promise of its contract.
///
/// The argument is that of [`store_conformance!`](crate::store_conformance).
#[macro_export]
macro_rules! catalog_conformance {
    ($set_up:expr $(,)?) => {
        $crate::__conformance! { prove_catalog, $set_up,
            catalog::{
                a_document_is_found_at_each_version_and_at_its_newest,
                a_document_that_nobody_wrote_is_not_found,
                documents_come_back_byte_for_byte,
                a_tenant_finds_no_document_of_another,
                documents_are_listed_at_their_newest_in_byte_order,
                a_list_of_documents_is_cut_without_gap_or_repetition,
                documents_are_found_through_any_handle,
                a_closed_catalog_says_so,
            }
            catalog_writes::{
                a_document_whose_version_is_not_the_next_is_refused,
                a_moved_head_is_told_before_a_wrong_version,
                of_concurrent_writers_of_a_version_exactly_one_wins,
                a_wrong_version_fails_none_of_its_neighbours,
            }
            credentials::{
                a_credential_is_found_at_each_version_and_at_its_newest,
                a_credential_that_nobody_stored_is_not_found,
                envelopes_come_back_byte_for_byte,
                a_tenant_finds_no_credential_of_another,
                the_next_version_bounds_how_long_earlier_ones_are_kept,
                all_credentials_are_walked_in_order_without_gap_or_repetition,
                a_credential_that_was_moved_does_not_open,
                credentials_are_found_through_any_open_handle,
            }
            credential_writes::{
                a_change_that_does_not_fit_is_refused,
                a_moved_head_is_told_before_a_change_that_does_not_fit,
                a_rewrap_replaces_one_envelope,
                a_removed_version_is_gone_and_never_given_again,
                changes_of_one_commit_are_made_in_order,
                of_concurrent_writers_of_a_credential_exactly_one_wins,
                a_change_that_does_not_fit_fails_none_of_its_neighbours,
            }
            tallies::{
                attempts_are_counted_one_by_one,
                what_is_not_written_is_not_counted,
                an_attempt_is_counted_with_the_job_that_made_it,
                of_concurrent_attempts_none_is_lost,
                tallies_are_listed_by_id,
                a_tenant_finds_no_tally_of_another,
            }
        }
    };
}

/// Proves a store that is no [`Catalog`](crate::store::Catalog): it refuses documents and credentials, and says why.
///
/// The argument is that of [`store_conformance!`](crate::store_conformance).
#[macro_export]
macro_rules! no_catalog_conformance {
    ($set_up:expr $(,)?) => {
        $crate::__conformance! { prove, $set_up,
            no_catalog::{
                documents_are_refused_as_unsupported,
                credentials_are_refused_as_unsupported,
                tallies_are_refused_as_unsupported,
            }
        }
    };
}

/// Proves an [`Index`](crate::store::Index): one `#[tokio::test]` per promise of its contract.
///
/// The argument is that of [`store_conformance!`](crate::store_conformance).
#[macro_export]
macro_rules! index_conformance {
    ($set_up:expr $(,)?) => {
        $crate::__conformance! { prove, $set_up,
            index::{
                nothing_is_listed_where_nothing_was_decided,
                decisions_are_listed_once_in_order_as_they_are_now,
                a_listing_holds_what_fits_all_that_it_asks_for,
                pages_follow_each_other_without_gap_or_repetition,
                a_page_begins_after_its_cursor,
                the_administrative_stream_is_never_listed,
                a_tenant_lists_nothing_of_another,
                a_commit_that_appends_nothing_changes_no_list,
                decisions_are_listed_through_any_handle,
                a_closed_index_says_so,
            }
            searches::{
                a_search_finds_exactly_what_fits,
                what_offers_nothing_fits_nothing,
                terms_are_compared_exactly,
                terms_of_later_commits_are_found,
                a_cursor_stays_where_it_is,
                intents_are_given_once_in_order,
            }
        }
    };
}

/// Proves an [`Archive`](crate::store::Archive) that is an [`Index`](crate::store::Index) as well: one `#[tokio::test]` per promise of
/// its contract.
///
/// The argument is that of [`store_conformance!`](crate::store_conformance).
#[macro_export]
macro_rules! archive_conformance {
    ($set_up:expr $(,)?) => {
        $crate::__conformance! { prove, $set_up,
            archive::{
                what_leaves_is_gone_but_for_its_leaf_hashes,
                what_is_not_as_the_file_holds_it_stays,
                the_key_of_what_has_left_is_held_for_ever,
                only_the_tenants_own_stream_leaves_and_once,
                of_many_those_leave_that_may,
            }
        }
    };
}

/// One test per rule; four threads, so that what may overlap does.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance {
    ($prove:ident, $set_up:expr, $($room:ident::{ $($rule:ident,)* })*) => {
        $($(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $rule() -> $crate::testing::store_kit::KitResult {
                use $crate::testing::store_kit;
                store_kit::$prove(async || $set_up.await, store_kit::$room::$rule).await
            }
        )*)*
    };
}
