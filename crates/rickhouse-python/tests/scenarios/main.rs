//! The fence against a real CPython; see `runner` for how to run some of the scenarios.

#[path = "../runner/mod.rs"]
mod runner;

mod attach;
mod classes;
mod handles;
mod interpreters;
mod interrupt;
mod lending;
mod stacks;
mod support;
mod texts;

fn main() {
    runner::main(scenarios![
        attach::many_threads_of_shared_interpreters,
        attach::many_threads_of_own_gil_interpreters,
        attach::busy_threads_share_the_main_interpreter,
        attach::busy_threads_of_shared_interpreters_share_the_gil,
        attach::who_comes_back_queues_behind_who_waits,
        attach::a_second_attach_on_a_thread_panics,
        attach::attaching_on_a_thread_of_python_is_an_exception,
        attach::a_panic_detaches,
        attach::a_panic_while_detached_attaches_again,
        attach::finalizers_of_a_dying_thread_state_may_call_back,
        classes::a_panic_becomes_a_runtime_error,
        classes::an_error_keeps_its_traceback,
        classes::instances_do_not_leak,
        classes::instances_cannot_be_forged,
        classes::arguments_arrive_as_given,
        classes::only_exceptions_are_raised,
        handles::a_handle_dropped_while_detached_is_released_at_the_next_attach,
        handles::a_handle_dropped_on_a_thread_of_python_is_released_later,
        handles::a_handle_is_refused_by_another_interpreter,
        handles::sole_references_are_recognised,
        interpreters::fork_is_refused_in_sub_interpreters,
        interpreters::programs_can_be_started_from_sub_interpreters,
        interpreters::daemon_threads_are_allowed,
        interpreters::an_interpreter_outlives_the_thread_that_made_it,
        interpreters::only_main_makes_interpreters,
        interpreters::one_interpreter_is_made_at_a_time,
        interpreters::own_gil_interpreters_do_not_wait_for_each_other,
        interpreters::a_second_start_is_refused,
        interrupt::an_exception_reaches_a_spinning_thread,
        interrupt::a_pending_exception_can_be_taken_back,
        interrupt::a_thread_of_another_interpreter_is_unknown,
        lending::a_place_is_vacant_outside_a_loan,
        lending::a_second_user_is_told_that_it_is_busy,
        lending::a_loan_ends_after_its_last_user,
        lending::a_panic_ends_the_loan,
        stacks::spinning_threads_show_where_they_are,
        stacks::c_code_that_holds_the_gil_is_seen,
        stacks::names_beyond_ascii_are_read,
        stacks::changing_stacks_can_be_read,
        texts::latin_1_is_read_as_cpython_encodes_it,
        texts::texts_survive_lone_surrogates,
        texts::bytes_are_written_in_place,
    ]);
}
