//! One contract suite over all adapters, and what is particular to each.

mod embedded;
mod engine;
mod suite;

use embedded::Embedded;

/// Each function of the suite, as a test of each engine.
macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod on_embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::suite::$name(&super::Embedded::new()).await;
            })+
        }
    };
}

contract! {
    appended_records_are_read_in_order_at_the_offsets_answered,
    a_reopened_log_holds_everything_and_never_gives_an_offset_twice,
    a_transaction_appends_and_commits_or_does_neither,
    a_record_beyond_the_bound_is_refused_and_six_megabytes_pass,
    members_share_partitions_and_a_leavers_go_to_the_rest,
}
