use std::collections::BTreeMap;

use miso_bot_store::{BotStore, Row, SCHEMA_VERSION, Tables};
use miso_commands_api::CommandsConfig;
use miso_log::catalogue::BOT_FACTS;
use miso_model::{Aggregate, Fact, GuildId, LogRecord, UserId};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::asked::{ask, record};
use crate::requests::all;
use crate::setup::{World, now_ms};

async fn dump(world: &World) -> BTreeMap<&'static str, Vec<Row>> {
    let mut tables = BTreeMap::new();
    for (name, sql) in Tables::live().contents() {
        tables.insert(name, world.store.query(&sql, vec![]).await.expect("reads"));
    }
    tables
}

/// A request of any kind, such as handlers, timers and the panel make.
fn anything(random: &mut StdRng, now: i64) -> (Aggregate, &'static str, Value) {
    let guild = Aggregate::Guild(GuildId(random.random_range(1..4)));
    let user = random.random_range(1..4_u64);
    let own = Aggregate::User(UserId(user));
    let mut number = |to: i64| random.random_range(0..to);
    match number(15) {
        11 => {
            let name = if number(9) > 7 { "bob" } else { "ann" };
            (own, "ChangeSettings", json!({"module": "lastfm-user", "set": {"username": name}}))
        }
        12 => {
            let listen = |at: i64| json!({"at_ms": at, "artist": "HEEJIN", "track": "Vivid", "album": "HeeJin"});
            let at = now - number(4_000_000);
            let older = number(2) == 0;
            let listens = json!([listen(at), listen(at + 1_000)]);
            (
                own,
                "ListensFetched",
                json!({"lastfm_user": "ann", "listens": listens, "older": older, "complete": false}),
            )
        }
        13 => (guild, "SeeInGuild", json!({"user": user.to_string()})),
        14 => (guild, "ClaimCrown", json!({"artist": "HEEJIN", "user": user.to_string(), "plays": 20 + number(90)})),
        0 => (guild, "ChangeSettings", json!({"module": "starboard", "set": {"amount": number(3) + 1}})),
        1 => {
            let member =
                |xp: i64| json!({"user": user.to_string(), "xp": xp, "messages": 2, "hour": xp % 24, "at_ms": now});
            (guild, "ActivityObserved", json!({"members": [member(number(50)), member(number(50))]}))
        }
        2 => (guild, "CountsObserved", json!({"counts": [{"day": "2026-11-24", "hour": number(24), "messages": 3}]})),
        3 | 4 => {
            let star = json!({"message": "7", "channel": "5", "author": "6", "user": user.to_string(), "added": number(3) > 0});
            (guild, "StarChanged", star)
        }
        5 => (guild, "StarPosted", json!({"message": "7", "channel": "8", "post": "9"})),
        6 => (guild, "ForgetMember", json!({"user": user.to_string()})),
        7 => (own, "SetReminder", json!({"text": "tea", "due_ms": now + 60_000 + number(1_000)})),
        8 => (own, "CancelReminder", json!({"id": "none"})),
        9 => (own, "ChangeSettings", json!({"module": "privacy", "set": {"count_activity": number(2) == 0}})),
        _ => (own, "DeletePersonalData", json!({})),
    }
}

#[tokio::test]
async fn what_was_decided_is_rebuilt_from_zero_to_the_same_rows() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let (mut random, now) = (StdRng::seed_from_u64(11), now_ms());
    let mut records = Vec::new();
    for n in 0..600 {
        let (aggregate, kind, body) = anything(&mut random, now);
        let request = record(aggregate, &format!("r{n}"), kind, &body);
        // Every fifth is sent twice.
        records.extend(std::iter::repeat_n(request, 1 + usize::from(n % 5 == 0)));
    }
    world.log.append(records).await.expect("appends");
    for id in 1..4 {
        for aggregate in [Aggregate::Guild(GuildId(id)), Aggregate::User(UserId(id))] {
            let set = match aggregate {
                Aggregate::Guild(_) => json!({"module": "general", "set": {"prefix": "!"}}),
                Aggregate::User(_) => json!({"module": "time", "set": {"timezone": "UTC"}}),
            };
            assert_eq!(ask(&world.log, aggregate, &[("last", "ChangeSettings", set)]).await, 200);
        }
    }
    let facts: Vec<Fact> =
        all(&world.log, BOT_FACTS).await.iter().map(|value| Fact::from_bytes(value).expect("reads")).collect();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for fact in &facts {
        *kinds.entry(&fact.kind).or_default() += 1;
    }
    assert!(kinds.len() >= 9, "the requests struck: {kinds:?}");
    let before = dump(&world).await;
    instance.stop().await;
    let bot = BotStore::prepare(world.store.clone(), &world.log, rand::random).await.expect("prepares");
    bot.rebuild(&world.log, rand::random(), SCHEMA_VERSION).await.expect("rebuilds");
    for (table, rows) in dump(&world).await {
        assert!(rows == before[table], "{table}: {} rows, {} before", rows.len(), before[table].len());
    }
}
