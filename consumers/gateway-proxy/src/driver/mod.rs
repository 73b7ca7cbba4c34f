//! Acting for homes: which groups' homes are this process's, and each group's loop.

mod fetch;
mod foreign;
mod group;
mod home_log;
mod takeover;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use miso_log::catalogue::{OWNERS, PROXY_LEDGER};
use miso_log::{LogError, Member, MemberEvent, Owner, Revocation};
use miso_model::{HandlerGroup, key_partition};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::ProxyError;
use crate::proxy::Shared;
use crate::wire::{HOME_QUEUE, ToHome};
use home_log::HomeLog;
use takeover::Taken;

/// The log group whose members share the homes.
const HOME_GROUP: &str = "miso.home";
/// After an outage of the log has been reported, the member is asked again after so long.
const MEMBER_AGAIN: Duration = Duration::from_millis(500);

/// Joins the group of homes.
pub(crate) async fn join(shared: &Shared) -> Result<Member, ProxyError> {
    Ok(shared.log.join(HOME_GROUP, PROXY_LEDGER).await?)
}

/// Keeps the homes of the partitions that this process owns, until cancelled.
pub(crate) async fn run(shared: Arc<Shared>, mut member: Member, cancel: CancellationToken) -> Result<(), ProxyError> {
    let mut homes = Homes { shared, tasks: JoinSet::new(), partitions: BTreeMap::new() };
    loop {
        tokio::select! {
            () = cancel.cancelled() => return homes.drain().await,
            event = member.next() => match event {
                Ok(MemberEvent::Assigned(owner)) => homes.assigned(owner),
                Ok(MemberEvent::Revoked(revocation)) => homes.revoked(revocation),
                Ok(MemberEvent::Lost(partition)) => homes.lost(partition),
                Ok(MemberEvent::Joined) => {}
                Err(LogError::Unavailable(reason)) => {
                    tracing::warn!(reason, "the homes' membership is not certain now");
                    tokio::time::sleep(MEMBER_AGAIN).await;
                }
                Err(error) => return Err(error.into()),
            },
            Some(ended) = homes.tasks.join_next() => homes.ended(ended)?,
        }
    }
}

/// A partition of `proxy.ledger` and its task.
struct Owned {
    stop: CancellationToken,
    abort: tokio::task::AbortHandle,
    revocation: Option<Revocation>,
}

struct Homes {
    shared: Arc<Shared>,
    tasks: JoinSet<(i32, Result<(), ProxyError>)>,
    partitions: BTreeMap<i32, Owned>,
}

impl Homes {
    fn assigned(&mut self, owner: Owner) {
        let partition = owner.partition();
        self.lost(partition);
        let stop = CancellationToken::new();
        let task = keep_partition(Arc::clone(&self.shared), owner, stop.clone());
        let abort = self.tasks.spawn(async move { (partition, task.await) });
        self.partitions.insert(partition, Owned { stop, abort, revocation: None });
    }

    /// Drained and handed back when its task has ended.
    fn revoked(&mut self, revocation: Revocation) {
        if let Some(owned) = self.partitions.get_mut(&revocation.partition) {
            owned.stop.cancel();
            owned.revocation = Some(revocation);
        }
    }

    fn lost(&mut self, partition: i32) {
        if let Some(owned) = self.partitions.remove(&partition) {
            owned.abort.abort();
        }
    }

    fn ended(&mut self, ended: Result<(i32, Result<(), ProxyError>), JoinError>) -> Result<(), ProxyError> {
        match ended {
            Ok((partition, Ok(()))) => {
                if let Some(Owned { revocation: Some(revocation), .. }) = self.partitions.remove(&partition) {
                    revocation.release();
                }
                Ok(())
            }
            Ok((_, Err(error))) => Err(error),
            Err(error) if error.is_cancelled() => Ok(()),
            Err(_) => Err(ProxyError::Broke("a home")),
        }
    }

    async fn drain(mut self) -> Result<(), ProxyError> {
        for owned in self.partitions.values() {
            owned.stop.cancel();
        }
        let mut result = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = self.ended(ended) {
                result = Err(error);
            }
        }
        result
    }
}

/// One partition of `proxy.ledger`: takes it over, then runs the loop of each of its groups.
async fn keep_partition(shared: Arc<Shared>, owner: Owner, stop: CancellationToken) -> Result<(), ProxyError> {
    let partition = owner.partition();
    let (home_log, taken) = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        taken = takeover::take_over(&shared, owner) => taken?,
    };
    let mut groups = PartitionGroups {
        home_log: Arc::new(home_log),
        taken: Arc::new(taken),
        shared: Arc::clone(&shared),
        tasks: JoinSet::new(),
        running: HashMap::new(),
    };
    let mut changes = shared.groups.changes();
    loop {
        let known: Vec<Arc<HandlerGroup>> = changes.borrow_and_update().values().cloned().collect();
        let mine = known.into_iter().filter(|group| key_partition(&group.name, OWNERS) == partition);
        groups.update(mine.collect());
        tokio::select! {
            () = stop.cancelled() => {
                let drained = groups.drain().await;
                if drained.is_ok() {
                    groups.home_log.release().await;
                }
                return drained;
            }
            changed = changes.changed() => if changed.is_err() {
                return Err(ProxyError::Broke("the list of groups"));
            },
            Some(ended) = groups.tasks.join_next() => groups.ended(ended)?,
        }
    }
}

struct PartitionGroups {
    shared: Arc<Shared>,
    home_log: Arc<HomeLog>,
    taken: Arc<Taken>,
    tasks: JoinSet<(String, Result<(), ProxyError>)>,
    running: HashMap<String, Running>,
}

struct Running {
    settings: tokio::sync::watch::Sender<Arc<HandlerGroup>>,
    stop: CancellationToken,
}

impl PartitionGroups {
    /// Starts the loops of new groups, tells the others their settings, ends those that were removed.
    fn update(&mut self, groups: Vec<Arc<HandlerGroup>>) {
        let gone: Vec<String> =
            self.running.keys().filter(|name| !groups.iter().any(|group| group.name == **name)).cloned().collect();
        for name in gone {
            if let Some(running) = self.running.remove(&name) {
                running.stop.cancel();
            }
            self.shared.homes.send_modify(|homes| drop(homes.remove(&name)));
        }
        for group in groups {
            if let Some(running) = self.running.get(&group.name) {
                running.settings.send_if_modified(|known| {
                    let changed = *known != group;
                    *known = Arc::clone(&group);
                    changed
                });
                continue;
            }
            self.start(&group);
        }
    }

    fn start(&mut self, group: &Arc<HandlerGroup>) {
        let name = group.name.clone();
        let (to_home, from_edges): (mpsc::Sender<ToHome>, _) = mpsc::channel(HOME_QUEUE);
        let stop = CancellationToken::new();
        let (settings, settings_seen) = tokio::sync::watch::channel(Arc::clone(group));
        let loop_of_group = group::run(
            Arc::clone(&self.shared),
            Arc::clone(&self.home_log),
            Arc::clone(&self.taken),
            settings_seen,
            from_edges,
            stop.clone(),
        );
        let named = name.clone();
        self.tasks.spawn(async move { (named, loop_of_group.await) });
        self.shared.homes.send_modify(|homes| drop(homes.insert(name.clone(), to_home)));
        self.running.insert(name, Running { settings, stop });
    }

    fn ended(&self, ended: Result<(String, Result<(), ProxyError>), JoinError>) -> Result<(), ProxyError> {
        match ended {
            Ok((_, result)) => result,
            Err(error) if error.is_cancelled() => Ok(()),
            Err(_) => Err(ProxyError::Broke("a group's home")),
        }
    }

    async fn drain(&mut self) -> Result<(), ProxyError> {
        for running in self.running.values() {
            running.stop.cancel();
        }
        let mut result = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = self.ended(ended) {
                result = Err(error);
            }
        }
        result
    }
}
