//! What every part of the simulator shares.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::SimulatorConfig;
use crate::gateway::{Blast, Hub};
use crate::journal::Journal;
use crate::lastfm::Lastfm;
use crate::oauth::Grants;
use crate::rest::{Faults, Limits};
use crate::sites::Sites;
use crate::snowflake::unix_us;
use crate::world::World;

/// The one state; locks are taken in the order of the fields.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: SimulatorConfig,
    pub(crate) address: SocketAddr,
    limits: Mutex<Limits>,
    faults: Mutex<Faults>,
    world: Mutex<World>,
    grants: Mutex<Grants>,
    blasts: Mutex<Vec<Arc<Blast>>>,
    pub(crate) lastfm: Lastfm,
    pub(crate) sites: Sites,
    pub(crate) hub: Hub,
    pub(crate) journal: Journal,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    pub(crate) fn new(config: SimulatorConfig, address: SocketAddr, journal: Journal) -> Self {
        let mut world = World::from_seed(&config);
        if config.history_days > 0 {
            world.live_through(config.history_days, config.seed, unix_us() / 1000);
        }
        Self {
            limits: Mutex::new(Limits::new(&config)),
            faults: Mutex::new(Faults::new(config.seed)),
            world: Mutex::new(world),
            // Tokens of an earlier run are not good in this one.
            grants: Mutex::new(Grants::new(config.seed ^ unix_us(), config.access_token_s.saturating_mul(1000))),
            blasts: Mutex::default(),
            lastfm: Lastfm::new(config.seed),
            sites: Sites::default(),
            hub: Hub::new(journal.clone()),
            journal,
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            config,
            address,
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub(crate) fn limits(&self) -> MutexGuard<'_, Limits> {
        lock(&self.limits)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(crate) fn grants(&self) -> MutexGuard<'_, Grants> {
        lock(&self.grants)
    }

    pub(crate) fn blasts(&self) -> MutexGuard<'_, Vec<Arc<Blast>>> {
        lock(&self.blasts)
    }

    /// Changes the world now (Unix milliseconds) and sends the events of it, in order.
    pub(crate) fn change<T>(&self, act: impl FnOnce(&mut World, u64) -> T) -> T {
        let mut world = self.world();
        let result = act(&mut world, unix_us() / 1000);
        for event in world.take_events() {
            self.hub.dispatch(event);
        }
        result
    }

    /// The gateway's address as clients are told it: no query, no trailing slash.
    pub(crate) fn gateway_url(&self) -> String {
        format!("ws://{}", self.address)
    }
}
