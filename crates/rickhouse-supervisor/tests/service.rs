//! Starting, crashing, replacing: the life of a group that is meant to go on.

mod world;

use std::time::Duration;

use rickhouse_supervisor::{Command, Ending, Event, Report, RetireReason, Settings, WorkerId};
use world::{World, application_failure, settings};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_first_start_that_fails_ends_the_group_with_its_code() {
    let mut world = World::new(settings(2));
    world.tell(Event::Ready(WorkerId(1)));
    world.tell(Event::BootFailed(WorkerId(2), application_failure()));
    assert_eq!(world.stopped, [WorkerId(1)]);
    world.exits(WorkerId(1), Ending::Code(0));
    world.exits(WorkerId(2), Ending::Code(3));
    assert_eq!((world.exit, world.spawned), (Some(3), 2));
}

#[test]
fn a_process_that_dies_while_starting_ends_the_group_too() {
    for (ending, code) in [
        (Ending::Signal(11), 1),
        (Ending::Code(3), 3),
        (Ending::Code(0), 1),
    ] {
        let mut world = World::new(settings(1));
        world.exits(WorkerId(1), ending);
        assert_eq!(world.exit, Some(code), "{ending}");
    }
}

#[test]
fn a_process_that_cannot_be_made_ends_the_first_start() {
    let mut world = World::new(settings(1));
    world.alive.clear();
    world.tell(Event::SpawnFailed(WorkerId(1), "no memory".to_owned()));
    assert_eq!(world.exit, Some(1));
}

#[test]
fn a_start_that_takes_too_long_has_failed() {
    let mut world = World::new(settings(1));
    world.pass(60 * SECOND);
    assert_eq!(world.killed, [WorkerId(1)]);
    world.all_leave();
    assert_eq!(world.exit, Some(1));
}

#[test]
fn a_crashed_worker_is_replaced_after_a_short_wait() {
    let mut world = World::serving(2);
    world.exits(WorkerId(1), Ending::Signal(11));
    assert_eq!(world.workers(), [WorkerId(2)], "not at once");
    assert_eq!(
        world.group.next_deadline(world.now),
        Some(world.now + SECOND / 10)
    );
    world.now += SECOND / 10;
    world.tell(Event::Tick);
    assert_eq!(world.workers(), [WorkerId(2), WorkerId(3)]);
}

#[test]
fn a_crash_loop_is_no_storm() {
    let mut world = World::serving(4);
    for _ in 0..600 {
        world.all_ready();
        for id in world.workers() {
            world.exits(id, Ending::Signal(9));
        }
        world.now += SECOND / 10;
        world.tell(Event::Tick);
    }
    // One minute: waits of 0.1, 0.2, … 25.6 s make nine rounds of four processes.
    assert!(
        (4 * 9..=4 * 11).contains(&world.spawned),
        "{} processes",
        world.spawned
    );
    assert_eq!(world.exit, None);
}

#[test]
fn a_replacement_that_does_not_start_is_tried_again_and_the_group_lives() {
    let mut world = World::serving(1);
    world.exits(WorkerId(1), Ending::Code(1));
    world.pass(SECOND);
    world.tell(Event::BootFailed(WorkerId(2), application_failure()));
    world.exits(WorkerId(2), Ending::Code(3));
    assert!(matches!(world.reports.last(), Some(Report::WorkerLeft(..))));
    assert!(
        world
            .reports
            .iter()
            .any(|report| matches!(report, Report::RespawnFailed { .. }))
    );
    world.pass(SECOND);
    assert_eq!((world.workers(), world.exit), (vec![WorkerId(3)], None));
}

#[test]
fn who_retires_serves_until_its_replacement_does() {
    let mut world = World::serving(1);
    world.tell(Event::RetireRequested(
        WorkerId(1),
        RetireReason::MaxRequests { answered: 10 },
    ));
    assert_eq!(world.workers(), [WorkerId(1), WorkerId(2)]);
    assert!(world.drained.is_empty());
    world.tell(Event::Ready(WorkerId(2)));
    assert_eq!(world.drained, [WorkerId(1)]);
    world.all_leave();
    assert_eq!(world.workers(), [WorkerId(2)]);
}

#[test]
fn asking_again_is_no_news() {
    let mut world = World::serving(1);
    for _ in 0..100 {
        world.tell(Event::RetireRequested(WorkerId(1), RetireReason::Asked));
        world.tell(Event::ChannelLost(WorkerId(1)));
    }
    let news = |report: &&Report| {
        matches!(
            report,
            Report::WorkerRetiring(..) | Report::WorkerUnreachable(_)
        )
    };
    assert_eq!(world.reports.iter().filter(news).count(), 1);
    assert_eq!(world.spawned, 2);
}

#[test]
fn a_worker_without_a_channel_is_replaced_and_drained() {
    let mut world = World::serving(1);
    world.tell(Event::ChannelLost(WorkerId(1)));
    assert_eq!(world.workers(), [WorkerId(1), WorkerId(2)]);
    world.tell(Event::Ready(WorkerId(2)));
    assert_eq!(world.drained, [WorkerId(1)]);
}

#[test]
fn a_worker_that_loses_its_channel_before_it_serves_did_not_start() {
    let mut world = World::new(settings(1));
    world.tell(Event::ChannelLost(WorkerId(1)));
    assert_eq!(world.killed, [WorkerId(1)]);
    world.all_leave();
    assert_eq!(world.exit, Some(1));
}

#[test]
fn who_retires_serves_on_when_its_replacement_does_not_start() {
    let mut world = World::serving(1);
    world.tell(Event::RetireRequested(
        WorkerId(1),
        RetireReason::Stuck {
            text: String::new(),
        },
    ));
    world.tell(Event::BootFailed(WorkerId(2), application_failure()));
    world.exits(WorkerId(2), Ending::Code(3));
    assert!(world.drained.is_empty() && world.group.serving() == 1);
    world.pass(SECOND);
    assert_eq!(world.workers(), [WorkerId(1), WorkerId(3)]);
}

#[test]
fn all_may_retire_at_once_without_a_moment_of_no_service() {
    let mut world = World::serving(3);
    for id in world.workers() {
        world.tell(Event::RetireRequested(
            id,
            RetireReason::MaxRequests { answered: 1 },
        ));
    }
    for id in world.workers().split_off(3) {
        world.tell(Event::Ready(id));
        assert!(world.group.serving() >= 3);
    }
    world.all_leave();
    assert_eq!((world.workers().len(), world.group.serving()), (3, 3));
}

#[test]
fn a_silent_worker_is_aborted_then_killed_then_replaced() {
    let mut world = World::serving(2);
    for _ in 0..31 {
        world.now += SECOND;
        world.tell(Event::Alive(WorkerId(2), world.now));
    }
    assert_eq!(world.aborted, [WorkerId(1)]);
    world.now += 2 * SECOND;
    world.tell(Event::Alive(WorkerId(2), world.now));
    assert_eq!(
        world.killed,
        [WorkerId(1)],
        "a stopped process does not hear SIGABRT"
    );
    world.all_leave();
    world.pass(SECOND);
    assert_eq!(world.workers(), [WorkerId(2), WorkerId(3)]);
}

#[test]
fn silence_while_the_supervisor_slept_proves_nothing() {
    let mut world = World::serving(2);
    world.now += 3600 * SECOND;
    world.tell(Event::Tick);
    assert!(world.aborted.is_empty());
}

#[test]
fn silence_can_be_allowed() {
    let mut world = World::new(Settings {
        silence: None,
        ..settings(1)
    });
    world.all_ready();
    world.now += 3600 * SECOND;
    world.tell(Event::Tick);
    assert!(world.aborted.is_empty());
    assert_eq!(
        world.group.next_deadline(world.now),
        None,
        "an idle group needs no clock"
    );
}

#[test]
fn the_number_of_workers_follows_the_signals() {
    let mut world = World::serving(1);
    world.command(Command::More);
    world.all_ready();
    assert_eq!(world.group.serving(), 2);
    for _ in 0..3 {
        world.command(Command::Fewer);
    }
    assert_eq!(
        world.drained,
        [WorkerId(1)],
        "the oldest goes, the last one stays"
    );
}

#[test]
fn everybody_hears_that_logs_are_to_be_reopened() {
    let mut world = World::serving(2);
    world.command(Command::ReopenLogs);
    assert_eq!(world.reopened, [WorkerId(1), WorkerId(2)]);
}
