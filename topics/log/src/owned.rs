//! One task per owned partition: for roles whose partitions work by themselves.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{LogError, MemberEvent, Owner, Revocation, SharedLog, Topic, Waits};

/// How long tasks may settle after the role was cancelled; then they are aborted.
pub const SETTLE: Duration = Duration::from_secs(5);

/// What a task of [`run_owned`] is given.
#[derive(Debug, Clone)]
pub struct Owned {
    /// The right to act for the partition.
    pub owner: Owner,
    /// Cancelled when the partition must be handed back, or the role ends: take in nothing more,
    /// settle, commit, return.
    pub stop: CancellationToken,
}

/// Joins `group` on `topic` and runs `work` for every partition that is assigned, until cancelled.
/// A task ends with its partition: told through [`Owned::stop`] when it is revoked, aborted when it
/// is lost. A task that finds itself fenced returns `Ok`. All tasks die with this future.
/// `joined` is called once, when the group has given out its partitions and `work` was called for ours.
///
/// # Errors
/// The first error of a task; the log's, as `E`, when the member cannot go on.
pub async fn run_owned<F, W, E>(
    log: SharedLog,
    group: &str,
    topic: Topic,
    cancel: CancellationToken,
    joined: impl Fn() + Send,
    work: F,
) -> Result<(), E>
where
    F: Fn(Owned) -> W,
    W: Future<Output = Result<(), E>> + Send + 'static,
    E: From<LogError> + Send + 'static,
{
    let mut member = log.join(group, topic).await?;
    let mut tasks: JoinSet<(i32, u64, Result<(), E>)> = JoinSet::new();
    let mut running: HashMap<i32, Running> = HashMap::new();
    let mut number = 0;
    let mut waits = Waits::default();
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            Some(ended) = tasks.join_next(), if !tasks.is_empty() => settle_one(&mut running, ended)?,
            event = member.next() => match event {
                Ok(MemberEvent::Assigned(owner)) => {
                    let partition = owner.partition();
                    let stop = cancel.child_token();
                    number += 1;
                    let this = number;
                    let work = work(Owned { owner, stop: stop.clone() });
                    let abort = tasks.spawn(async move { (partition, this, work.await) });
                    if let Some(old) = running.insert(partition, Running { number, stop, abort, revocation: None }) {
                        old.abort.abort();
                    }
                }
                Ok(MemberEvent::Revoked(revocation)) => {
                    if let Some(task) = running.get_mut(&revocation.partition) {
                        task.stop.cancel();
                        task.revocation = Some(revocation);
                    }
                }
                Ok(MemberEvent::Lost(partition)) => {
                    if let Some(task) = running.remove(&partition) {
                        task.abort.abort();
                    }
                }
                Ok(MemberEvent::Joined) => joined(),
                Err(LogError::Unavailable(reason)) => {
                    waits.wait("the log is away for a member of a group", &reason, &cancel).await;
                }
                Err(error) => return Err(error.into()),
            },
        }
    }
    let settled = async {
        while let Some(ended) = tasks.join_next().await {
            settle_one(&mut running, ended)?;
        }
        Ok(())
    };
    tokio::time::timeout(SETTLE, settled).await.unwrap_or(Ok(()))
}

struct Running {
    number: u64,
    stop: CancellationToken,
    abort: AbortHandle,
    /// Released, by being dropped, when the task has ended.
    revocation: Option<Revocation>,
}

fn settle_one<E>(
    running: &mut HashMap<i32, Running>,
    ended: Result<(i32, u64, Result<(), E>), tokio::task::JoinError>,
) -> Result<(), E> {
    match ended {
        Ok((partition, number, result)) => {
            if running.get(&partition).is_some_and(|task| task.number == number)
                && let Some(Running { revocation: Some(revocation), .. }) = running.remove(&partition)
            {
                revocation.release();
            }
            result
        }
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Ok(()),
    }
}
