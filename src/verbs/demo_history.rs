//! The demo's thirty days before now: what Miso would have counted, appended as its consumers would have.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use miso_command_catalogue::Provider;
use miso_log::catalogue::{AGGREGATES, BOT_FACTS, BOT_REQUESTS};
use miso_log::{Append, SharedLog};
use miso_model::{Aggregate, GuildId, LogRecord, Request, UserId};
use miso_simulator::seeded_history;
use serde_json::{Map, Value, json};

/// Discord's type of a text channel.
const TEXT: u64 = 0;
/// Who observed it.
const ACTOR: &str = "demo";

/// Appends the past of these guilds (as the simulator's `GET /control/guilds` shows them), unless the log
/// has seen requests or facts before. Answers how many requests there were.
pub(crate) async fn begin(address: &str, guilds: &[Value], seed: u64, days: u32) -> anyhow::Result<usize> {
    let log = miso_log::open(address, "miso-demo").await?;
    let appended = append(&log, guilds, seed, days).await;
    log.close().await;
    appended
}

async fn append(log: &SharedLog, guilds: &[Value], seed: u64, days: u32) -> anyhow::Result<usize> {
    for topic in [BOT_REQUESTS, BOT_FACTS] {
        for partition in 0..AGGREGATES {
            if log.bounds(topic, partition).await?.latest > 0 {
                return Ok(0);
            }
        }
    }
    let now_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis())?;
    let records = guilds.iter().map(|guild| past(guild, seed, days, now_ms)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut records = records.concat();
    records.extend(linked(guilds, now_ms)?);
    let count = records.len();
    log.append(records).await?;
    Ok(count)
}

/// Every user tells their name at Last.fm, which is their own, and was seen in their guilds: what they played
/// is then learnt from the simulated Last.fm like anybody's. And every guild has the posts of links shown.
fn linked(guilds: &[Value], now_ms: u64) -> anyhow::Result<Vec<Append>> {
    let now_ms = i64::try_from(now_ms)?;
    let append = |aggregate: Aggregate, request_id: String, kind: &str, body: Value| {
        let request = Request {
            request_id,
            aggregate: aggregate.to_string(),
            kind: kind.to_owned(),
            expected_version: None,
            actor: ACTOR.to_owned(),
            body: body.to_string().into(),
            at_ms: now_ms,
        };
        Append::new(BOT_REQUESTS, aggregate.partition(AGGREGATES), request.to_bytes(), now_ms)
    };
    let mut records = Vec::new();
    for guild in guilds {
        let id = |value: &Value| value.as_str().and_then(|id| id.parse::<u64>().ok());
        let own = id(&guild["id"]).context("a guild without id")?;
        // A pasted link is shown by itself.
        let mut shown: Map<String, Value> =
            Provider::ALL.iter().map(|provider| (provider.key().to_owned(), true.into())).collect();
        shown.insert("captions".to_owned(), true.into());
        let set = json!({"module": "embeds", "set": shown, "via": "import"});
        records.push(append(Aggregate::Guild(GuildId(own)), "seeded:embeds".to_owned(), "ChangeSettings", set));
        let (users, names) = (guild["users"].as_array(), guild["names"].as_array());
        for (user, name) in users.into_iter().flatten().zip(names.into_iter().flatten()) {
            let (Some(user), Some(name)) = (id(user), name.as_str()) else { continue };
            let set = json!({"module": "lastfm-user", "set": {"username": name.to_lowercase()}, "via": "import"});
            let of_user = Aggregate::User(UserId(user));
            // Of a user in several guilds the second request is a repeat of the first.
            records.push(append(of_user, "seeded:lastfm".to_owned(), "ChangeSettings", set));
            let seen = json!({"user": user.to_string()});
            records.push(append(Aggregate::Guild(GuildId(own)), format!("seeded:seen:{user}"), "SeeInGuild", seen));
        }
    }
    Ok(records)
}

fn past(guild: &Value, seed: u64, days: u32, now_ms: u64) -> anyhow::Result<Vec<Append>> {
    let id = |value: &Value| value.as_str().and_then(|id| id.parse::<u64>().ok());
    let list = |name: &str| guild[name].as_array().cloned().unwrap_or_default();
    let own = id(&guild["id"]).context("a guild without id")?;
    let users: Vec<u64> = list("users").iter().filter_map(id).collect();
    let channels = list("channels");
    let channels = channels.iter().filter(|channel| channel["type"] == TEXT).filter_map(|channel| id(&channel["id"]));
    let channels: Vec<u64> = channels.collect();
    let requests = seeded_history(own, &users, &channels, seed, days, now_ms).into_iter().map(|seeded| {
        let aggregate: Aggregate = seeded.aggregate.parse().context("not an aggregate")?;
        let request = Request {
            request_id: seeded.request_id,
            aggregate: seeded.aggregate,
            kind: seeded.kind.to_owned(),
            expected_version: None,
            actor: ACTOR.to_owned(),
            body: seeded.body.to_string().into(),
            at_ms: i64::try_from(seeded.at_ms)?,
        };
        // The record is of now: retention goes by it.
        Ok(Append::new(BOT_REQUESTS, aggregate.partition(AGGREGATES), request.to_bytes(), i64::try_from(now_ms)?))
    });
    requests.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_past_is_appended_once_and_not_into_a_log_that_has_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let address = format!("file:{}", folder.path().join("log.db").display());
        let guilds = [json!({
            "id": "700", "users": ["1", "2"], "names": ["Aino", "bento"], "channels": [{"id": "800", "type": 4}, {"id": "801", "type": 0}],
        })];
        // Counts and activity of every day; of today only once somebody has spoken. And two names at Last.fm, and one setting.
        let appended = begin(&address, &guilds, 1, 30).await.expect("appended");
        assert!(appended == 65 || appended == 63, "{appended}");
        assert_eq!(begin(&address, &guilds, 1, 30).await.expect("looked"), 0);
    }
}
