//! Settings in memory: `bot.settings` folded to its end before the first record is looked at, and
//! followed from then on. Each handler keeps of them what it needs, read once, as it needs it.

use miso_discord_state::DiscordState;
use miso_log::catalogue::{AGGREGATES, BOT_SETTINGS};
use miso_log::{Batch, LogError, ReadError, Reader, Schemas, SharedLog};
use miso_model::{Aggregate, Setting};
use miso_settings::Settings;

use crate::HandlersError;

/// What a handler keeps of the settings. Bounded by what `bot.settings` holds: one record per guild
/// or user that changed anything.
pub(crate) trait View: Default + Send {
    /// These are the aggregate's settings now; none set when it is empty.
    fn set(&mut self, aggregate: Aggregate, settings: &Settings);
}

/// A handler's view of the settings, kept up to date.
#[derive(Debug)]
pub(crate) struct Followed<V> {
    pub(crate) view: V,
    reader: Reader,
    schemas: Schemas,
    /// Read, but not taken over to its end yet.
    batch: Option<Batch>,
}

impl<V: View> Followed<V> {
    /// As [`Followed::fold`], once Discord's state is restored: a handler that begins before it knows
    /// neither the bot itself nor what it may do, and would pass events without their effects.
    pub(crate) async fn prepared(log: &SharedLog, state: &DiscordState) -> Result<Self, HandlersError> {
        let mut ready = state.ready();
        let _ = ready.wait_for(|ready| *ready).await;
        Self::fold(log).await
    }

    /// Folds `bot.settings` to its end of now.
    pub(crate) async fn fold(log: &SharedLog) -> Result<Self, HandlersError> {
        let schemas = Schemas::open(log.clone()).await?;
        let (mut from, mut ends) = (Vec::new(), Vec::new());
        for partition in 0..AGGREGATES {
            let bounds = log.bounds(BOT_SETTINGS, partition).await?;
            from.push((partition, bounds.earliest));
            ends.push((partition, bounds.latest));
        }
        let reader = log.reader(BOT_SETTINGS, &from);
        let mut followed = Self { view: V::default(), reader, schemas, batch: None };
        loop {
            match followed.reader.next_before(&ends).await {
                Ok(Some(batch)) => followed.apply(&batch).await,
                Ok(None) => return Ok(followed),
                // Compaction took what is overwritten anyway.
                Err(ReadError::BehindRetention { .. }) => {}
                Err(ReadError::Unavailable(reason)) => return Err(LogError::Unavailable(reason).into()),
                Err(ReadError::Closed) => return Err(LogError::Closed.into()),
            }
        }
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
            let Some(aggregate) = key else { continue };
            let Some(value) = &record.value else {
                self.view.set(aggregate, &Settings::default());
                continue;
            };
            match self.schemas.decode_waiting::<Setting>(value).await {
                Ok(setting) => self.view.set(aggregate, &Settings::read(&setting.json)),
                Err(error) => {
                    tracing::error!(partition = record.partition, offset = record.offset, %error, "a setting cannot be read");
                }
            }
        }
    }
}
