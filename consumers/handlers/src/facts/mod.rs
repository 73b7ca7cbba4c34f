//! Facts that Discord is to see: levels, reminders, the starboard.

mod crowns;
mod levels;
mod reminders;
mod samples;
mod settings;
mod stars;

use std::sync::Arc;
use std::time::Duration;

use miso_discord_state::DiscordState;
use miso_log::catalogue::BOT_FACTS;
use miso_log::{Append, Record, Schemas, SharedLog, Topic};
use miso_model::{Aggregate, Fact};
use tokio_util::sync::CancellationToken;

use self::settings::FactSettings;
use self::stars::Shown;
use crate::action::Cause;
use crate::clock::now_ms;
use crate::following::{Handler, Work, follow};
use crate::parked::{parked, place_of};
use crate::settings::Followed;
use crate::{HandlersError, Joins, LAZY_COMMIT_INTERVAL};

/// The consumer group of the fact handler.
pub const GROUP: &str = "miso.facts";

/// Turns facts into actions, until cancelled: announcements and roles for levels, reminders, the posts of
/// the starboard. Each action is appended in the transaction that passes its fact. Settings come from
/// `bot.settings`, folded to its end before the first fact.
///
/// # Errors
/// See [`HandlersError`]. A log that is away is waited for.
pub async fn run_facts(
    log: SharedLog,
    state: Arc<DiscordState>,
    joins: Joins,
    cancel: CancellationToken,
) -> Result<(), HandlersError> {
    let prepared = async {
        let settings = Followed::prepared(&log, &state).await?;
        Ok::<_, HandlersError>((settings, Schemas::open(log.clone()).await?))
    };
    let (settings, schemas) = tokio::select! {
        () = cancel.cancelled() => return Ok(()),
        prepared = prepared => prepared?,
    };
    follow(log.clone(), Facts { log, state, settings, schemas }, &joins, cancel).await
}

struct Facts {
    log: SharedLog,
    state: Arc<DiscordState>,
    settings: Followed<FactSettings>,
    schemas: Schemas,
}

impl Handler for Facts {
    const GROUP: &'static str = GROUP;
    const TOPIC: Topic = BOT_FACTS;

    async fn record(&mut self, record: &Record, out: &mut Vec<Append>) -> Option<Work> {
        let fact: Fact = match self.schemas.decode_waiting(record.value.as_deref().unwrap_or_default()).await {
            Ok(fact) => fact,
            Err(error) => {
                out.push(parked(GROUP, BOT_FACTS, record, "malformed_record", &error.to_string()));
                return None;
            }
        };
        self.fact(&fact, out).unwrap_or_else(|error| {
            out.push(parked(GROUP, BOT_FACTS, record, "malformed_payload", &place_of(&error)));
            None
        })
    }

    fn gathered(&mut self, _: i32, _: i64) -> Vec<Append> {
        Vec::new()
    }

    fn patience(&self, _: i32) -> Duration {
        LAZY_COMMIT_INTERVAL
    }

    fn forget(&mut self, _: i32) {}

    async fn update(&mut self) -> Result<(), HandlersError> {
        self.settings.update().await
    }
}

impl Facts {
    fn fact(&self, fact: &Fact, out: &mut Vec<Append>) -> Result<Option<Work>, serde_json::Error> {
        // The fact's id; a request may leave several facts of one aggregate, each with its version.
        let id = format!("{}/{}", fact.aggregate, fact.version);
        let cause = Cause { group: GROUP, id: &id, now_ms: now_ms() };
        let (before, mut work) = (out.len(), None);
        match (fact.aggregate.parse(), fact.kind.as_str()) {
            (Ok(Aggregate::User(_)), "ReminderFired") => {
                out.push(reminders::fired(&cause, &self.state, &fact.body)?);
            }
            (Ok(Aggregate::Guild(guild)), "LevelReached") => {
                if let Some(settings) = self.settings.view.of(guild) {
                    out.extend(levels::reached(&cause, &self.state, guild, settings, fact.at_ms, &fact.body)?);
                }
            }
            (Ok(Aggregate::Guild(guild)), "CrownTaken") => {
                out.extend(crowns::taken(&cause, &self.state, guild, fact.at_ms, &fact.body)?);
            }
            (Ok(Aggregate::Guild(guild)), "StarCounted") => {
                if let Some(settings) = self.settings.view.of(guild) {
                    match stars::counted(&cause, &self.state, guild, settings, (&fact.body, fact.at_ms))? {
                        Some(Shown::Change(action)) => out.push(action),
                        // The log is searched for what the message said: other guilds do not wait for that.
                        Some(Shown::Post(posting)) => work = Some(Box::pin(posting.posted(self.log.clone())) as Work),
                        None => {}
                    }
                }
            }
            (Ok(Aggregate::Guild(guild)), "SampleAsked") => {
                out.extend(samples::asked(&cause, &self.state, guild, &fact.body)?);
            }
            // The others change only what is read back, or are newer than this version.
            _ => {}
        }
        let actions = (out.len() - before + usize::from(work.is_some())) as u64;
        if actions > 0 {
            metrics::counter!("miso_handlers_fact_actions_total", "kind" => fact.kind.clone()).increment(actions);
        }
        Ok(work)
    }
}
