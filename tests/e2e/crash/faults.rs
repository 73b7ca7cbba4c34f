//! Which faults strike, when, and whether they met work in flight.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rustix::process::Signal;

use super::client::{Notes, read};
use super::commands::Crowd;
use super::journal::{Discords, unix_us};
use super::library::Board;
use super::{commands, events};
use crate::harness::{Deployment, Engines};

/// The roles, by the names of their processes on Kafka.
pub(crate) const ROLES: [&str; 5] = ["gateway", "proxy", "sender", "handlers", "commands-api"];
/// The one process of the embedded deployment.
pub(crate) const UP: &str = "up";
/// Events that reach each group, and actions that are answered, before the next fault may strike.
const FLOW_EVENTS: usize = 150;
const FLOW_ACTIONS: usize = 12;
/// What does not flow again after so long is broken.
const FLOW_WITHIN: Duration = Duration::from_secs(40);
/// Drawn rest between the moment when work flows and the fault.
const REST_MS: std::ops::Range<u64> = 20..350;
/// A stop shorter than the session of a group member, and one longer (6 s).
const SHORT_STOP: Duration = Duration::from_millis(1_500);
const LONG_STOP: Duration = Duration::from_millis(8_500);
/// Commands given around the moment at which a role that answers them is struck, and when in it that is.
const BURST: usize = 12;
const BURST_MS: std::ops::Range<u64> = 3..12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// kill -9 and start again.
    Kill(&'static str),
    /// Kill, start, and kill again while it recovers.
    KillTwice(&'static str),
    /// The role's task ends at whatever await it stands.
    Abort(&'static str),
    /// SIGSTOP, and SIGCONT after so long.
    Stop(&'static str, Duration),
}

impl Fault {
    fn target(self) -> &'static str {
        let (Self::Kill(target) | Self::KillTwice(target) | Self::Abort(target) | Self::Stop(target, _)) = self;
        target
    }
}

/// A fault that struck.
#[derive(Debug, Clone)]
pub(crate) struct Struck {
    what: String,
    target: &'static str,
    pub(crate) at_us: u64,
    /// Until when the target could do nothing.
    until_us: u64,
    actions_open: usize,
    /// Killed a second time while it recovered: nothing may have been in flight yet.
    recovering: bool,
}

/// Strikes a deployment.
pub(crate) struct Injector<'a> {
    pub(crate) miso: &'a mut Deployment,
    pub(crate) engines: Engines,
    /// The notes of the clients of each group.
    pub(crate) groups: &'a [Vec<Notes>],
    pub(crate) board: &'a Board,
    pub(crate) crowd: Arc<Crowd>,
    pub(crate) random: &'a mut StdRng,
}

fn plan(engines: Engines, random: &mut StdRng) -> Vec<Fault> {
    let mut plan = match engines {
        Engines::Embedded => vec![
            Fault::Kill(UP),
            Fault::Kill(UP),
            Fault::KillTwice(UP),
            Fault::Abort("gateway"),
            Fault::Abort("gateway"),
            Fault::Abort("proxy"),
            Fault::Abort("proxy"),
            Fault::Abort("sender"),
            Fault::Abort("handlers"),
            Fault::Abort("commands-api"),
        ],
        Engines::KafkaAndPostgres => {
            let long = random.random_range(0..ROLES.len());
            let stops = ROLES.iter().enumerate().map(|(place, role)| {
                let long = place == long || (place + 2) % ROLES.len() == long;
                Fault::Stop(role, if long { LONG_STOP } else { SHORT_STOP })
            });
            ROLES.iter().map(|role| Fault::Kill(role)).chain(stops).collect()
        }
    };
    plan.shuffle(random);
    plan
}

impl Injector<'_> {
    /// The arguments with which a process is started.
    fn arguments(engines: Engines, name: &'static str) -> Vec<&'static str> {
        if engines == Engines::Embedded { vec!["up"] } else { vec!["run", name] }
    }

    /// Starts every process of the deployment.
    pub(crate) fn start_all(miso: &mut Deployment, engines: Engines) {
        for name in Self::processes(engines) {
            miso.start(name, &Self::arguments(engines, name));
        }
    }

    /// The names of the processes.
    pub(crate) fn processes(engines: Engines) -> Vec<&'static str> {
        if engines == Engines::Embedded { vec![UP] } else { ROLES.to_vec() }
    }

    /// Strikes with everything planned, each time when work is in flight.
    pub(crate) async fn strike(mut self) -> Vec<Struck> {
        let mut struck = Vec::new();
        let mut after = "the start".to_owned();
        for fault in plan(self.engines, self.random) {
            self.flow(&after, fault).await;
            let rest = Duration::from_millis(self.random.random_range(REST_MS));
            tokio::time::sleep(rest).await;
            after = format!("{fault:?}");
            if !matches!(fault.target(), "handlers" | "commands-api") {
                self.act(fault, &mut struck).await;
                continue;
            }
            // Answers take milliseconds: the fault strikes amid commands that are still being given.
            let crowd = Arc::clone(&self.crowd);
            let burst = tokio::spawn(async move {
                for _ in 0..BURST {
                    crowd.say().await;
                }
            });
            tokio::time::sleep(Duration::from_millis(self.random.random_range(BURST_MS))).await;
            self.act(fault, &mut struck).await;
            burst.await.expect("no panic");
        }
        self.flow(&after, Fault::Kill(UP)).await;
        struck
    }

    async fn act(&mut self, fault: Fault, struck: &mut Vec<Struck>) {
        let target = fault.target();
        let mut note = Struck {
            what: format!("{fault:?}"),
            target,
            at_us: unix_us(),
            until_us: 0,
            actions_open: self.board.open.load(Ordering::Relaxed),
            recovering: false,
        };
        match fault {
            Fault::Abort(role) => self.miso.abort(UP, role).await,
            Fault::Kill(name) | Fault::KillTwice(name) => {
                self.miso.kill(name).await;
                self.miso.start(name, &Self::arguments(self.engines, name));
            }
            Fault::Stop(name, how_long) => {
                self.miso.signal(name, Signal::STOP);
                tokio::time::sleep(how_long).await;
                self.miso.signal(name, Signal::CONT);
            }
        }
        note.until_us = unix_us();
        struck.push(note.clone());
        if let Fault::KillTwice(name) = fault {
            let recovering = Duration::from_millis(self.random.random_range(30..1_500));
            tokio::time::sleep(recovering).await;
            note.at_us = unix_us();
            self.miso.kill(name).await;
            self.miso.start(name, &Self::arguments(self.engines, name));
            struck.push(Struck {
                until_us: unix_us(),
                recovering: true,
                what: format!("again after {recovering:?}"),
                ..note
            });
        }
    }

    /// Waits until events flow to every group through every client, or actions through the sender: what `next` needs.
    async fn flow(&self, after: &str, next: Fault) {
        let began = Instant::now();
        let needs_actions = [UP, "sender", "proxy"].contains(&next.target());
        let count = |group: &Vec<Notes>| group.iter().map(|notes| read(notes).judged_so_far()).sum::<usize>();
        let live = |group: &Vec<Notes>| group.iter().all(|notes| read(notes).live);
        let before: Vec<usize> = self.groups.iter().map(count).collect();
        let answered = self.board.answered.load(Ordering::Relaxed);
        loop {
            let events: Vec<usize> =
                self.groups.iter().zip(&before).map(|(group, before)| count(group) - before).collect();
            let actions = self.board.answered.load(Ordering::Relaxed) - answered;
            let open = self.board.open.load(Ordering::Relaxed);
            let all_live = self.groups.iter().all(live);
            let events_flow = all_live && events.iter().all(|events| *events >= FLOW_EVENTS);
            if events_flow && (!needs_actions || (actions >= FLOW_ACTIONS && open > 0)) {
                return;
            }
            assert!(
                began.elapsed() < FLOW_WITHIN,
                "{FLOW_WITHIN:?} after {after} there came {events:?} events to the groups (all clients connected: {all_live}) and {actions} \
                 answers to actions ({open} open)"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// What was in flight at a fault, by the journals.
#[derive(Debug)]
pub(crate) struct InFlight {
    unacknowledged: usize,
    replayed: u64,
    on_the_wire: usize,
    commands: usize,
}

impl Struck {
    /// Counts what the journals show in flight at the fault.
    pub(crate) fn in_flight(
        &self,
        discord: &Discords,
        groups: &[Vec<std::sync::MutexGuard<'_, super::journal::ClientNotes>>],
        said: &[commands::Said],
    ) -> InFlight {
        let unacknowledged = groups.iter().map(|clients| {
            let clients: Vec<_> = clients.iter().map(|notes| &**notes).collect();
            events::unacknowledged(&discord.sent, &clients, self.at_us)
        });
        // What the stopped or killed gateway had not committed, and what came until it was back.
        let resumed = discord.resumes.iter().find(|resume| resume.at_us >= self.at_us && resume.outcome == "resumed");
        let while_away =
            discord.sent.iter().filter(|sent| (self.at_us..=self.until_us).contains(&sent.at_us)).count() as u64;
        let on_the_wire = discord
            .rest
            .iter()
            .filter(|seen| seen.at_us <= self.at_us && seen.at_us + seen.delay_ms * 1000 > self.at_us);
        let open = said.iter().filter(|said| commands::was_open(&discord.rest, said, self.at_us));
        InFlight {
            unacknowledged: unacknowledged.min().unwrap_or(0),
            replayed: resumed.map_or(0, |resume| resume.replayed).max(while_away),
            on_the_wire: on_the_wire.count(),
            commands: open.count(),
        }
    }

    /// One phrase for the report, and whether the role that was struck had work in flight.
    pub(crate) fn tell(&self, flight: &InFlight) -> (String, bool) {
        let InFlight { unacknowledged, replayed, on_the_wire, commands } = flight;
        let open = self.actions_open;
        let (met, phrase) = match self.target {
            UP => (
                *unacknowledged > 0 && open > 0,
                format!("{unacknowledged} events, {open} actions ({on_the_wire} on the wire), {commands} commands"),
            ),
            "gateway" => (*replayed > 0, format!("{replayed} events to replay")),
            "proxy" => (*unacknowledged > 0 && open > 0, format!("{unacknowledged} events, {open} actions")),
            "sender" => (open > 0, format!("{open} actions ({on_the_wire} on the wire)")),
            _ => (*commands > 0, format!("{commands} commands")),
        };
        (format!("{}: {phrase}", self.what), met || self.recovering)
    }
}
