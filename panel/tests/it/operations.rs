//! Pages for operators, over a log with something in it.

use bytes::Bytes;
use miso_log::{Append, SharedLog, catalogue};
use miso_model::{
    Action, EventView, GuildId, Intent, LogRecord, Outcome, OutcomeKind, ParkedRecord, Snowflake, UserId, slot,
};
use serde_json::json;

use crate::browser::{Site, fields};
use crate::fake::{ANN, BOB};

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("fits")
}

/// A message's id, made now.
fn message() -> u64 {
    u64::try_from(now_ms() - Snowflake(0).created_ms()).expect("fits") << 22
}

/// A message that was received, one action that followed and was done, one whose fate is unknown, and one
/// record that was given up.
pub(crate) async fn fill(log: &SharedLog) -> u64 {
    let (id, now, guild) = (message(), now_ms(), GuildId(100));
    let d = json!({"id": id.to_string(), "content": "a secret", "author": {"id": "1", "username": "ann"}}).to_string();
    let event = EventView {
        shard: 0,
        shard_count: 1,
        session_id: "session",
        sequence: 5,
        epoch: 1,
        received_at_ms: now,
        event_type: "MESSAGE_CREATE",
        guild_id: Some(guild),
        channel_id: None,
        user_id: Some(UserId(1)),
        d: d.as_bytes(),
    };
    let mut records = vec![Append::new(catalogue::GATEWAY_EVENTS, slot(guild), event.encode(), now)];
    for (at, kind) in [OutcomeKind::Done, OutcomeKind::UnknownEffect].into_iter().enumerate() {
        let action_id = [u8::try_from(at).expect("small") + 1; 16];
        let body = Bytes::from_static(b"{\"content\":\"an answer\"}");
        let (mut action, route) =
            Action::new(action_id, "miso.commands", "POST", "/channels/111/messages", body, now + 3, None);
        action.cause = Some(event.id());
        let intent = Intent {
            action_id: action_id.to_vec().into(),
            action_offset: 0,
            interactions: false,
            attempt: 1,
            nonce: None,
            bucket: None,
            at_ms: now + 4,
        };
        let outcome = Outcome {
            action_id: action_id.to_vec().into(),
            action_offset: 0,
            interactions: false,
            kind,
            status: 200,
            reason: None,
            headers: Vec::new(),
            body: Bytes::new().into(),
            bucket: None,
            received_ms: now + 9,
        };
        records.push(Append::new(catalogue::REST_ACTIONS, route.partition, action.to_bytes(), now + 3));
        records.push(Append::new(catalogue::REST_LEDGER, route.partition, intent.to_bytes(), now + 4));
        records.push(Append::new(catalogue::REST_LEDGER, route.partition, outcome.to_bytes(), now + 9));
    }
    let parked = ParkedRecord {
        group: "miso.events".to_owned(),
        topic: "gateway.events".to_owned(),
        partition: slot(guild),
        offset: 0,
        error_class: "malformed_payload".to_owned(),
        error: "at line 1".to_owned(),
        attempts: 1,
        value: Bytes::from_static(b"{}").into(),
        at_ms: now,
    };
    records.push(Append::new(catalogue::PARKED, 0, parked.to_bytes(), now));
    log.append(records).await.expect("appends");
    id
}

#[tokio::test]
async fn operators_see_what_the_log_holds_and_others_nothing() {
    let (site, log) = Site::operated().await;
    let id = fill(&log).await;
    let mut ann = site.as_user(ANN).await;
    let mut see = async |path: &str, wanted: &[&str]| {
        let page = ann.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        for words in wanted {
            assert!(page.text.contains(words), "{path} says nothing of {words}: {}", page.text);
        }
        assert!(!page.text.contains("a secret"), "{path} shows what people wrote");
    };
    see("/ops/topics", &["gateway.events", "every dispatch"]).await;
    see(
        "/ops/topics/gateway.events",
        &["<strong>1</strong> records in the last minute", "MESSAGE_CREATE", "can all be read"],
    )
    .await;
    see("/ops/actions", &["POST /channels/{channel}/messages", "it is not known whether Discord did these"]).await;
    see("/ops/actions?fate=unknown&minutes=60", &["<strong>1</strong> unknown"]).await;
    see("/ops/parked", &["malformed_payload", "gateway.events"]).await;
    see("/ops/tail?topic=rest.actions&contains=channel", &["miso tail rest.actions", "‹"]).await;
    see("/ops/shards", &["No shard has connected yet."]).await;
    see("/ops/replays", &["No operator has done any of that yet."]).await;
    see(
        &format!("/ops/trace/{id}"),
        &[
            "MESSAGE_CREATE received by shard 0",
            "asked of the sender by miso.commands",
            "Discord answered 200",
            "+9 ms",
        ],
    )
    .await;
    let mut bob = site.as_user(BOB).await;
    for (path, ..) in [("/ops/topics",), ("/ops/tail",), ("/ops/handlers/new",), ("/ops/trace",), ("/ops/actions",)] {
        assert_eq!(bob.get(path).await.status, 403, "{path}");
    }
    for unknown in ["/ops/topics/nothing", "/ops/tail?topic=nothing", "/ops/groups/nothing", "/ops/nothing"] {
        assert_eq!(site.as_user(ANN).await.get(unknown).await.status, 404, "{unknown}");
    }
}

#[tokio::test]
async fn what_people_wrote_is_revealed_only_once_it_is_kept_that_somebody_looked() {
    let (site, log) = Site::operated().await;
    fill(&log).await;
    let mut ann = site.as_user(ANN).await;
    let page = ann.get("/ops/tail").await;
    assert!(page.text.contains("‹8 characters›") && !page.text.contains("a secret"), "{}", page.text);
    let csrf = ann.csrf().await;
    let page = ann.post("/ops/tail", &fields(&[("_csrf", &csrf), ("topic", "gateway.events"), ("count", "20")])).await;
    assert!(page.text.contains("a secret") && page.text.contains("That you looked is kept."), "{}", page.text);
    let acts = ann.get("/ops/replays").await;
    assert!(acts.text.contains("ContentRevealed") && acts.text.contains("user/1"), "{}", acts.text);
    let mut bob = site.as_user(BOB).await;
    let csrf = bob.csrf().await;
    assert_eq!(bob.post("/ops/tail", &fields(&[("_csrf", &csrf), ("topic", "gateway.events")])).await.status, 403);
}

#[tokio::test]
async fn a_handler_group_is_made_with_lines_to_copy_and_its_secret_is_rotated() {
    let (site, _log) = Site::operated().await;
    let mut ann = site.as_user(ANN).await;
    let csrf = ann.csrf().await;
    let page = ann.post("/ops/handlers/new", &fields(&[("_csrf", &csrf), ("name", "No Good")])).await;
    assert!(page.text.contains("No group was made.") && page.text.contains("value=\"No Good\""), "{}", page.text);
    let page = ann.post("/ops/handlers/new", &fields(&[("_csrf", &csrf), ("name", "music")])).await;
    assert!(page.text.contains("It is shown once") && page.text.contains("discord.py"), "{}", page.text);
    assert!(page.text.contains("http://127.0.0.1:8080/api/v10"), "{}", page.text);
    let light = ann.get("/ops/handlers/music/light").await;
    assert!(light.text.contains("Waiting for a handler"), "{}", light.text);
    assert!(ann.get("/ops/groups").await.text.contains("/ops/groups/miso.proxy.music"));
    let page = ann.get("/ops/groups/miso.proxy.music").await;
    assert!(page.text.contains("1 secret is") && page.text.contains("None is connected"), "{}", page.text);
    let page = ann.post("/ops/groups/miso.proxy.music/rotate", &fields(&[("_csrf", &csrf)])).await;
    assert!(page.text.contains("2 secrets are") && page.text.contains("It is shown once"), "{}", page.text);
    for (path, status) in [("/ops/groups/miso.events/rotate", 404), ("/ops/groups/miso.proxy.none/rotate", 409)] {
        assert_eq!(ann.post(path, &fields(&[("_csrf", &csrf)])).await.status, status, "{path}");
    }
    let mut bob = site.as_user(BOB).await;
    let csrf = bob.csrf().await;
    assert_eq!(bob.post("/ops/handlers/new", &fields(&[("_csrf", &csrf), ("name", "x")])).await.status, 403);
}

#[tokio::test]
async fn the_pipeline_of_a_message_stands_beside_the_playground() {
    let (site, log) = Site::operated().await;
    let id = fill(&log).await;
    let mut ann = site.as_user(ANN).await;
    let page = ann.get(&format!("/play/trace?message={id}")).await;
    assert!(page.text.contains("+9 ms") && page.text.contains("/ops/tail?topic=rest.ledger"), "{}", page.text);
    let page = site.as_user(BOB).await.get(&format!("/play/trace?message={id}")).await;
    assert!(page.text.contains("+9 ms") && !page.text.contains("/ops/"), "who operates nothing gets no links");
    let nothing = ann.get("/play/trace?message=5").await;
    assert!(nothing.text.contains("No event of this id"), "{}", nothing.text);
    site.fake.world().said.push(json!({"content": "hi", "user": "1"}));
    assert!(ann.get("/play?channel=111&as=1").await.text.contains("/play/trace?message="));
}

#[tokio::test]
async fn a_link_is_tried_and_what_is_behind_it_is_shown_or_why_not() {
    let (site, _log) = Site::operated().await;
    let mut ann = site.as_user(ANN).await;
    let page = ann.get("/g/100/embeds").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("1 of 2 ways work") && page.text.contains("bluesky"), "{}", page.text);
    let page = ann.get("/g/100/embeds?try=https%3A%2F%2Fx.example%2F1").await;
    assert!(
        page.text.contains("<strong>hello</strong>") && page.text.contains("Video, 720 × 1280, 9 s, 3.4 MB"),
        "{}",
        page.text
    );
    assert!(page.text.contains("&lt;b&gt;Ada&lt;/b&gt;") && !page.text.contains("<script>alert"), "{}", page.text);
    for (link, says) in [
        ("http%3A%2F%2F127.0.0.1%2F", "not one that may be fetched"),
        ("https%3A%2F%2Fx.example%2F2", "this post is gone"),
    ] {
        assert!(ann.get(&format!("/g/100/embeds?try={link}")).await.text.contains(says), "{link}");
    }
    let without = Site::start().await;
    let page = without.as_user(ANN).await.get("/g/100/embeds").await;
    assert!(page.text.contains("Links cannot be looked up here"), "{}", page.text);
}
