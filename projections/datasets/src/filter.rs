//! Which records are wanted: what stands in the envelope is looked at before anything is parsed.

use std::borrow::Cow;

use miso_log::{Record, Schemas, Topic, catalogue};
use miso_model::{ChannelId, EventView, GatewayEvent, GuildId, LogRecord, UserId};

use crate::{Jq, Unreadable};

/// Which records are wanted; the default wants all.
#[derive(Debug, Default)]
pub struct Filter {
    /// Discord's event names; of other records, their names or a fact's kind. Any of them.
    pub events: Vec<String>,
    /// Only of this guild.
    pub guild: Option<GuildId>,
    /// Only of this channel.
    pub channel: Option<ChannelId>,
    /// Only of this user.
    pub user: Option<UserId>,
    /// Only with this key.
    pub key: Option<String>,
    /// A filter over the line as it is shown.
    pub condition: Option<Jq>,
}

/// What a record says of itself without its payload being parsed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope<'a> {
    /// Discord's event, or the record's name.
    pub event: Cow<'a, str>,
    /// The guild.
    pub guild: Option<GuildId>,
    /// The channel.
    pub channel: Option<ChannelId>,
    /// The user.
    pub user: Option<UserId>,
}

/// A record's envelope: of a dispatch what Discord's event says, of others the ids among their fields, and of
/// facts their kind.
///
/// # Errors
/// [`Unreadable`] when the bytes are no record.
pub fn envelope<'a>(topic: Topic, value: &'a [u8], schemas: &Schemas) -> Result<Envelope<'a>, Unreadable> {
    if topic == catalogue::GATEWAY_EVENTS
        && let Some(envelope) = of_event(value, schemas)?
    {
        return Ok(envelope);
    }
    let (name, data) = schemas.to_json(value)?;
    let id = |field: &str| data[field].as_str().and_then(|id| id.parse().ok());
    let kind = data["kind"].as_str().filter(|_| topic == catalogue::BOT_FACTS).map(str::to_owned);
    Ok(Envelope {
        guild: id("guild_id").map(GuildId),
        channel: id("channel_id").map(ChannelId),
        user: id("user_id").map(UserId),
        event: Cow::Owned(kind.unwrap_or(name)),
    })
}

/// The envelope of a dispatch. `None`: another record.
fn of_event<'a>(value: &'a [u8], schemas: &Schemas) -> Result<Option<Envelope<'a>>, Unreadable> {
    if let Some(event) = EventView::decode(value)? {
        return Ok(Some(Envelope {
            event: Cow::Borrowed(event.event_type),
            guild: event.guild_id,
            channel: event.channel_id,
            user: event.user_id,
        }));
    }
    if schemas.name_of(value).as_deref() != Some(GatewayEvent::codec().name) {
        return Ok(None);
    }
    let event: GatewayEvent = schemas.decode(value)?;
    Ok(Some(Envelope {
        event: Cow::Owned(event.event_type),
        guild: event.guild_id,
        channel: event.channel_id,
        user: event.user_id,
    }))
}

impl Filter {
    /// Whether every record is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.looks_inside() && self.key.is_none() && self.condition.is_none()
    }

    /// Whether the envelope has to be read.
    #[must_use]
    pub fn looks_inside(&self) -> bool {
        !self.events.is_empty() || self.guild.is_some() || self.channel.is_some() || self.user.is_some()
    }

    /// Whether a record is wanted, by its key and its envelope; the condition is for its line.
    ///
    /// # Errors
    /// [`Unreadable`] when the envelope is needed and cannot be read.
    pub fn accepts(&self, topic: Topic, record: &Record, schemas: &Schemas) -> Result<bool, Unreadable> {
        if !self.wants_key(record) {
            return Ok(false);
        }
        if !self.looks_inside() {
            return Ok(true);
        }
        let Some(value) = record.value.as_deref() else { return Ok(false) };
        Ok(self.wants(&envelope(topic, value, schemas)?))
    }

    /// Whether a record's key is wanted.
    #[must_use]
    pub fn wants_key(&self, record: &Record) -> bool {
        self.key.as_ref().is_none_or(|key| key.as_bytes() == &record.key[..])
    }

    /// Whether an envelope is wanted.
    #[must_use]
    pub fn wants(&self, envelope: &Envelope<'_>) -> bool {
        fn is<T: Copy + PartialEq>(wanted: Option<T>, found: Option<T>) -> bool {
            wanted.is_none() || wanted == found
        }
        (self.events.is_empty() || self.events.iter().any(|event| event.eq_ignore_ascii_case(&envelope.event)))
            && is(self.guild, envelope.guild)
            && is(self.channel, envelope.channel)
            && is(self.user, envelope.user)
    }

    /// As text, for a checkpoint: an export that goes on must filter as it began. Without the condition.
    #[must_use]
    pub fn describe(&self) -> String {
        let id = |name: &str, id: Option<String>| id.map(|id| format!("{name}={id}"));
        let events = (!self.events.is_empty()).then(|| format!("event={}", self.events.join(",")));
        let parts = [
            events,
            id("guild", self.guild.map(|id| id.to_string())),
            id("channel", self.channel.map(|id| id.to_string())),
            id("user", self.user.map(|id| id.to_string())),
            id("key", self.key.clone()),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_filter_must_hold() {
        let envelope = Envelope {
            event: Cow::Borrowed("MESSAGE_CREATE"),
            guild: Some(GuildId(1)),
            channel: Some(ChannelId(2)),
            user: None,
        };
        let filter = |change: fn(&mut Filter)| {
            let mut filter = Filter { guild: Some(GuildId(1)), ..Filter::default() };
            change(&mut filter);
            filter.wants(&envelope)
        };
        assert!(filter(|_| {}));
        assert!(filter(|f| f.events = vec!["PRESENCE_UPDATE".into(), "message_create".into()]));
        assert!(!filter(|f| f.events = vec!["PRESENCE_UPDATE".into()]));
        assert!(!filter(|f| f.channel = Some(ChannelId(3))));
        assert!(!filter(|f| f.user = Some(UserId(3))));
        assert!(Filter::default().is_empty() && Filter::default().wants(&envelope));
    }
}
