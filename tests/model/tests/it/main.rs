//! Runs the checks, each as a test.

macro_rules! checks {
    ($($module:ident: $($name:ident),+ $(,)?;)+) => {
        $(mod $module {
            $(#[test]
            fn $name() {
                model::$module::$name();
            })+
        })+
    };
}

checks! {
    queue_checks:
        what_was_pushed_is_taken_once_and_in_order_whenever_the_end_comes,
        nobody_sleeps_while_an_item_waits,
        what_joins_an_item_that_has_not_been_taken_is_taken_no_later_than_it,
        what_is_wanted_at_once_wakes_whoever_lingers,
        what_is_wanted_soon_wakes_whoever_has_lingered_for_nothing,
        what_can_wait_is_taken_with_what_cannot,
        room_that_runs_short_ends_a_linger,
        an_end_wakes_whoever_lingers,
        an_end_wakes_whoever_sleeps,
        a_wait_that_is_over_leaves_the_next_push_a_wake_up,
        no_more_operations_are_open_than_may_be,
        what_is_refused_takes_no_room_from_others;
    flush_checks:
        a_flush_is_over_when_the_last_one_has_answered,
        a_flush_that_nobody_will_answer_is_over,
        a_flush_that_is_broken_off_is_over_for_all_who_wait_for_it,
        a_flush_whose_time_is_over_is_told_so;
    delivery_checks:
        all_that_came_before_an_end_is_delivered_in_order,
        a_record_wakes_a_sink_that_sleeps,
        a_flush_is_answered_when_what_came_before_it_is_delivered_and_flushed,
        a_flush_is_answered_whenever_the_end_comes,
        what_a_shutdown_gives_up_is_delivered_or_lost_and_never_both,
        what_moves_to_disk_while_the_sink_is_busy_is_delivered_once_and_in_order;
}
