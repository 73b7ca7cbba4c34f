use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use miso_bot_store::facts::{
    ACTIVITY_COUNTED, ActivityCounted, COUNTS_ADDED, CROWN_TAKEN, CountsAdded, HourCounts, LEVEL_REACHED,
    LISTENER_LEFT, LISTENS_SEEN, Listen, ListensSeen, MEMBER_FORGOTTEN, MemberCounted, PERSONAL_DATA_DELETED,
    REMINDER_CANCELLED, REMINDER_FIRED, REMINDER_SET, REMINDER_SNOOZED, ReminderFired, ReminderSet, SEEN_IN_GUILD,
    SETTINGS_CHANGED, STAR_COUNTED, STAR_POSTED, StarAct, StarCounted, StarPosted,
};
use miso_bot_store::{BotStore, Row, Store, Tables};
use miso_log::catalogue::{AGGREGATES, BOT_FACTS};
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::{Append, SharedLog};
use miso_model::{Aggregate, ChannelId, Fact, GuildId, LogRecord, MessageId, UserId};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::engines::Engine;

pub(crate) const GUILD: Aggregate = Aggregate::Guild(GuildId(1_000));
pub(crate) const USER: Aggregate = Aggregate::User(UserId(2_000));

pub(crate) fn builds() -> impl Fn() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    || NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) async fn log(folder: &TempDir) -> SharedLog {
    let config = EmbeddedConfig::new(folder.path().join("log.db"));
    Arc::new(EmbeddedLog::open(config).await.expect("log opens"))
}

pub(crate) fn fact(aggregate: Aggregate, version: i64, kind: &str, body: &impl Serialize) -> Fact {
    Fact {
        aggregate: aggregate.to_string(),
        version,
        kind: kind.to_owned(),
        request_id: format!("{aggregate}:{version}"),
        actor: "user/1".to_owned(),
        body: serde_json::to_vec(body).expect("json").into(),
        answer: format!("{{\"version\":{version}}}").into_bytes().into(),
        status: 200,
        at_ms: 1_000 + version,
    }
}

/// The prefix of a guild was changed, or taken back.
pub(crate) fn prefixed(aggregate: Aggregate, version: i64, prefix: Option<&str>) -> Fact {
    let values = prefix.map_or_else(|| json!({}), |prefix| json!({"prefix": prefix}));
    let module = json!({"version": version, "by": "user/1", "at_ms": 1_000 + version, "values": values});
    let body = json!({
        "module": "general", "module_version": version, "via": "panel",
        "before": {"prefix": null}, "after": {"prefix": prefix}, "settings": {"general": module},
    });
    fact(aggregate, version, SETTINGS_CHANGED, &body)
}

pub(crate) async fn append(log: &SharedLog, fact: &Fact) -> i64 {
    let aggregate: Aggregate = fact.aggregate.parse().expect("an aggregate");
    let record = Append::new(BOT_FACTS, aggregate.partition(AGGREGATES), fact.to_bytes(), fact.at_ms);
    log.append(vec![record]).await.expect("appends")[0]
}

/// All rows of all tables.
pub(crate) async fn dump(store: &dyn Store) -> Vec<(&'static str, Vec<Row>)> {
    let mut tables = Vec::new();
    for (name, sql) in Tables::live().contents() {
        tables.push((name, store.query(&sql, vec![]).await.expect("reads")));
    }
    tables
}

/// A store that has seen facts, one by one as they come; and nothing before them.
pub(crate) async fn given(engine: &Engine, facts: &[Fact]) -> BotStore {
    let folder = tempfile::tempdir().expect("folder");
    let log = log(&folder).await;
    let bot = BotStore::prepare(engine.store.clone(), &log, builds()).await.expect("prepares");
    let mut positions = vec![0; AGGREGATES as usize];
    for fact in facts {
        append(&log, fact).await;
        let aggregate: Aggregate = fact.aggregate.parse().expect("an aggregate");
        let partition = aggregate.partition(AGGREGATES);
        let at = &mut positions[partition as usize];
        *at = bot.catch_up(&log, partition, *at).await.expect("catches up");
    }
    bot
}

pub(crate) fn activity(user: u64, xp: i64, hour: i64) -> MemberCounted {
    MemberCounted {
        user: UserId(user),
        xp_added: 10,
        xp,
        level: xp / 100 + 1,
        messages_added: 2,
        messages: xp / 5,
        hour,
        window_ms: 300_000,
        window_xp: 10,
    }
}

pub(crate) fn star(message: u64, user: u64, added: bool, count: i64, act: StarAct) -> StarCounted {
    StarCounted {
        message: MessageId(message),
        channel: ChannelId(5),
        author: UserId(6),
        user: Some(UserId(user)),
        added,
        count,
        post: None,
        posted_channel: None,
        act,
        posting_ms: (act == StarAct::Post).then_some(77),
    }
}

pub(crate) fn reminder(id: &str, due_ms: i64) -> ReminderSet {
    ReminderSet { id: id.to_owned(), text: "tea".to_owned(), due_ms, channel: Some(ChannelId(5)), guild: None }
}

pub(crate) fn fired(id: &str, user: u64) -> ReminderFired {
    ReminderFired {
        id: id.to_owned(),
        user: UserId(user),
        text: "tea".to_owned(),
        channel: None,
        guild: None,
        due_ms: 9,
        late_ms: 1,
    }
}

pub(crate) fn counts(day: &str, hour: i64, messages: i64) -> CountsAdded {
    let counts = HourCounts { day: day.to_owned(), hour, messages, joins: 1, leaves: 0, commands: 2 };
    CountsAdded { counts: vec![counts] }
}

/// Random facts of every kind, of a few aggregates; some of an unknown kind, some that cannot be read.
pub(crate) fn facts(seed: u64, count: usize) -> Vec<Fact> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut versions = [0; 7];
    let mut all: Vec<Fact> = (0..count)
        .map(|_| {
            let index = random.random_range(0..versions.len());
            versions[index] += 1;
            let (id, version) = (1_000 + index as u64, versions[index]);
            let of_guild = index < 5;
            let aggregate = if of_guild { Aggregate::Guild(GuildId(id)) } else { Aggregate::User(UserId(id)) };
            let mut fact = if of_guild {
                guild_fact(&mut random, aggregate, version)
            } else {
                user_fact(&mut random, aggregate, version)
            };
            match random.random_range(0..20) {
                0 => fact.kind = "SomethingNewer".to_owned(),
                1 => fact.body = b"[".to_vec().into(),
                // Several facts of one request.
                2 if version > 1 => fact.request_id = format!("{aggregate}:{}", version - 1),
                _ => {}
            }
            fact
        })
        .collect();
    // Whatever was taken back before: some of these are left.
    let mut last = |index: usize, make: &dyn Fn(Aggregate, i64) -> Fact| {
        versions[index] += 1;
        let id = 1_000 + index as u64;
        let aggregate = if index < 5 { Aggregate::Guild(GuildId(id)) } else { Aggregate::User(UserId(id)) };
        all.push(make(aggregate, versions[index]));
    };
    last(5, &|user, version| fact(user, version, REMINDER_SET, &reminder("last", version)));
    last(5, &|user, version| linked(user, version, Some("ann"), Some("ann")));
    last(5, &|user, version| fact(user, version, LISTENS_SEEN, &seen(vec![listen(9_000, "Björk", "t")], true)));
    last(0, &|guild, version| fact(guild, version, SEEN_IN_GUILD, &json!({"user": "1005"})));
    last(0, &|guild, version| {
        fact(guild, version, CROWN_TAKEN, &json!({"artist": "Björk", "user": "1005", "plays": 30}))
    });
    all
}

/// Somebody is linked with Last.fm by this name, or by none.
pub(crate) fn linked(aggregate: Aggregate, version: i64, before: Option<&str>, name: Option<&str>) -> Fact {
    let values = name.map_or_else(|| json!({}), |name| json!({"username": name}));
    let module = json!({"version": version, "by": "user/1", "at_ms": 1_000 + version, "values": values});
    let body = json!({
        "module": "lastfm-user", "module_version": version, "via": "command",
        "before": {"username": before}, "after": {"username": name}, "settings": {"lastfm-user": module},
    });
    fact(aggregate, version, SETTINGS_CHANGED, &body)
}

pub(crate) fn listen(at_ms: i64, artist: &str, track: &str) -> Listen {
    Listen { at_ms, artist: artist.to_owned(), album: Some(format!("{artist} LP")), track: track.to_owned() }
}

pub(crate) fn seen(listens: Vec<Listen>, complete: bool) -> ListensSeen {
    let newest_ms = listens.iter().map(|listen| listen.at_ms).max().unwrap_or_default();
    let oldest_ms = listens.iter().map(|listen| listen.at_ms).min().unwrap_or_default();
    ListensSeen { lastfm_user: "ann".to_owned(), listens, newest_ms, oldest_ms, complete }
}

fn listener_fact(random: &mut StdRng, aggregate: Aggregate, version: i64) -> Fact {
    let artist = ["HEEJIN", "Björk"][random.random_range(0..2)];
    match random.random_range(0..6) {
        0 => linked(
            aggregate,
            version,
            random.random_bool(0.5).then_some("ann"),
            random.random_bool(0.8).then_some("ann"),
        ),
        _ => {
            let listens = (0..random.random_range(1..30)).map(|n| listen(version * 1_000_000 + n * 1_000, artist, "t"));
            fact(aggregate, version, LISTENS_SEEN, &seen(listens.collect(), version % 2 == 0))
        }
    }
}

fn guild_fact(random: &mut StdRng, aggregate: Aggregate, version: i64) -> Fact {
    let user = random.random_range(1..6);
    match random.random_range(0..11) {
        7 | 8 => fact(aggregate, version, SEEN_IN_GUILD, &json!({"user": user.to_string()})),
        9 => {
            let taken = json!({"artist": "HEEJIN", "user": user.to_string(), "plays": version + 30});
            fact(aggregate, version, CROWN_TAKEN, &taken)
        }
        10 => fact(aggregate, version, LISTENER_LEFT, &json!({"user": user.to_string()})),
        0 => prefixed(aggregate, version, random.random_bool(0.8).then_some("!")),
        1 => {
            let members = (0..random.random_range(1..40)).map(|n| activity(user + n % 7, version * 10, version % 24));
            fact(aggregate, version, ACTIVITY_COUNTED, &ActivityCounted { members: members.collect() })
        }
        2 => fact(aggregate, version, COUNTS_ADDED, &counts("2026-11-24", version % 24, version)),
        3 => {
            let act = [StarAct::Nothing, StarAct::Post, StarAct::Edit, StarAct::Remove][random.random_range(0..4)];
            let mut star =
                star(random.random_range(1..4), user, random.random_bool(0.6), random.random_range(0..3), act);
            star.post = random.random_bool(0.5).then_some(MessageId(9));
            fact(aggregate, version, STAR_COUNTED, &star)
        }
        4 => {
            let posted = StarPosted {
                message: MessageId(random.random_range(1..4)),
                channel: ChannelId(5),
                author: UserId(6),
                count: 2,
                post: MessageId(9),
                posted_channel: ChannelId(8),
            };
            fact(aggregate, version, STAR_POSTED, &posted)
        }
        5 => fact(aggregate, version, LEVEL_REACHED, &json!({"user": "1", "level": 2, "channel": null})),
        _ => fact(aggregate, version, MEMBER_FORGOTTEN, &json!({"user": user.to_string()})),
    }
}

fn user_fact(random: &mut StdRng, aggregate: Aggregate, version: i64) -> Fact {
    let id = format!("r{}", random.random_range(0..4));
    let body: Value = json!({"id": id, "due_ms": version});
    let mut fact = match random.random_range(0..20) {
        12.. => return listener_fact(random, aggregate, version),
        0..4 => fact(aggregate, version, REMINDER_SET, &reminder(&id, version)),
        4..6 => fact(aggregate, version, REMINDER_SNOOZED, &body),
        6 => fact(aggregate, version, REMINDER_CANCELLED, &body),
        7..10 => fact(aggregate, version, REMINDER_FIRED, &fired(&id, 1)),
        10 => prefixed(aggregate, version, Some("?")),
        _ => fact(aggregate, version, PERSONAL_DATA_DELETED, &json!({})),
    };
    // Days pass, so that what fired is forgotten.
    fact.at_ms += version * 20_000_000;
    fact
}
