use std::time::Duration;

use miso_bot_store::{BotStore, PrepareError, ProjectError, SCHEMA_VERSION, Statement, read_facts};
use miso_log::catalogue::AGGREGATES;
use miso_model::Aggregate;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use crate::engines::engines;
use crate::given::{GUILD, append, builds, dump, facts, log, prefixed};

#[tokio::test]
async fn rebuilt_from_zero_the_tables_are_the_same() {
    for engine in engines().await {
        for seed in 0..8 {
            let folder = tempfile::tempdir().expect("folder");
            let log = log(&folder).await;
            let bot = BotStore::prepare(engine.store.clone(), &log, builds()).await.expect("prepares");
            bot.rebuild(&log, builds()(), SCHEMA_VERSION).await.expect("a fresh start");
            let mut random = StdRng::seed_from_u64(seed);
            let mut positions = vec![0; AGGREGATES as usize];
            for fact in facts(seed, 400) {
                append(&log, &fact).await;
                // Sometimes it falls behind and catches up later.
                if random.random_bool(0.5) {
                    let partition = fact.aggregate.parse::<Aggregate>().expect("reads").partition(AGGREGATES);
                    let at = &mut positions[partition as usize];
                    *at = bot.catch_up(&log, partition, *at).await.expect("catches up");
                }
            }
            for partition in 0..AGGREGATES {
                bot.catch_up(&log, partition, positions[partition as usize]).await.expect("catches up");
            }
            let before = dump(&*engine.store).await;
            for (table, rows) in &before {
                assert!(!rows.is_empty(), "seed {seed}: the facts reached {table}");
            }
            bot.rebuild(&log, builds()(), SCHEMA_VERSION).await.expect("rebuilds");
            for (before, after) in before.iter().zip(dump(&*engine.store).await) {
                assert_eq!(*before, after, "{} seed {seed}", engine.name);
            }
        }
    }
}

#[tokio::test]
async fn an_older_store_is_built_anew_beside_and_a_newer_one_is_refused() {
    for engine in engines().await {
        let folder = tempfile::tempdir().expect("folder");
        let log = log(&folder).await;
        append(&log, &prefixed(GUILD, 1, Some("!"))).await;
        // What an older version left: other columns under the same names, and a build that died.
        let old = [
            "create table store_meta (name text not null, value text not null, primary key (name))",
            "insert into store_meta (name, value) values ('schema_version', '1')",
            "insert into store_meta (name, value) values ('build/77', 'building')",
            "create table build_77_positions (partition bigint)",
            "create table guild_settings (old text)",
            "create table aggregates (old text)",
        ];
        engine.store.transact(old.map(|sql| Statement::new(sql, vec![])).into()).await.expect("old tables");
        let bot = BotStore::prepare(engine.store.clone(), &log, builds()).await.expect("prepares");
        let state = bot.aggregate("guild/1000").await.expect("reads");
        assert_eq!(state.settings["general"]["values"], json!({"prefix": "!"}));
        for gone in ["build_77_positions", "guild_settings"] {
            assert!(engine.store.query(&format!("select * from {gone}"), vec![]).await.is_err(), "{gone}");
        }
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
        append(&log, &prefixed(GUILD, 1, Some("!"))).await;
        let both = [(); 2].map(|()| BotStore::prepare(engine.store.clone(), &log, builds()));
        let [a, b] = both;
        let (a, b) = tokio::join!(a, b);
        for bot in [a, b] {
            let bot = bot.unwrap_or_else(|error| panic!("{}: {error}", engine.name));
            assert_eq!(bot.aggregate("guild/1000").await.expect("reads").version, 1);
        }
    }
}

#[tokio::test]
async fn facts_are_projected_once_whoever_projects() {
    for engine in engines().await {
        let folder = tempfile::tempdir().expect("folder");
        let log = log(&folder).await;
        let bot = BotStore::prepare(engine.store.clone(), &log, builds()).await.expect("prepares");
        let partition = GUILD.partition(AGGREGATES);
        let change = prefixed(GUILD, 1, Some("!"));
        let offset = append(&log, &change).await;
        let read = read_facts(&log, partition, 0, offset + 1).await.expect("reads");
        assert_eq!(read, [(offset, change)]);
        assert_eq!(bot.project(partition, 0, &read).await, Ok(offset + 1));
        assert_eq!(bot.project(partition, 0, &read).await, Err(ProjectError::Moved(partition)), "{}", engine.name);
        assert_eq!(bot.position(partition).await, Ok(offset + 1));
        let asked = [("guild/1000", "guild/1000:1"), ("guild/1000", "another"), ("guild/2000", "guild/1000:1")];
        let known = bot.executions(&asked).await.expect("reads");
        let execution = &known[&("guild/1000".to_owned(), "guild/1000:1".to_owned())];
        assert_eq!((execution.status, execution.next, execution.answer.as_str()), (200, offset + 1, "{\"version\":1}"));
        assert_eq!(known.len(), 1, "{}", engine.name);
        assert_eq!(bot.aggregate("guild/2000").await.expect("reads").version, 0);
        let states = bot.aggregates(&["guild/1000", "guild/2000"]).await.expect("reads");
        assert_eq!((states.len(), states["guild/1000"].version), (1, 1));
    }
}

#[tokio::test]
async fn a_reader_waits_for_a_position_and_gives_up_in_time() {
    for engine in engines().await {
        let folder = tempfile::tempdir().expect("folder");
        let log = log(&folder).await;
        let bot = BotStore::prepare(engine.store.clone(), &log, builds()).await.expect("prepares");
        let partition = GUILD.partition(AGGREGATES);
        let offset = append(&log, &prefixed(GUILD, 1, Some("!"))).await;
        assert_eq!(bot.wait_for(partition, offset + 1, Duration::from_millis(50)).await, Ok(false));
        let waiting = bot.wait_for(partition, offset + 1, Duration::from_secs(10));
        let projecting = bot.catch_up(&log, partition, 0);
        let (waited, projected) = tokio::join!(waiting, projecting);
        assert_eq!((waited, projected.expect("projects")), (Ok(true), offset + 1), "{}", engine.name);
    }
}
