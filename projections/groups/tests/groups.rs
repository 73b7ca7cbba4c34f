//! Groups on the embedded log.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use miso_groups::{GroupError, Groups, consumer_group, credential};
use miso_log::catalogue::GATEWAY_EVENTS;
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::{Append, SharedLog};
use miso_model::SLOTS;
use tokio_util::sync::CancellationToken;

async fn open(dir: &Path) -> SharedLog {
    Arc::new(EmbeddedLog::open(EmbeddedConfig::new(dir.join("log.db"))).await.expect("the log opens"))
}

async fn start(log: &SharedLog, declared: &[(&str, &str)]) -> Arc<Groups> {
    let declared = declared.iter().map(|&(name, secret)| (name.to_owned(), secret.to_owned())).collect();
    Groups::start(Arc::clone(log), declared, CancellationToken::new()).await.expect("groups start")
}

fn name_of(groups: &Groups, credential: &str) -> Option<String> {
    groups.authenticate(credential).map(|group| group.name.clone())
}

#[tokio::test]
async fn a_group_that_was_added_is_there_after_a_restart_and_its_secret_is_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = open(dir.path()).await;
    let groups = start(&log, &[]).await;
    let music = groups.add("music", false).await.expect("added");
    assert!(matches!(groups.add("music", false).await, Err(GroupError::Exists(_))));
    let secret = music.rsplit('.').next().expect("a secret").to_owned();
    drop(groups);
    log.close().await;
    let bytes = std::fs::read(dir.path().join("log.db")).expect("the file");
    assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "only its hash is kept");

    let log = open(dir.path()).await;
    let groups = start(&log, &[]).await;
    assert_eq!(name_of(&groups, &music).as_deref(), Some("music"));
    assert_eq!(name_of(&groups, &format!("Bot {music}")).as_deref(), Some("music"));
    assert_eq!(name_of(&groups, &secret), None, "the bare secret is for declared groups");
    assert_eq!(name_of(&groups, &credential(7, "music", "another")), None);
    assert_eq!(name_of(&groups, &credential(7, "nobody", &secret)), None);
}

#[tokio::test]
async fn a_new_group_begins_with_the_events_from_now_on_in_every_partition() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = open(dir.path()).await;
    let groups = start(&log, &[]).await;
    let records = (0..SLOTS).map(|partition| Append::new(GATEWAY_EVENTS, partition, vec![1], 0)).collect();
    log.append(records).await.expect("appended");
    groups.add("latest", false).await.expect("added");
    groups.add("earliest", true).await.expect("added");
    for partition in 0..SLOTS {
        let bounds = log.bounds(GATEWAY_EVENTS, partition).await.expect("bounds");
        for (name, next) in [("latest", bounds.latest), ("earliest", bounds.earliest)] {
            let committed = log.committed(&consumer_group(name), GATEWAY_EVENTS, partition).await.expect("asked");
            assert_eq!(committed, Some(next), "{name} in partition {partition}");
        }
    }
}

#[tokio::test]
async fn declared_groups_are_made_once_and_their_bare_secret_is_a_credential() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = open(dir.path()).await;
    let groups = start(&log, &[("demo", "first.secret")]).await;
    assert_eq!(name_of(&groups, "first.secret").as_deref(), Some("demo"));
    assert_eq!(name_of(&groups, "Bot first.secret").as_deref(), Some("demo"));
    assert_eq!(name_of(&groups, &credential(1, "demo", "first.secret")).as_deref(), Some("demo"));
    assert_eq!(name_of(&groups, "first"), None);
    let created = groups.group("demo").expect("there").created_ms;
    drop(groups);
    // Another secret is declared: it counts, and the one before still does in its long form.
    let groups = start(&log, &[("demo", "second")]).await;
    assert_eq!(groups.group("demo").expect("there").created_ms, created);
    assert_eq!(name_of(&groups, "second").as_deref(), Some("demo"));
    assert_eq!(name_of(&groups, "first.secret"), None);
    assert_eq!(name_of(&groups, &credential(1, "demo", "first.secret")).as_deref(), Some("demo"));
}

#[tokio::test]
async fn a_rotated_secret_lets_the_one_before_live_until_the_next_rotation() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = open(dir.path()).await;
    let groups = start(&log, &[]).await;
    let first = groups.add("g", false).await.expect("added");
    let second = groups.rotate("g").await.expect("rotated");
    assert!(groups.authenticate(&first).is_some() && groups.authenticate(&second).is_some());
    let third = groups.rotate("g").await.expect("rotated");
    assert!(groups.authenticate(&first).is_none());
    assert!(groups.authenticate(&second).is_some() && groups.authenticate(&third).is_some());
    assert!(matches!(groups.rotate("none").await, Err(GroupError::Unknown(_))));
}

#[tokio::test]
async fn another_process_sees_a_removal_within_moments() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = open(dir.path()).await;
    let (one, other) = (start(&log, &[]).await, start(&log, &[]).await);
    let credential = one.add("g", false).await.expect("added");
    let mut changes = other.changes();
    let seen = changes.wait_for(|groups| groups.contains_key("g"));
    drop(tokio::time::timeout(Duration::from_secs(10), seen).await.expect("in time").expect("open"));
    assert!(other.authenticate(&credential).is_some());
    one.remove("g").await.expect("removed");
    let gone = changes.wait_for(|groups| !groups.contains_key("g"));
    drop(tokio::time::timeout(Duration::from_secs(10), gone).await.expect("in time").expect("open"));
    assert!(other.authenticate(&credential).is_none());
    assert!(matches!(one.remove("g").await, Err(GroupError::Unknown(_))));
    assert_eq!(one.list().len(), 0);
}

#[tokio::test]
async fn names_that_cannot_be_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = open(dir.path()).await;
    let groups = start(&log, &[]).await;
    for name in ["", "Upper", "with space", "slash/", &"x".repeat(41)] {
        assert!(matches!(groups.add(name, false).await, Err(GroupError::Name(_))), "{name:?}");
    }
    let refused = Groups::start(log, vec![("Bad Name".into(), "s".into())], CancellationToken::new()).await;
    assert!(matches!(refused, Err(GroupError::Name(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_declare_the_same_groups_at_once_all_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = open(dir.path()).await;
    let declared = [("one", "secret-of-one"), ("two", "secret-of-two"), ("three", "secret-of-three")];
    let starting = (0..16).map(|_| {
        let log = Arc::clone(&log);
        tokio::spawn(async move { start(&log, &declared).await })
    });
    for groups in starting.collect::<Vec<_>>() {
        let started = tokio::time::timeout(Duration::from_secs(30), groups).await;
        let groups = started.expect("it starts, whoever wrote last").expect("no panic");
        for (name, secret) in declared {
            assert_eq!(name_of(&groups, secret).as_deref(), Some(name));
        }
    }
}
