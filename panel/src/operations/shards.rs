use std::collections::BTreeMap;

use miso_log::catalogue;
use miso_model::{Checkpoint, LogRecord, ShardClaim};

use super::Operations;
use crate::failure::Failure;

/// A connection to Discord as its last checkpoint says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShardSeen {
    pub(crate) checkpoint: Checkpoint,
    /// Address of the process that has it.
    pub(crate) owner: Option<String>,
}

impl Operations {
    /// Every shard, in order.
    pub(crate) async fn shards(&self) -> Result<Vec<ShardSeen>, Failure> {
        let (mut shards, mut owners) = (BTreeMap::new(), BTreeMap::new());
        for record in self.kept(catalogue::GATEWAY_CHECKPOINTS).await? {
            let Some(value) = record.value.as_deref() else { continue };
            if Checkpoint::codec().wrote(value) {
                let Ok(checkpoint) = Checkpoint::from_bytes(value) else { continue };
                shards.insert(checkpoint.shard, (record.partition, checkpoint));
            } else if ShardClaim::codec().wrote(value)
                && let Ok(claim) = ShardClaim::from_bytes(value)
            {
                owners.insert(claim.partition, claim.address);
            }
        }
        let seen = shards
            .into_values()
            .map(|(partition, checkpoint)| ShardSeen { checkpoint, owner: owners.get(&partition).cloned() });
        Ok(seen.collect())
    }
}
