//! The hub of events: one list of behaviours (`rules`) held against all three places where events can be kept, and what each of
//! them has for itself.

mod bench;
mod disk;
mod kills;
mod order;
mod redis;
mod rules;

/// Each behaviour as a test of each place.
macro_rules! in_every_store {
    ($($rule:ident),* $(,)?) => {
        mod in_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                super::rules::$rule(super::bench::Bench::memory()).await;
            })*
        }
        mod on_disk {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                super::rules::$rule(super::bench::Bench::disk()).await;
            })*
        }
        mod in_redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                super::rules::$rule(super::bench::Bench::redis()).await;
            })*
        }
    };
}

in_every_store!(
    a_client_that_comes_back_is_told_what_it_missed_or_that_it_is_gone,
    a_delivery_is_known_by_any_of_its_names,
    a_delivery_of_several_events_is_whole_and_in_order,
    a_quiet_topic_is_no_gap,
    a_slow_listener_is_told_what_it_missed_and_holds_nobody_back,
    a_thousand_equal_deliveries_at_once_are_published_once,
    all_listeners_hear_the_same_in_the_same_order,
    an_id_that_was_never_given_is_a_gap_and_then_all_that_is_kept,
    nothing_is_heard_twice_or_lost_when_a_listener_gives_up_waiting,
    the_figures_tell_what_happened,
    what_is_too_old_is_not_heard,
    who_comes_back_hears_what_it_missed,
    who_comes_back_too_late_is_told_so,
    who_listens_hears_what_is_published_from_then_on_and_in_order,
);
