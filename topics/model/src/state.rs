//! Records of `discord.state`.

use apache_avro::AvroSchema;
use serde::{Deserialize, Serialize};

use crate::Payload;
use crate::avro::log_records;

/// One object of Discord's, as the fold of `gateway.events` has it. Keys: `g/<guild>`,
/// `g/<guild>/{channel,thread,role,voice,member}/<id>`, `dm/<channel>`, `self`, `shards`, `position`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.state")]
pub struct StateEntry {
    /// Offset of `gateway.events` (this partition) that last changed it. A restored fold applies
    /// an event only where its offset is greater.
    pub at: i64,
    /// Of a guild: its presence epoch (since the join). Of a child: the epoch it belongs to; a
    /// child of an older epoch than its guild's is gone.
    pub epoch: i64,
    /// Of a guild: its snapshot epoch (since the last GUILD_CREATE), for channels, roles, threads
    /// and voice states; -1 before the first. 0 for children.
    #[serde(default)]
    pub snapshot_epoch: i64,
    /// The object whole, unknown fields included.
    pub json: Payload,
}

log_records!(StateEntry);
