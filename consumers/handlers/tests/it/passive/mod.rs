//! What the bot does by itself: events and facts in, actions and requests out.

pub(crate) mod arrivals;
mod deaths;
mod edits;
pub(crate) mod facts;
mod lastfm;
mod messages;
mod stars;
mod threads;

use miso_handlers::{EVENTS_GROUP, FACTS_GROUP, MESSAGES_GROUP};
use miso_log::Append;
use miso_log::catalogue::{AGGREGATES, BOT_FACTS, BOT_REQUESTS, BOT_SETTINGS, GATEWAY_EVENTS, REST_ACTIONS};
use miso_model::{Action, Aggregate, Fact, GuildId, LogRecord, Request, Setting, UserId};
use serde_json::{Value, json};

use crate::setup::{World, all, consumed, guild, now_ms};

/// An action or a request that the handlers appended.
#[derive(Debug, Clone)]
pub(crate) struct Effect {
    /// `POST /channels/1/messages`, or `StarChanged guild/1`.
    pub(crate) what: String,
    pub(crate) body: Value,
    /// Of a direct message: the message.
    pub(crate) follow_up: Value,
    /// Action id or request id.
    pub(crate) id: String,
}

fn the_guild() -> GuildId {
    GuildId(guild(0))
}

fn modules(json: &Value) -> Value {
    let modules = json.as_object().expect("an object").iter();
    let stored = |values: &Value| json!({"version": 1, "by": "user/1", "at_ms": 1, "values": values});
    modules.map(|(key, values)| (key.clone(), stored(values))).collect::<serde_json::Map<_, _>>().into()
}

impl World {
    /// The aggregate's settings are these now, by module.
    pub(crate) async fn set(&self, aggregate: Aggregate, values: &Value) {
        let setting = Setting { version: 1, json: modules(values).to_string().into() };
        let partition = aggregate.partition(AGGREGATES);
        let record = Append::keyed(BOT_SETTINGS, partition, aggregate.to_string(), setting.to_bytes(), now_ms());
        self.log.append(vec![record]).await.expect("appends");
    }

    /// The guild's.
    pub(crate) async fn set_guild(&self, values: &Value) {
        self.set(Aggregate::Guild(the_guild()), values).await;
    }

    /// A user's.
    pub(crate) async fn set_user(&self, user: u64, values: &Value) {
        self.set(Aggregate::User(UserId(user)), values).await;
    }

    /// The decider found a fact.
    pub(crate) async fn fact(&self, aggregate: Aggregate, version: i64, kind: &str, body: &Value, at_ms: i64) {
        let fact = Fact {
            aggregate: aggregate.to_string(),
            version,
            kind: kind.to_owned(),
            request_id: format!("request {version}"),
            actor: "test".to_owned(),
            body: body.to_string().into(),
            answer: json!({}).to_string().into(),
            status: 200,
            at_ms,
        };
        let record = Append::new(BOT_FACTS, aggregate.partition(AGGREGATES), fact.to_bytes(), now_ms());
        self.log.append(vec![record]).await.expect("appends");
    }

    /// An event of the guild.
    pub(crate) async fn happens(&self, event_type: &str, d: &Value) -> i64 {
        self.event(event_type, Some(the_guild()), d).await
    }

    /// Everything the handlers appended so far.
    pub(crate) async fn effects(&self) -> Vec<Effect> {
        let read = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or_default();
        let mut effects = Vec::new();
        for value in all(&self.log, REST_ACTIONS).await {
            let action = Action::from_bytes(&value).expect("an action");
            effects.push(Effect {
                what: format!("{} {}", action.method, action.path),
                body: read(&action.body),
                follow_up: action.follow_up.as_deref().map(read).unwrap_or_default(),
                id: format!("{:?}", &action.action_id[..]),
            });
        }
        for value in all(&self.log, BOT_REQUESTS).await {
            let request = Request::from_bytes(&value).expect("a request");
            effects.push(Effect {
                what: format!("{} {}", request.kind, request.aggregate),
                body: read(&request.body),
                follow_up: Value::Null,
                id: request.request_id,
            });
        }
        effects
    }

    /// Lets the handlers pass everything that stands in the log, and ends them; then what they did,
    /// what is told of everybody (counts, who leaves the lists by Last.fm) aside.
    pub(crate) async fn after(&self) -> Vec<Effect> {
        let handlers = self.passive(self.log.clone());
        consumed(&self.log, MESSAGES_GROUP, GATEWAY_EVENTS).await;
        consumed(&self.log, EVENTS_GROUP, GATEWAY_EVENTS).await;
        consumed(&self.log, FACTS_GROUP, BOT_FACTS).await;
        handlers.stop().await;
        let effects = self.effects().await;
        let of_everybody = |what: &str| what.starts_with("CountsObserved") || what.starts_with("ListenerLeaves");
        effects.into_iter().filter(|effect| !of_everybody(&effect.what)).collect()
    }
}

/// Where a channel's messages are made.
pub(crate) fn posts(channel: u64) -> String {
    format!("POST /channels/{channel}/messages")
}

/// The only effect.
pub(crate) fn only(effects: &[Effect]) -> &Effect {
    assert_eq!(effects.len(), 1, "{effects:#?}");
    &effects[0]
}
