use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use miso_bot_store::{
    BotStore, PrepareError, ProjectError, Row, SETTINGS_CHANGED, SettingsChanged, Statement, Store, read_facts,
};
use miso_log::catalogue::{AGGREGATES, BOT_FACTS};
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::{Append, SharedLog};
use miso_model::{Aggregate, Fact, GuildId, LogRecord};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use crate::engines::engines;

fn builds() -> impl Fn() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    || NEXT.fetch_add(1, Ordering::Relaxed)
}

async fn log(folder: &tempfile::TempDir) -> SharedLog {
    let config = EmbeddedConfig::new(folder.path().join("log.db"));
    Arc::new(EmbeddedLog::open(config).await.expect("log opens"))
}

fn fact(aggregate: Aggregate, version: i64, prefix: Option<&str>) -> Fact {
    let settings = match prefix {
        Some(prefix) => json!({"prefix": prefix}),
        None => json!({}),
    };
    let object = |json: serde_json::Value| json.as_object().cloned().expect("object");
    let changed = SettingsChanged {
        before: object(json!({"prefix": null})),
        after: object(json!({"prefix": prefix})),
        settings: object(settings),
    };
    Fact {
        aggregate: aggregate.to_string(),
        version,
        kind: SETTINGS_CHANGED.to_owned(),
        request_id: format!("{aggregate}:{version}"),
        actor: "user/1".to_owned(),
        body: serde_json::to_vec(&changed).expect("json").into(),
        answer: format!("{{\"version\":{version}}}").into_bytes().into(),
        status: 200,
        at_ms: 1_000 + version,
    }
}

async fn append(log: &SharedLog, aggregate: Aggregate, fact: &Fact) -> i64 {
    let record = Append::new(BOT_FACTS, aggregate.partition(AGGREGATES), fact.to_bytes(), fact.at_ms);
    log.append(vec![record]).await.expect("appends")[0]
}

/// All rows of all tables.
async fn dump(store: &dyn Store) -> Vec<Vec<Row>> {
    let mut tables = Vec::new();
    for sql in [
        "select aggregate, version, settings from aggregates order by aggregate",
        "select guild_id, prefix from guild_settings order by guild_id",
        "select request_id, aggregate, status, answer, partition, next, at_ms from executions order by request_id",
        "select partition, next, schema_version from positions order by partition",
    ] {
        tables.push(store.query(sql, vec![]).await.expect("reads"));
    }
    tables
}

/// Random facts of a few aggregates; some take the prefix back.
fn facts(seed: u64, count: usize) -> Vec<(Aggregate, Fact)> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut versions = [0; 7];
    (0..count)
        .map(|_| {
            let index = random.random_range(0..versions.len());
            versions[index] += 1;
            let id = 1_000 + index as u64;
            let aggregate =
                if index < 5 { Aggregate::Guild(GuildId(id)) } else { Aggregate::User(miso_model::UserId(id)) };
            let prefix = format!("p{}", random.random_range(0..100));
            let prefix = random.random_bool(0.8).then_some(prefix.as_str());
            let mut fact = fact(aggregate, versions[index], prefix);
            if random.random_bool(0.1) {
                fact.kind = "SomethingNewer".to_owned();
            }
            (aggregate, fact)
        })
        .collect()
}

#[tokio::test]
async fn rebuilt_from_zero_the_tables_are_the_same() {
    for engine in engines().await {
        for seed in 0..5 {
            let folder = tempfile::tempdir().expect("folder");
            let log = log(&folder).await;
            let bot = BotStore::prepare(engine.store.clone(), &log, builds()).await.expect("prepares");
            bot.rebuild(&log, builds()(), miso_bot_store::SCHEMA_VERSION).await.expect("a fresh start");
            let mut random = StdRng::seed_from_u64(seed);
            let mut positions = vec![0; AGGREGATES as usize];
            for (aggregate, fact) in facts(seed, 60) {
                append(&log, aggregate, &fact).await;
                // Sometimes it falls behind and catches up later.
                if random.random_bool(0.7) {
                    let partition = aggregate.partition(AGGREGATES);
                    let at = &mut positions[partition as usize];
                    *at = bot.catch_up(&log, partition, *at).await.expect("catches up");
                }
            }
            for partition in 0..AGGREGATES {
                bot.catch_up(&log, partition, positions[partition as usize]).await.expect("catches up");
            }
            let before = dump(&*engine.store).await;
            assert!(before[0].len() > 3 && before[2].len() == 60, "seed {seed}: the facts struck");
            bot.rebuild(&log, builds()(), miso_bot_store::SCHEMA_VERSION).await.expect("rebuilds");
            assert_eq!(dump(&*engine.store).await, before, "{} seed {seed}", engine.name);
        }
    }
}

#[tokio::test]
async fn an_older_store_is_built_anew_beside_and_a_newer_one_is_refused() {
    for engine in engines().await {
        let folder = tempfile::tempdir().expect("folder");
        let log = log(&folder).await;
        let guild = Aggregate::Guild(GuildId(1_000));
        append(&log, guild, &fact(guild, 1, Some("!"))).await;
        // What an older version left: other columns under the same names, and a build that died.
        let old = [
            "create table store_meta (name text not null, value text not null, primary key (name))",
            "insert into store_meta (name, value) values ('schema_version', '0')",
            "insert into store_meta (name, value) values ('build/77', 'building')",
            "create table build_77_positions (partition bigint)",
            "create table guild_settings (old text)",
        ];
        engine.store.transact(old.map(|sql| Statement::new(sql, vec![])).into()).await.expect("old tables");
        let bot = BotStore::prepare(engine.store.clone(), &log, builds()).await.expect("prepares");
        assert_eq!(bot.guild_settings(GuildId(1_000)).await.expect("reads").prefix.as_deref(), Some("!"));
        assert!(engine.store.query("select * from build_77_positions", vec![]).await.is_err(), "swept");
        let newer = Statement::new("update store_meta set value = '999' where name = 'schema_version'", vec![]);
        engine.store.execute(newer).await.expect("writes");
        let refused = BotStore::prepare(engine.store.clone(), &log, builds()).await;
        assert!(matches!(refused, Err(PrepareError::Newer { found: 999 })), "{}", engine.name);
    }
}

#[tokio::test]
async fn two_processes_that_prepare_at_once_both_end_ready() {
    for engine in engines().await {
        let folder = tempfile::tempdir().expect("folder");
        let log = log(&folder).await;
        let guild = Aggregate::Guild(GuildId(1_000));
        append(&log, guild, &fact(guild, 1, Some("!"))).await;
        let both = [(); 2].map(|()| BotStore::prepare(engine.store.clone(), &log, builds()));
        let [a, b] = both;
        let (a, b) = tokio::join!(a, b);
        for bot in [a, b] {
            let bot = bot.unwrap_or_else(|error| panic!("{}: {error}", engine.name));
            assert_eq!(bot.guild_settings(GuildId(1_000)).await.expect("reads").version, 1);
        }
    }
}

#[tokio::test]
async fn facts_are_projected_once_whoever_projects() {
    for engine in engines().await {
        let folder = tempfile::tempdir().expect("folder");
        let log = log(&folder).await;
        let bot = BotStore::prepare(engine.store.clone(), &log, builds()).await.expect("prepares");
        let guild = Aggregate::Guild(GuildId(1_000));
        let partition = guild.partition(AGGREGATES);
        let change = fact(guild, 1, Some("!"));
        let offset = append(&log, guild, &change).await;
        let read = read_facts(&log, partition, 0, offset + 1).await.expect("reads");
        assert_eq!(read, [(offset, change)]);
        assert_eq!(bot.project(partition, 0, &read).await, Ok(offset + 1));
        assert_eq!(bot.project(partition, 0, &read).await, Err(ProjectError::Moved(partition)), "{}", engine.name);
        assert_eq!(bot.position(partition).await, Ok(offset + 1));
        let execution = bot.execution("guild/1000", "guild/1000:1").await.expect("reads").expect("executed");
        assert_eq!((execution.status, execution.next, execution.answer.as_str()), (200, offset + 1, "{\"version\":1}"));
        assert_eq!(bot.execution("guild/1000", "another").await, Ok(None));
        assert_eq!(bot.execution("guild/2000", "guild/1000:1").await, Ok(None));
        assert_eq!(bot.aggregate("guild/1000").await.expect("reads").settings["prefix"], json!("!"));
        assert_eq!(bot.aggregate("guild/2000").await.expect("reads").version, 0);
    }
}

#[tokio::test]
async fn a_reader_waits_for_a_position_and_gives_up_in_time() {
    for engine in engines().await {
        let folder = tempfile::tempdir().expect("folder");
        let log = log(&folder).await;
        let bot = BotStore::prepare(engine.store.clone(), &log, builds()).await.expect("prepares");
        let guild = Aggregate::Guild(GuildId(1_000));
        let partition = guild.partition(AGGREGATES);
        let offset = append(&log, guild, &fact(guild, 1, Some("!"))).await;
        assert_eq!(bot.wait_for(partition, offset + 1, Duration::from_millis(50)).await, Ok(false));
        let waiting = bot.wait_for(partition, offset + 1, Duration::from_secs(10));
        let projecting = bot.catch_up(&log, partition, 0);
        let (waited, projected) = tokio::join!(waiting, projecting);
        assert_eq!((waited, projected.expect("projects")), (Ok(true), offset + 1), "{}", engine.name);
    }
}
