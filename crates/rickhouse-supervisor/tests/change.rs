//! Reloads and stops, and one during the other.

mod world;

use std::time::Duration;

use rickhouse_supervisor::{
    Command, Ending, Event, Report, RetireReason, Status, Urgency, WorkerId,
};
use world::{World, application_failure, settings};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_reload_drains_the_old_only_when_all_new_ones_serve() {
    let mut world = World::serving(2);
    world.command(Command::Reload);
    assert_eq!(world.of(2), [WorkerId(3), WorkerId(4)]);
    world.tell(Event::Ready(WorkerId(3)));
    assert!(world.drained.is_empty());
    world.tell(Event::Ready(WorkerId(4)));
    assert_eq!(world.drained, [WorkerId(1), WorkerId(2)]);
    world.all_leave();
    assert_eq!(world.workers(), [WorkerId(3), WorkerId(4)]);
    assert_eq!(
        world.statuses,
        [Status::Ready, Status::Reloading, Status::Ready]
    );
}

#[test]
fn a_reload_whose_code_does_not_start_leaves_the_old_in_service() {
    let mut world = World::serving(2);
    world.command(Command::Reload);
    world.tell(Event::Ready(WorkerId(3)));
    world.tell(Event::BootFailed(WorkerId(4), application_failure()));
    assert_eq!(world.drained, [WorkerId(3)], "it may have requests already");
    world.exits(WorkerId(4), Ending::Code(3));
    world.all_leave();
    world.pass(60 * SECOND);
    assert_eq!(world.workers(), [WorkerId(1), WorkerId(2)]);
    assert!(matches!(
        &world.reports[..],
        [.., Report::ReloadFailed { .. }, _, _]
    ));
}

#[test]
fn a_new_generation_that_takes_too_long_has_failed() {
    let mut world = World::serving(1);
    world.command(Command::Reload);
    world.pass(60 * SECOND);
    assert_eq!(world.killed, [WorkerId(2)]);
    assert_eq!(world.group.serving(), 1);
}

#[test]
fn a_new_worker_that_crashes_before_the_others_serve_fails_the_reload() {
    let mut world = World::serving(2);
    world.command(Command::Reload);
    world.tell(Event::Ready(WorkerId(3)));
    world.exits(WorkerId(3), Ending::Signal(11));
    assert_eq!(world.killed, [WorkerId(4)]);
    assert!(
        world
            .reports
            .iter()
            .any(|report| matches!(report, Report::ReloadFailed { .. }))
    );
}

#[test]
fn a_second_reload_supersedes_the_first() {
    let mut world = World::serving(1);
    world.command(Command::Reload);
    world.command(Command::Reload);
    assert_eq!(
        (world.killed.clone(), world.of(3)),
        (vec![WorkerId(2)], vec![]),
        "never two new generations"
    );
    world.all_leave();
    assert_eq!(world.of(3), [WorkerId(3)]);
    world.all_ready();
    assert_eq!(world.drained, [WorkerId(1)]);
}

#[test]
fn a_reload_during_the_first_start_waits_for_it() {
    let mut world = World::new(settings(1));
    world.command(Command::Reload);
    assert_eq!(world.workers(), [WorkerId(1)]);
    world.tell(Event::Ready(WorkerId(1)));
    assert_eq!(world.of(2), [WorkerId(2)]);
}

#[test]
fn a_reload_is_complete_although_workers_retire_and_the_target_sinks() {
    let mut world = World::serving(4);
    for id in world.workers() {
        world.tell(Event::RetireRequested(
            id,
            RetireReason::MaxRequests { answered: 1 },
        ));
    }
    world.command(Command::Reload);
    for _ in 0..3 {
        world.command(Command::Fewer);
    }
    for _ in 0..10 {
        world.all_ready();
        world.all_leave();
    }
    assert_eq!((world.of(2).len(), world.workers().len()), (1, 1));
}

#[test]
fn a_crash_of_the_old_during_a_reload_is_made_good_by_the_new() {
    let mut world = World::serving(1);
    world.command(Command::Reload);
    world.exits(WorkerId(1), Ending::Signal(9));
    world.pass(5 * SECOND);
    assert_eq!(world.workers(), [WorkerId(2)]);
    world.all_ready();
    assert_eq!(world.group.serving(), 1);
}

#[test]
fn a_graceful_stop_drains_and_a_second_one_hurries() {
    let mut world = World::serving(2);
    world.command(Command::Stop(Urgency::Graceful));
    assert_eq!((world.drained.len(), world.stopped.len()), (2, 0));
    world.exits(WorkerId(1), Ending::Code(0));
    world.command(Command::Stop(Urgency::Graceful));
    assert_eq!(world.stopped, [WorkerId(2)]);
    world.all_leave();
    assert_eq!((world.exit, world.spawned), (Some(0), 2));
}

#[test]
fn who_does_not_drain_in_time_is_killed() {
    let mut world = World::serving(1);
    world.command(Command::Stop(Urgency::Graceful));
    world.pass(31 * SECOND);
    assert!(
        world.killed.is_empty(),
        "the worker's own deadline comes first"
    );
    world.pass(SECOND);
    assert_eq!(world.killed, [WorkerId(1)]);
    world.all_leave();
    assert_eq!(world.exit, Some(0));
}

#[test]
fn a_fast_stop_gives_exit_handlers_a_moment_and_a_third_signal_none() {
    let mut world = World::serving(2);
    world.command(Command::Stop(Urgency::Fast));
    assert_eq!(world.stopped.len(), 2);
    world.command(Command::Stop(Urgency::Fast));
    assert_eq!(world.killed.len(), 2);
}

#[test]
fn a_stop_ends_a_reload_and_whoever_is_starting() {
    let mut world = World::serving(1);
    world.command(Command::Reload);
    world.command(Command::Stop(Urgency::Graceful));
    assert_eq!(
        (world.drained.clone(), world.killed.clone()),
        (vec![WorkerId(1)], vec![WorkerId(2)])
    );
    world.command(Command::Reload);
    world.command(Command::More);
    world.all_leave();
    assert_eq!((world.exit, world.spawned), (Some(0), 2));
}

#[test]
fn a_stop_before_anybody_was_started_is_over_at_once() {
    let mut world = World::new(settings(1));
    world.exits(WorkerId(1), Ending::Code(3));
    assert_eq!(world.exit, Some(3));
    world.command(Command::Stop(Urgency::Fast));
    assert!(world.group.is_over());
}

#[test]
fn what_goes_wrong_while_the_application_loads_is_its_fault() {
    for (loading, code) in [(true, 3), (false, 1)] {
        let mut ended = World::new(settings(1));
        let mut late = World::new(settings(1));
        if loading {
            ended.tell(Event::Loading(WorkerId(1)));
            late.tell(Event::Loading(WorkerId(1)));
        }
        ended.exits(WorkerId(1), Ending::Code(0));
        late.pass(settings(1).startup_timeout);
        late.all_leave();
        assert_eq!((ended.exit, late.exit), (Some(code), Some(code)));
    }
}
