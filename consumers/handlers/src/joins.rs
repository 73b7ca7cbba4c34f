//! Whether the handlers of a process stand by.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

use crate::{COMMANDS_GROUP, EVENTS_GROUP, FACTS_GROUP, MESSAGES_GROUP};

/// The groups of the handlers of a process that have given out their partitions: from then on what comes is
/// handled by this process or by another. A handler that started again has joined before.
#[derive(Debug, Clone, Default)]
pub struct Joins(Arc<watch::Sender<BTreeSet<&'static str>>>);

impl Joins {
    pub(crate) fn joined(&self, group: &'static str) {
        self.0.send_if_modified(|groups| groups.insert(group));
    }

    /// Resolves when all four groups have.
    pub async fn all(&self) {
        let all = [COMMANDS_GROUP, EVENTS_GROUP, FACTS_GROUP, MESSAGES_GROUP];
        // The sender is ours: it cannot be gone.
        let _ = self.0.subscribe().wait_for(|groups| all.iter().all(|group| groups.contains(group))).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_handlers_stand_by_when_the_last_group_has_joined() {
        let joins = Joins::default();
        for group in [EVENTS_GROUP, COMMANDS_GROUP, FACTS_GROUP, EVENTS_GROUP] {
            joins.joined(group);
        }
        assert!(joins.all().now_or_never().is_none());
        joins.joined(MESSAGES_GROUP);
        joins.all().await;
    }
}
