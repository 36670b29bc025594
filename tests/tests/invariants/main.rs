//! The invariants I1 to I12, each on every store that the project has.
//!
//! A rule is a function that bears its number and is generic over a [`Disk`](disks::Disk): a store that outlives its handles. The macro
//! below makes one test per rule and store, so that another store is one more line at the end of this file. What single rooms promise beyond
//! the invariants is tested where they are; `kill -9` needs child processes and is left to the crash harness.

mod agents;
mod at_most_once;
mod authorised;
mod bad_input;
mod banks;
mod disks;
mod documents;
mod durable;
mod exactly_once;
mod faults;
mod fold;
mod forgery;
mod leaks;
mod opinions;
mod probe;
mod resolved_once;
mod secrets;
mod sweep;
mod tenants;
mod undelivered;
mod world;

macro_rules! rules {
    ($disk:ty; $($room:ident::$rule:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() -> crate::world::Tested {
                crate::$room::$rule::<$disk>().await
            }
        )+
    };
}

macro_rules! invariants {
    ($store:ident, $disk:ty) => {
        mod $store {
            rules! {
                $disk;
                authorised::i1_no_effect_runs_without_an_authorised_decision,
                authorised::i1_the_start_is_committed_before_the_effect_is_called,
                faults::i1_no_effect_runs_where_its_start_is_not_committed,
                faults::i1_a_start_that_was_not_written_is_written_again_before_the_effect_runs,
                at_most_once::i2_an_opaque_effect_happens_at_most_once,
                at_most_once::i2_an_opaque_effect_happens_once_where_nobody_dies,
                exactly_once::i2_an_effect_that_shares_its_transaction_happens_exactly_once_in_the_end,
                resolved_once::i3_an_approval_is_resolved_once_and_the_loser_is_told_what_won,
                resolved_once::i3_an_answer_and_an_expiry_never_both_count,
                undelivered::i4_a_request_that_is_never_delivered_exists_and_can_be_answered,
                fold::i5_the_projection_is_the_fold_after_every_step,
                forgery::i5_a_projection_that_is_not_the_fold_is_refused,
                forgery::i6_a_trace_that_was_edited_is_refused,
                forgery::i6_a_trace_that_was_cut_reordered_or_extended_is_refused,
                tenants::i7_what_is_another_tenants_is_answered_like_what_does_not_exist,
                tenants::i7_lists_keys_and_leases_hold_nothing_of_another_tenant,
                agents::i8_an_agent_widens_no_requirement,
                agents::i8_an_agent_replaces_no_context_and_closes_over_no_approval,
                secrets::i9_no_secret_is_printed_logged_or_stored,
                durable::i10_what_was_acknowledged_is_there_after_a_restart_without_close,
                durable::i10_what_was_acknowledged_is_in_a_copy_of_the_files_at_that_moment,
                opinions::i11_no_error_of_policies_and_facts_reads_as_yes,
                sweep::i11_no_fault_of_the_store_reads_as_yes,
                sweep::i11_a_configuration_that_cannot_be_read_stops_decisions,
                bad_input::i12_a_bad_request_is_refused_by_field_and_rule_and_changes_nothing,
                documents::i12_a_bad_document_is_refused_by_field_and_rule_and_changes_nothing,
                documents::i12_a_bad_report_or_answer_is_refused_by_field_and_rule_and_changes_nothing,
            }
        }
    };
}

invariants!(memory, crate::disks::Memory);
invariants!(sqlite, crate::disks::SqliteFile);
invariants!(postgres, crate::disks::Postgres);
