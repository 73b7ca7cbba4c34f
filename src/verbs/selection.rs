//! What of a topic is wanted: the range and the filter, the same words in every verb that reads.

use clap::Args;
use jiff::tz::TimeZone;
use miso_datasets::{Filter, Jq};
use miso_log::{Range, SharedLog, Topic, catalogue};
use miso_model::{ChannelId, GuildId, UserId};

use crate::verbs::nearest::did_you_mean;
use crate::verbs::{UsageError, now_ms};

/// Which records.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Range: start, end, 123, +10, -10, A:B, @TIME, @TIME:TIME (a date, RFC 3339, 10 or 13 digits, or -2h)
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub offset: Option<String>,
    /// Only these partitions
    #[arg(short, long, value_name = "N,N", value_delimiter = ',')]
    pub partition: Vec<i32>,
    /// Only these of Discord's events, or records of this name, or facts of this kind
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    event: Vec<String>,
    /// Only of this guild
    #[arg(long)]
    guild: Option<GuildId>,
    /// Only of this channel
    #[arg(long)]
    channel: Option<ChannelId>,
    /// Only of this user
    #[arg(long)]
    user: Option<UserId>,
    /// Only with this key
    #[arg(long)]
    key: Option<String>,
    /// Only lines for which this jq filter says neither false nor null
    #[arg(long = "where", value_name = "JQ")]
    pub condition: Option<String>,
    /// Where dates are meant
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    tz: String,
}

impl Selection {
    /// The range, or the one the verb takes when none is given.
    pub(crate) fn range(&self, otherwise: &str) -> anyhow::Result<Range> {
        let zone = TimeZone::get(&self.tz)
            .map_err(|_| UsageError(format!("--tz {:?} is no time zone; write one such as Europe/Berlin", self.tz)))?;
        let text = self.offset.as_deref().unwrap_or(otherwise);
        Ok(Range::parse(text, now_ms(), &zone).map_err(|error| UsageError(error.to_string()))?)
    }

    /// The filter.
    pub(crate) fn filter(&self) -> anyhow::Result<Filter> {
        let condition = self.condition.as_deref().map(Jq::new).transpose();
        Ok(Filter {
            events: self.event.clone(),
            guild: self.guild,
            channel: self.channel,
            user: self.user,
            key: self.key.clone(),
            condition: condition.map_err(|error| UsageError(error.to_string()))?,
        })
    }
}

/// The topic of this name, where the log has it.
pub(crate) fn topic(log: &SharedLog, name: &str) -> anyhow::Result<Topic> {
    let topic = known_topic(name)?;
    if log.topics().contains(&topic) {
        return Ok(topic);
    }
    anyhow::bail!("this log has no topic {name} yet: it is made when this version of Miso first writes the log")
}

/// The topic of this name.
pub(crate) fn known_topic(name: &str) -> anyhow::Result<Topic> {
    let names = || catalogue::ALL.iter().map(|topic| topic.name);
    catalogue::by_name(name).ok_or_else(|| {
        let near = did_you_mean(name, names());
        let all: Vec<_> = names().collect();
        UsageError(format!("there is no topic {name:?}.{near} There are: {}", all.join(", "))).into()
    })
}
