//! `--names`: what guilds, channels and users are called, as the fold of Discord's objects has it.

use std::collections::HashMap;

use miso_log::{Range, Schemas, SharedLog, catalogue};
use miso_model::StateEntry;
use serde_json::Value;

/// Names kept, at most; beyond it ids are shown.
const MOST_NAMES: usize = 1_000_000;

/// Names by id.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<u64, String>);

impl Names {
    /// Reads the topic `discord.state`.
    pub(crate) async fn read(log: &SharedLog, schemas: &Schemas) -> anyhow::Result<Self> {
        let topic = catalogue::DISCORD_STATE;
        let spans = Range::all().resolve(&**log, topic, &[]).await?;
        let mut reader = log.reader(topic, &spans.starts());
        let mut names = HashMap::new();
        while let Some(batch) = reader.next_before(&spans.ends()).await? {
            for record in batch.iter() {
                let Some(value) = record.value.as_deref() else { continue };
                let Ok(entry) = schemas.decode::<StateEntry>(value) else { continue };
                let Ok(json) = serde_json::from_slice::<Value>(&entry.json) else { continue };
                let user = &json["user"];
                let (id, name) =
                    if user.is_object() { (&user["id"], &user["username"]) } else { (&json["id"], &json["name"]) };
                if let (Some(id), Some(name)) = (id.as_str().and_then(|id| id.parse().ok()), name.as_str())
                    && names.len() < MOST_NAMES
                {
                    names.insert(id, name.to_owned());
                }
            }
        }
        Ok(Self(names))
    }

    /// Puts names beside the ids of a line: `guild_name`, `channel_name`, `user_name`.
    pub(crate) fn add(&self, line: &mut Value) {
        for field in ["guild", "channel", "user"] {
            let id = line[field].as_str().and_then(|id| id.parse::<u64>().ok());
            if let Some(name) = id.and_then(|id| self.0.get(&id)) {
                line[format!("{field}_name")] = name.as_str().into();
            }
        }
    }
}
