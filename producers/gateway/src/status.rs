//! What the process's readiness and metrics say of the shards.

use std::collections::BTreeMap;

use tokio::sync::watch;

/// How one shard stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShardStatus {
    /// Waits for its turn, a delay after a failure, or the log.
    Waiting,
    /// A connection is being opened, or resumed.
    Connecting,
    /// Dispatches flow.
    Live,
    /// Discord refused it for good; says why and what to do.
    Fatal(String),
}

/// The [`GatewayStatus::problem`] of a role that has just begun: nothing is wrong yet.
pub const STARTING: &str = "Discord has not been asked for the gateway's address yet";

/// The [`GatewayStatus::problem`] until the processes of the gateway have shared out the shards.
pub const JOINING: &str = "the shards have not been shared out yet";

/// How the gateway role stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GatewayStatus {
    /// Why no shard can be started, such as a refused token.
    pub problem: Option<String>,
    /// Shards of this process.
    pub shards: BTreeMap<i32, ShardStatus>,
}

impl GatewayStatus {
    /// `Ok` when every shard of this process is live (also when it has none: a standby).
    ///
    /// # Errors
    /// One line saying what is missing.
    pub fn ready(&self) -> Result<(), String> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        for (shard, status) in &self.shards {
            match status {
                ShardStatus::Live => {}
                ShardStatus::Fatal(reason) => return Err(format!("shard {shard}: {reason}")),
                ShardStatus::Waiting => return Err(format!("shard {shard} waits for its connection")),
                ShardStatus::Connecting => return Err(format!("shard {shard} is connecting")),
            }
        }
        Ok(())
    }
}

/// Where the owners of one process write their shards' status.
#[derive(Debug, Clone)]
pub(crate) struct StatusBoard(pub(crate) watch::Sender<GatewayStatus>);

impl StatusBoard {
    pub(crate) fn set(&self, shard: i32, status: ShardStatus) {
        self.0.send_if_modified(|all| all.shards.insert(shard, status.clone()) != Some(status));
        self.count();
    }

    pub(crate) fn remove(&self, shards: impl Iterator<Item = i32>) {
        self.0.send_modify(|all| {
            for shard in shards {
                all.shards.remove(&shard);
            }
        });
        self.count();
    }

    pub(crate) fn problem(&self, problem: Option<String>) {
        self.0.send_if_modified(|all| {
            let changed = all.problem != problem;
            all.problem = problem;
            changed
        });
    }

    fn count(&self) {
        let all = self.0.borrow();
        let live = all.shards.values().filter(|status| **status == ShardStatus::Live).count();
        let fatal = all.shards.values().filter(|status| matches!(status, ShardStatus::Fatal(_))).count();
        metrics::gauge!("miso_gateway_shards_live").set(live as f64);
        metrics::gauge!("miso_gateway_shards_fatal").set(fatal as f64);
        metrics::gauge!("miso_gateway_shards_owned").set(all.shards.len() as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_names_the_shard_that_is_missing_and_why() {
        let mut status = GatewayStatus::default();
        assert_eq!(status.ready(), Ok(()));
        status.shards.insert(0, ShardStatus::Live);
        status.shards.insert(1, ShardStatus::Fatal("the token is refused (4004)".to_owned()));
        assert_eq!(status.ready(), Err("shard 1: the token is refused (4004)".to_owned()));
    }
}
