//! The laws that every engine keeps. Each engine's test file names its place and gets one test a
//! law from the macro `laws!`.

// Each test binary uses its own part of this module.
#![allow(dead_code)]

pub mod commits;
pub mod concurrency;
pub mod etcd;
pub mod history;
pub mod loading;
pub mod model;
pub mod place;
pub mod restarts;
pub mod watches;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use timonier_store::{Batch, Event, Filter, Key, Op, Revision, Store, Txn, Watch};

/// Nothing here should take long; what does is stuck.
const PATIENCE: Duration = Duration::from_secs(120);

pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("stuck: {what}"),
    }
}

pub fn put(key: &str, value: &str) -> Op {
    put_tagged(key, value, None)
}

pub fn put_tagged(key: &str, value: &str, tag: Option<&str>) -> Op {
    Op::Put { key: Key::new(key), value: Bytes::copy_from_slice(value.as_bytes()), tag: tag.map(Arc::from) }
}

pub fn delete(key: &str) -> Op {
    Op::Delete { key: Key::new(key) }
}

/// Commits without conditions.
pub async fn write(store: &Store, ops: Vec<Op>) -> Revision {
    let txn = Txn { conditions: vec![], ops };
    within("commit", store.commit(txn)).await.expect("commit")
}

/// Fills the store with `n` revisions of one key; returns the last.
pub async fn churn(store: &Store, key: &str, n: usize) -> Revision {
    let mut last = store.snapshot().revision();
    for i in 0..n {
        last = write(store, vec![put(key, &format!("value {i}"))]).await;
    }
    last
}

pub async fn next(watch: &mut Watch) -> Arc<Batch> {
    within("watch", watch.next()).await.expect("watch")
}

/// Reads the watch until everything up to `through` was delivered.
pub async fn until(watch: &mut Watch, through: Revision) -> Vec<Arc<Event>> {
    let mut events = Vec::new();
    while watch.progress() < through {
        events.extend(next(watch).await.events.iter().cloned());
    }
    events
}

pub fn everything() -> Filter {
    Filter::prefix("")
}

#[macro_export]
macro_rules! laws {
    ($place:expr; $($module:ident :: { $($law:ident),* $(,)? })*) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $law() {
                let place = $place;
                suite::within(stringify!($law), suite::$module::$law(&place)).await;
            }
        )*)*
    };
}

/// All laws that need no restart.
#[macro_export]
macro_rules! laws_of_every_engine {
    ($place:expr) => {
        $crate::laws! { $place;
            commits::{
                an_empty_store_is_at_a_revision_above_zero,
                each_commit_takes_one_later_revision,
                an_entry_remembers_its_creation_and_its_last_write,
                a_transaction_is_all_or_nothing,
                a_conflict_carries_the_current_entry,
                a_transaction_that_changes_nothing_takes_no_revision,
                a_key_may_occur_once,
                a_transaction_beyond_the_limit_is_refused,
                a_snapshot_never_changes,
                a_range_is_in_key_order_and_continues_after_a_key,
                a_commit_is_in_the_next_snapshot,
                a_fresh_snapshot_contains_what_was_acknowledged,
                a_revision_that_does_not_come_is_in_the_future,
                a_view_is_decoded_once,
            }
            watches::{
                a_watch_delivers_every_event_in_order_with_previous_values,
                a_watch_starts_at_any_revision,
                a_watch_from_the_future_is_refused,
                the_events_of_one_transaction_come_together,
                a_filter_by_prefix_sees_nothing_else,
                a_filter_by_key_sees_nothing_else,
                a_filter_by_tag_sees_entries_come_and_leave,
                progress_includes_revisions_that_do_not_match,
                a_slow_watcher_takes_all_that_waits_in_one_batch,
                a_cancelled_wait_loses_nothing,
                an_event_is_never_ahead_of_the_snapshot,
                closing_the_store_ends_its_watches,
            }
            history::{
                the_past_is_as_it_was,
                the_past_survives_many_changes,
                a_part_of_the_past_is_as_it_was,
                a_time_is_a_revision,
                before_the_oldest_revision_everything_is_compacted,
                a_watcher_overtaken_by_compaction_is_cut_off_or_sees_everything,
            }
            concurrency::{
                counters_under_compare_and_set_lose_no_increment,
                watchers_see_what_concurrent_writers_wrote,
            }
            model::{
                random_transactions_do_what_a_map_would_do,
            }
        }
    };
}

/// The laws of engines that keep what they have.
#[macro_export]
macro_rules! laws_of_durable_engines {
    ($place:expr) => {
        $crate::laws! { $place;
            restarts::{
                everything_is_there_after_a_restart,
                revisions_only_grow_across_restarts,
                a_watch_resumes_after_a_restart,
                the_past_is_known_after_a_restart,
                times_are_known_after_a_restart,
                a_watcher_behind_the_memory_reads_the_engine,
                a_destroyed_store_is_gone,
            }
            loading::{
                a_filled_place_holds_what_it_was_given,
                what_a_filled_place_is_told_later_is_kept_and_seen,
                every_revision_from_before_is_compacted,
                a_place_that_holds_something_is_left_alone,
                a_place_in_use_is_left_alone,
            }
            model::{
                random_transactions_survive_restarts,
            }
        }
    };
}
