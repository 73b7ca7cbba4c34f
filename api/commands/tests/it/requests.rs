use std::time::Duration;

use miso_commands_api::{CHANGE_SETTINGS, CommandsConfig, GROUP};
use miso_log::catalogue::{AGGREGATES, BOT_FACTS, BOT_REQUESTS, BOT_SETTINGS, PARKED};
use miso_log::{Append, SharedLog, Topic};
use miso_model::{Aggregate, Fact, GuildId, LogRecord, ParkedRecord, Request, Setting};
use miso_settings::Settings;
use serde_json::json;

use crate::http::{general, json_of, prefix, settings};
use crate::setup::{PATIENCE, World, now_ms};

/// All values of a topic.
pub(crate) async fn all(log: &SharedLog, topic: Topic) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    for partition in 0..topic.partitions {
        let bounds = log.bounds(topic, partition).await.expect("bounds");
        let mut reader = log.reader(topic, &[(partition, bounds.earliest)]);
        while let Some(batch) = reader.next_before(&[(partition, bounds.latest)]).await.expect("reads") {
            values.extend(batch.iter().filter_map(|record| record.value.as_ref().map(|value| value.to_vec())));
        }
    }
    values
}

async fn facts(log: &SharedLog) -> Vec<Fact> {
    all(log, BOT_FACTS).await.iter().map(|value| Fact::from_bytes(value).expect("reads")).collect()
}

#[tokio::test]
async fn a_change_is_a_fact_a_setting_a_row_and_takes_effect_once_however_often_it_is_sent() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    for _ in 0..3 {
        let (status, document) = json_of(prefix(&instance, "same", 7, "?").await.expect("answers")).await;
        assert_eq!((status.as_u16(), &document["colour"]), (200, &json!("success")));
    }
    let (_, other) = json_of(prefix(&instance, "other", 7, "!").await.expect("answers")).await;
    assert!(other["text"].as_str().expect("text").contains("`!`"));
    // A late repeat of the first does not take effect again, whatever it says.
    let (_, repeat) = json_of(prefix(&instance, "same", 7, "%").await.expect("answers")).await;
    assert!(repeat["text"].as_str().expect("text").contains("`?`"), "the old answer: {repeat}");
    let (_, elsewhere) = json_of(prefix(&instance, "same", 8, "%").await.expect("answers")).await;
    assert!(elsewhere["text"].as_str().expect("text").contains("`%`"), "ids are an aggregate's own: {elsewhere}");
    assert_eq!(general(&instance, 7).await, (json!("!"), 2));
    let facts = facts(&world.log).await;
    let seen: Vec<_> = facts
        .iter()
        .filter(|fact| fact.aggregate == "guild/7")
        .map(|fact| (fact.request_id.as_str(), fact.version, fact.actor.as_str()))
        .collect();
    assert!(["guild/7", "guild/8"].iter().all(|of| facts.iter().any(|fact| fact.aggregate == *of)));
    assert_eq!(seen, [("same", 1, "user/42"), ("other", 2, "user/42")]);
    let latest = all(&world.log, BOT_SETTINGS).await;
    let latest: Vec<Setting> = latest.iter().map(|value| Setting::from_bytes(value).expect("reads")).collect();
    assert!(
        latest.iter().any(|latest| latest.version == 2
            && Settings::read(&latest.json).text("general", "prefix").as_deref() == Some("!"))
    );
    instance.stop().await;
}

#[tokio::test]
async fn two_instances_over_one_log_answer_each_others_requests() {
    let world = World::new().await;
    let first = world.instance(CommandsConfig::default()).await;
    let second = world.instance(CommandsConfig::default()).await;
    for guild in 1..=24_u64 {
        let instance = if guild % 2 == 0 { &first } else { &second };
        let (status, body) = json_of(prefix(instance, &format!("r{guild}"), guild, "?").await.expect("answers")).await;
        assert_eq!(status.as_u16(), 200, "{body}");
    }
    for guild in 1..=24_u64 {
        assert_eq!(settings(&first, guild).await, settings(&second, guild).await);
        assert_eq!(general(&first, guild).await, (json!("?"), 1));
    }
    // One leaves: the other decides for all.
    first.stop().await;
    for guild in 1..=24_u64 {
        let response = prefix(&second, &format!("s{guild}"), guild, "!").await.expect("answers");
        assert_eq!(response.status().as_u16(), 200);
    }
    assert_eq!(facts(&world.log).await.len(), 48);
    second.stop().await;
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_parked_and_holds_nobody_up() {
    let world = World::new().await;
    let partition = Aggregate::Guild(GuildId(7)).partition(AGGREGATES);
    let broken = Append::new(BOT_REQUESTS, partition, b"broken".to_vec(), now_ms());
    world.log.append(vec![broken]).await.expect("appends");
    let instance = world.instance(CommandsConfig::default()).await;
    let (status, _) = json_of(prefix(&instance, "a", 7, "?").await.expect("answers")).await;
    assert_eq!(status.as_u16(), 200);
    let parked = all(&world.log, PARKED).await;
    let parked = ParkedRecord::from_bytes(&parked[0]).expect("reads");
    assert_eq!(
        (parked.group.as_str(), parked.topic.as_str(), parked.error_class.as_str()),
        (GROUP, "bot.requests", "malformed_record")
    );
    assert_eq!(&*parked.value, b"broken");
    instance.stop().await;
}

#[tokio::test]
async fn facts_that_the_store_missed_are_projected_before_anything_is_decided() {
    let world = World::new().await;
    let first = world.instance(CommandsConfig::default()).await;
    prefix(&first, "a", 7, "?").await.expect("answers");
    first.stop().await;
    // As if the process had died between the log's transaction and the store's: the store knows of
    // nothing, the log does.
    for table in ["aggregates", "audit", "executions"] {
        let sql = format!("delete from {table}");
        world.store.execute(miso_bot_store::Statement::new(sql, vec![])).await.expect("deletes");
    }
    world.store.execute(miso_bot_store::Statement::new("update positions set next = 0", vec![])).await.expect("resets");
    let second = world.instance(CommandsConfig::default()).await;
    let (_, document) = json_of(prefix(&second, "a", 7, "?").await.expect("answers")).await;
    assert_eq!(document["colour"], json!("success"), "the old answer");
    prefix(&second, "b", 7, "!").await.expect("answers");
    assert_eq!(general(&second, 7).await, (json!("!"), 2));
    let versions: Vec<i64> = facts(&world.log).await.iter().map(|fact| fact.version).collect();
    assert_eq!(versions, [1, 2]);
    second.stop().await;
}

#[tokio::test]
async fn requests_that_waited_for_a_decider_are_decided_in_order() {
    let world = World::new().await;
    let aggregate = Aggregate::Guild(GuildId(7));
    let requests: Vec<Append> = (0..600)
        .map(|n| {
            let request = Request {
                // Every third comes twice.
                request_id: format!("r{}", n - n % 3 / 2),
                aggregate: aggregate.to_string(),
                kind: CHANGE_SETTINGS.to_owned(),
                expected_version: None,
                actor: "operator".to_owned(),
                body: json!({"module": "general", "set": {"prefix": format!("p{n}")}}).to_string().into(),
                at_ms: now_ms(),
            };
            Append::new(BOT_REQUESTS, aggregate.partition(AGGREGATES), request.to_bytes(), request.at_ms)
        })
        .collect();
    world.log.append(requests).await.expect("appends");
    let instance = world.instance(CommandsConfig::default()).await;
    let decided = async {
        while general(&instance, 7).await.1 != 400 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, decided).await.expect("in time");
    let facts = facts(&world.log).await;
    assert!(facts.iter().zip(1..).all(|(fact, version)| fact.version == version));
    assert_eq!(general(&instance, 7).await.0, json!("p598"));
    instance.stop().await;
}
