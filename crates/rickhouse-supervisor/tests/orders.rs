//! Whatever the order of events: the promises of the crate's documentation hold, and peace brings full service.

mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use rickhouse_supervisor::{Command, Ending, Event, RetireReason, Settings, Urgency};
use world::{World, application_failure, settings};

/// A step of a troubled world; the number picks one of the workers there are.
#[derive(Debug, Clone)]
enum Step {
    Ready(usize),
    BootFailed(usize),
    Retire(usize),
    Exits(usize),
    Obeys,
    Passes(u64),
    Command(Command),
}

fn step() -> impl Strategy<Value = Step> {
    let worker = 0..16_usize;
    prop_oneof![
        8 => worker.clone().prop_map(Step::Ready),
        1 => worker.clone().prop_map(Step::BootFailed),
        2 => worker.clone().prop_map(Step::Retire),
        2 => worker.prop_map(Step::Exits),
        3 => Just(Step::Obeys),
        4 => (1..40_000_u64).prop_map(Step::Passes),
        2 => Just(Step::Command(Command::Reload)),
        1 => Just(Step::Command(Command::More)),
        1 => Just(Step::Command(Command::Fewer)),
    ]
}

/// Does a step, and tells the number of workers wanted after it.
fn take(world: &mut World, step: &Step, wanted: usize) -> usize {
    let pick = |number: usize, world: &World| {
        world
            .workers()
            .get(number % world.alive.len().max(1))
            .copied()
    };
    match step {
        Step::Ready(number) => pick(*number, world)
            .into_iter()
            .for_each(|id| world.tell(Event::Ready(id))),
        Step::BootFailed(number) => {
            pick(*number, world)
                .into_iter()
                .for_each(|id| world.tell(Event::BootFailed(id, application_failure())));
        }
        Step::Retire(number) => {
            let reason = RetireReason::MaxRequests { answered: 1 };
            pick(*number, world)
                .into_iter()
                .for_each(|id| world.tell(Event::RetireRequested(id, reason.clone())));
        }
        Step::Exits(number) => pick(*number, world)
            .into_iter()
            .for_each(|id| world.exits(id, Ending::Signal(9))),
        Step::Obeys => world.all_leave(),
        Step::Passes(milliseconds) => world.pass(Duration::from_millis(*milliseconds)),
        Step::Command(command) => world.command(*command),
    }
    match step {
        Step::Command(Command::More) => wanted + 1,
        Step::Command(Command::Fewer) => wanted.saturating_sub(1).max(1),
        _ => wanted,
    }
}

proptest! {
    #[test]
    fn bounds_hold_and_peace_brings_full_service(workers in 1..4_usize, steps in prop::collection::vec(step(), 0..60)) {
        let mut world = World::serving(workers);
        let (mut wanted, mut most) = (workers, workers);
        for step in &steps {
            wanted = take(&mut world, step, wanted);
            most = most.max(wanted);
            let generations: BTreeSet<u64> = world.alive.values().map(|generation| generation.0).collect();
            let newest = generations.last().copied().unwrap_or(0);
            prop_assert!(world.alive.len() <= most + Settings::surge(most), "{} processes", world.alive.len());
            prop_assert!(newest as usize <= 1 + steps.len(), "a generation per reload");
        }
        // Peace: starts succeed, requests to end are obeyed, nothing else happens.
        for _ in 0..20 {
            world.all_ready();
            world.all_leave();
            world.pass(Duration::from_secs(31));
        }
        prop_assert_eq!(world.group.serving(), wanted);
        prop_assert_eq!(world.alive.len(), wanted);
        let generations: BTreeSet<u64> = world.alive.values().map(|generation| generation.0).collect();
        prop_assert_eq!(generations.len(), 1);
    }

    #[test]
    fn a_stop_always_ends(
        workers in 1..4_usize,
        before in prop::collection::vec(step(), 0..30),
        urgency in prop_oneof![Just(Urgency::Graceful), Just(Urgency::Fast)],
        after in prop::collection::vec(step(), 0..30),
    ) {
        let mut world = World::new(settings(workers));
        for step in &before {
            take(&mut world, step, workers);
        }
        if world.exit.is_none() {
            world.command(Command::Stop(urgency));
        }
        let spawned = world.spawned;
        for step in &after {
            take(&mut world, step, workers);
        }
        // Nobody obeys: the deadlines alone have to do.
        world.pass(Duration::from_secs(40));
        for id in world.workers() {
            prop_assert!(world.killed.contains(&id), "{id} was left alone");
            world.exits(id, Ending::Signal(9));
        }
        prop_assert!(world.exit.is_some());
        prop_assert_eq!(world.spawned, spawned, "nothing starts during a stop");
    }

    #[test]
    fn service_never_stops_for_a_reload_or_a_retirement(
        steps in prop::collection::vec(prop_oneof![
            (0..8_usize).prop_map(Step::Ready),
            (0..8_usize).prop_map(Step::Retire),
            (0..8_usize).prop_map(Step::BootFailed),
            Just(Step::Obeys),
            (1..5_000_u64).prop_map(Step::Passes),
            Just(Step::Command(Command::Reload)),
        ], 0..60),
    ) {
        let mut world = World::serving(2);
        for step in &steps {
            take(&mut world, step, 2);
            prop_assert!(world.group.serving() >= 2, "{} in service", world.group.serving());
        }
    }
}
