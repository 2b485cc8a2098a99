//! Scripts in named interpreters, against a real CPython; see `runner` for how to run some of the scenarios. Row numbers
//! in comments are those of the behavioural reference's §14.

#[path = "../../../rickhouse-python/tests/runner/mod.rs"]
mod runner;
#[path = "../support/mod.rs"]
mod support;

mod hooks;
mod interpreters;
mod life;
mod loading;
mod logging;
mod process;
mod serving;
mod setup;

fn main() {
    runner::main(scenarios![
        serving::a_script_serves_from_the_main_interpreter,
        serving::the_environ_has_what_is_no_text,
        serving::bodies_and_their_lengths,
        serving::headers_that_would_break_a_response,
        serving::files_are_sent_as_far_as_they_go,
        serving::exceptions_are_told_in_mod_wsgis_words,
        serving::a_front_end_that_is_gone_ends_the_request,
        loading::modules_are_named_after_their_files,
        loading::changed_scripts_are_loaded_again,
        loading::scripts_are_asked_whether_to_reload,
        loading::daemons_leave_changed_scripts_to_their_successors,
        loading::failures_are_told_and_tried_again,
        loading::import_scripts_are_loaded_once,
        loading::one_thread_loads_and_the_others_wait,
        interpreters::threads_make_and_share_interpreters,
        interpreters::interpreters_can_have_a_gil_of_their_own,
        interpreters::one_group_can_have_several_copies,
        interpreters::every_interpreter_has_its_own_request_timeout,
        interpreters::the_switch_interval_of_a_process_comes_first,
        interpreters::switch_intervals_reach_what_they_may,
        interpreters::search_paths_are_layered,
        interpreters::failed_set_ups_are_tried_again,
        setup::the_modules_say_what_the_server_is,
        setup::installed_packages_are_adopted,
        setup::standard_streams_are_the_log,
        setup::the_log_is_for_its_request_only,
        logging::records_of_logging_keep_their_level_and_place,
        logging::what_the_server_would_not_write_is_not_formatted,
        logging::what_cannot_be_formatted_is_left_to_the_handler,
        logging::handlers_come_from_a_configuration_and_have_subclasses,
        logging::logging_is_imported_for_those_who_ask,
        setup::streams_can_be_restricted,
        setup::a_single_process_keeps_its_terminal,
        setup::signal_handlers_are_not_installed,
        setup::the_environment_is_corrected,
        hooks::passwords,
        hooks::realms,
        hooks::groups,
        hooks::access,
        hooks::the_environ_of_a_hook,
        hooks::dispatching,
        hooks::calls_leave_nothing_behind,
        hooks::a_request_inside_of_another,
        life::python_is_configured,
        life::hash_seeds,
        life::hash_of_a_text,
        life::python_that_does_not_start_is_told,
        life::late_requests_are_interrupted_once,
        life::stuck_requests_can_be_seen,
        life::stopping_runs_exit_handlers_and_ends_python,
        life::exit_handlers_can_be_left_out,
        life::service_scripts_end_by_sigterm,
    ]);
}
