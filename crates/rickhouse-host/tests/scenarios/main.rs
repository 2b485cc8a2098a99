//! The adapter at its seam, against a real CPython; see `runner` for how to run some of the scenarios.

#[path = "../../../rickhouse-python/tests/runner/mod.rs"]
mod runner;
#[path = "../support/mod.rs"]
mod support;

mod endings;
mod environs;
mod errors;
mod files;
mod inputs;
mod loading;
mod responses;
mod reuse;
mod threads;
mod timeouts;

fn main() {
    runner::main(scenarios![
        responses::start_response_checks_what_it_gets,
        responses::start_response_may_be_called_again,
        responses::blocks_are_sent_one_by_one,
        responses::bodies_that_are_none_are_refused,
        responses::content_length_is_checked_and_passed_on,
        responses::write_sends_at_once,
        responses::a_client_that_left_is_an_os_error,
        responses::a_head_that_is_refused_is_a_value_error,
        files::regular_files_are_sent_by_the_kernel,
        files::other_files_are_iterated,
        endings::close_is_called_once_however_it_ends,
        endings::exceptions_end_the_request_and_are_logged,
        inputs::reading_is_as_from_a_file,
        inputs::arguments_are_checked,
        inputs::errors_are_final,
        inputs::a_body_that_memory_cannot_hold_is_an_exception,
        errors::lines_become_records,
        environs::the_environ_is_complete,
        environs::values_never_outlive_their_request,
        environs::values_are_made_once_while_they_stay_the_same,
        environs::names_of_clients_do_not_grow_memory,
        reuse::objects_end_with_their_request,
        reuse::objects_that_nobody_kept_are_used_again,
        reuse::a_log_is_as_new_for_each_request,
        reuse::another_thread_may_read_the_body,
        threads::threads_take_turns,
        threads::a_thread_that_outlives_its_request_is_told_so,
        threads::nothing_that_several_threads_write_is_lost,
        timeouts::the_applications_own_timeout_is_a_504,
        timeouts::a_late_request_is_interrupted,
        timeouts::the_next_request_is_not_interrupted_instead,
        loading::failures_say_what_to_do,
        loading::load_from_environment,
        loading::refused_extension_modules_are_explained,
        loading::interpreters_are_prepared,
        loading::exit_handlers_run_in_every_interpreter,
        loading::extension_modules_work_in_own_gil_interpreters,
    ]);
}
