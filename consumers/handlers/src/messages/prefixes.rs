use std::collections::HashMap;

use miso_command_catalogue::DEFAULT_PREFIX;
use miso_log::catalogue::{AGGREGATES, BOT_SETTINGS};
use miso_log::{Batch, LogError, ReadError, Reader, Schemas, SharedLog};
use miso_model::{Aggregate, GuildId, Setting};
use serde::Deserialize;

use crate::HandlersError;

/// Prefixes of guilds that set one, in memory: one entry of about 100 bytes per such guild.
#[derive(Debug)]
pub(crate) struct Prefixes {
    of: HashMap<u64, Box<str>>,
    reader: Reader,
    schemas: Schemas,
    /// Read, but not taken over to its end yet.
    batch: Option<Batch>,
}

impl Prefixes {
    /// Folds `bot.settings` to its end of now.
    pub(crate) async fn fold(log: &SharedLog) -> Result<Self, HandlersError> {
        let schemas = Schemas::open(log.clone()).await?;
        let (mut from, mut ends) = (Vec::new(), Vec::new());
        for partition in 0..AGGREGATES {
            let bounds = log.bounds(BOT_SETTINGS, partition).await?;
            from.push((partition, bounds.earliest));
            ends.push((partition, bounds.latest));
        }
        let mut prefixes = Self { of: HashMap::new(), reader: log.reader(BOT_SETTINGS, &from), schemas, batch: None };
        loop {
            match prefixes.reader.next_before(&ends).await {
                Ok(Some(batch)) => prefixes.apply(&batch).await,
                Ok(None) => return Ok(prefixes),
                // Compaction took what is overwritten anyway.
                Err(ReadError::BehindRetention { .. }) => {}
                Err(ReadError::Unavailable(reason)) => return Err(LogError::Unavailable(reason).into()),
                Err(ReadError::Closed) => return Err(LogError::Closed.into()),
            }
        }
    }

    /// The prefix of a guild, or of direct messages.
    pub(crate) fn of(&self, guild: Option<GuildId>) -> &str {
        if self.of.is_empty() {
            return DEFAULT_PREFIX;
        }
        guild.and_then(|guild| self.of.get(&guild.0)).map_or(DEFAULT_PREFIX, |prefix| prefix)
    }

    /// Waits for changed settings and takes them over. Cancel-safe.
    pub(crate) async fn update(&mut self) -> Result<(), HandlersError> {
        if self.batch.is_none() {
            self.batch = match self.reader.next().await {
                Ok(batch) => Some(batch),
                Err(ReadError::BehindRetention { .. }) => None,
                Err(ReadError::Unavailable(reason)) => return Err(LogError::Unavailable(reason).into()),
                Err(ReadError::Closed) => return Err(LogError::Closed.into()),
            };
        }
        // Dropped inside, it is applied from its beginning the next time.
        if let Some(batch) = self.batch.clone() {
            self.apply(&batch).await;
            self.batch = None;
        }
        Ok(())
    }

    async fn apply(&mut self, batch: &Batch) {
        for record in batch.iter() {
            let key = std::str::from_utf8(&record.key).ok().and_then(|key| key.parse().ok());
            let Some(Aggregate::Guild(guild)) = key else { continue };
            let Some(value) = &record.value else {
                self.of.remove(&guild.0);
                continue;
            };
            match self.schemas.decode_waiting::<Setting>(value).await {
                Ok(setting) => self.set(guild, &setting),
                Err(error) => {
                    tracing::error!(partition = record.partition, offset = record.offset, %error, "a setting cannot be read");
                }
            }
        }
    }

    fn set(&mut self, guild: GuildId, setting: &Setting) {
        #[derive(Deserialize)]
        struct Settings {
            #[serde(default)]
            prefix: Option<Box<str>>,
        }
        let prefix = serde_json::from_slice(&setting.json).ok().and_then(|Settings { prefix }| prefix);
        match prefix.filter(|prefix| !prefix.is_empty()) {
            Some(prefix) => drop(self.of.insert(guild.0, prefix)),
            None => drop(self.of.remove(&guild.0)),
        }
    }
}
