//! What a worker gets from its supervisor, all of it as descriptors.

use rickhouse_os::inherit::Inherited;
use rickhouse_os::listen::Listener;
use rickhouse_os::shared;
use rickhouse_supervisor::control::WorkerEnd;
use rickhouse_supervisor::pulse::Pulse;

use crate::plan::{self, Plan};

/// Everything there is to take.
#[derive(Debug)]
pub(super) struct Inheritance {
    pub(super) plan: Plan,
    pub(super) control: WorkerEnd,
    pub(super) pulse: Pulse,
    pub(super) listeners: Vec<Listener>,
    pub(super) health: Option<Listener>,
}

impl Inheritance {
    /// Takes what the command line names.
    pub(super) fn take(descriptors: &str) -> anyhow::Result<Self> {
        let mut inherited = Inherited::adopt(descriptors)?;
        let plan: Plan =
            serde_json::from_str(&shared::read_memory_file(inherited.take(plan::PLAN)?)?)?;
        let listeners = (0..plan.listeners)
            .map(|number| Ok(Listener::from_fd(inherited.take(&plan::listener(number))?)?));
        let listeners = listeners.collect::<anyhow::Result<_>>()?;
        let health = plan.config.health_bind.is_some();
        let health = health
            .then(|| anyhow::Ok(Listener::from_fd(inherited.take(plan::HEALTH)?)?))
            .transpose()?;
        let control = WorkerEnd::open(inherited.take(plan::CONTROL)?);
        let pulse = Pulse::open(inherited.take(plan::PULSE)?)?;
        Ok(Self {
            plan,
            control,
            pulse,
            listeners,
            health,
        })
    }
}
