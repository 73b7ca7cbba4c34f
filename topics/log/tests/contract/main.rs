//! One contract suite over all adapters, and what is particular to each.

mod child;
mod embedded;
mod embedded_only;
mod embedded_processes;
mod engine;
mod kafka;
mod kafka_processes;
mod schemas;
mod suite;
mod suite_groups;

use embedded::Embedded;
use kafka::Kafka;

/// Each function of the suite, as a test of each engine.
macro_rules! contract {
    ($($suite:ident::$name:ident),+ $(,)?) => {
        mod on_embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$suite::$name(&super::Embedded::new()).await;
            })+
        }
        mod on_kafka {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(engine) = super::Kafka::given() {
                    super::$suite::$name(&engine).await;
                }
            })+
        }
    };
}

contract! {
    suite::appended_records_are_read_in_order_at_the_offsets_answered,
    suite::a_reopened_log_holds_everything_and_never_gives_an_offset_twice,
    suite::a_transaction_appends_and_commits_or_does_neither,
    suite::a_record_beyond_the_bound_is_refused_and_six_megabytes_pass,
    suite_groups::members_share_partitions_and_a_leavers_go_to_the_rest,
    suite::appends_of_one_caller_keep_their_order_also_when_not_awaited_one_by_one,
    suite_groups::every_record_takes_effect_once_while_members_come_and_go,
    suite_groups::what_was_not_in_the_finished_prefix_is_delivered_again,
    suite_groups::after_a_second_claim_the_first_owners_next_transaction_fails,
    suite_groups::positions_of_other_groups_move_with_an_owners_transaction,
    suite_groups::lag_is_what_was_not_passed_and_zero_exactly_at_the_end,
    suite::offsets_are_found_by_time,
    suite::compaction_keeps_the_last_record_of_each_key,
    suite::a_position_behind_retention_is_reported_and_reading_goes_on,
    suite::a_waiting_reader_wakes_on_append_and_follows_partitions_added_later,
    suite::a_reader_that_falls_out_of_memory_reads_the_engine_without_a_hole,
    suite::records_that_the_catalogue_does_not_allow_are_refused,
    suite_groups::a_member_that_keeps_a_revoked_partition_is_fenced,
    suite_groups::a_member_is_told_that_it_joined_after_its_share_also_when_that_is_none,
}
