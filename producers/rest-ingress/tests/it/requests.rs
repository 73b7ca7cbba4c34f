//! Single requests, good and bad.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::rig::{PATIENCE, Rig, SECRET};

async fn rig() -> Rig {
    Rig::start(|_| {}).await
}

impl Rig {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let mut request =
            Client::new().request(method, self.url(path)).header("authorization", format!("Bot {SECRET}"));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        tokio::time::timeout(PATIENCE, request.send()).await.expect("in time").expect("an answer")
    }

    async fn say(&self, channel: u64, text: &str) -> Response {
        self.ask(Method::POST, &format!("/channels/{channel}/messages"), Some(json!({"content": text}))).await
    }
}

#[tokio::test]
async fn a_message_is_answered_as_discord_would() {
    let rig = rig().await;
    let answer = rig.say(rig.channels[0], "hello").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let headers = answer.headers().clone();
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["via"], "1.1 google");
    assert!(headers.contains_key("date"));
    for name in ["limit", "remaining", "reset", "reset-after", "bucket"] {
        assert!(headers.contains_key(format!("x-ratelimit-{name}")), "{name}");
    }
    assert_eq!(answer.json::<Value>().await.expect("json")["content"], "hello");
}

#[tokio::test]
async fn both_versions_are_served_and_a_204_has_no_body() {
    let rig = rig().await;
    let made: Value = rig.say(rig.channels[0], "a").await.json().await.expect("json");
    let path = format!("/channels/{}/messages/{}", rig.channels[0], made["id"].as_str().expect("id"));
    let url = rig.url(&path).replace("v10", "v9");
    let request = Client::new().delete(url).header("authorization", SECRET).header("x-audit-log-reason", "a/b c%20");
    let answer = request.send().await.expect("an answer");
    assert_eq!((answer.status(), answer.text().await.expect("text").len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(rig.received("DELETE", &path)[0]["reason"], "a/b c%20");
}

#[tokio::test]
async fn a_bodyless_put_passes() {
    let rig = rig().await;
    let made: Value = rig.say(rig.channels[0], "a").await.json().await.expect("json");
    let path = format!(
        "/channels/{}/messages/{}/reactions/%F0%9F%91%8D/@me",
        rig.channels[0],
        made["id"].as_str().expect("id")
    );
    let request = Client::new().put(rig.url(&path)).header("authorization", SECRET);
    let answer = request.header("content-type", "application/octet-stream").header("content-length", "0").send().await;
    assert_eq!(answer.expect("an answer").status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_wrong_credential_is_401_and_reaches_nobody() {
    let rig = rig().await;
    let path = format!("/channels/{}/messages", rig.channels[0]);
    for credential in [None, Some("Bot nonsense"), Some("Bot MTIz.ZGVtbw.wrong")] {
        let mut request = Client::new().post(rig.url(&path)).body("{\"content\":\"a\"}");
        if let Some(credential) = credential {
            request = request.header("authorization", credential);
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(answer.json::<Value>().await.expect("json")["message"], "401: Unauthorized");
    }
    assert!(rig.received("POST", &path).is_empty());
}

#[tokio::test]
async fn interactions_and_webhooks_with_a_token_need_no_credential() {
    let rig = rig().await;
    let asked = json!({"channel": rig.channels[0].to_string(), "user": rig.user.to_string()});
    let interaction = rig.order("POST", "interaction", asked);
    let path = format!(
        "/interactions/{}/{}/callback",
        interaction["id"].as_str().expect("id"),
        interaction["token"].as_str().expect("token")
    );
    let body = json!({"type": 4, "data": {"content": "pong"}});
    let answer = Client::new().post(rig.url(&path)).json(&body).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{}", answer.status());
    let hook: Value = rig
        .ask(Method::POST, &format!("/channels/{}/webhooks", rig.channels[0]), Some(json!({"name": "h"})))
        .await
        .json()
        .await
        .expect("json");
    let path =
        format!("/webhooks/{}/{}?wait=true", hook["id"].as_str().expect("id"), hook["token"].as_str().expect("token"));
    let answer = Client::new().post(rig.url(&path)).json(&json!({"content": "a"})).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let answer = Client::new().get(rig.url(path.split('?').next().expect("a path"))).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let answer = Client::new().get(rig.url("/webhooks/1")).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn gets_are_answered_here_or_through_the_sender() {
    let rig = rig().await;
    let json = |answer: Response| async move { answer.json::<Value>().await.expect("json") };
    let gateway = json(rig.ask(Method::GET, "/gateway/bot", None).await).await;
    assert_eq!((&gateway["url"], &gateway["shards"]), (&json!("ws://127.0.0.1:1"), &json!(1)));
    assert!(gateway["session_start_limit"]["max_concurrency"].is_u64());
    assert_eq!(json(rig.ask(Method::GET, "/gateway", None).await).await["url"], "ws://127.0.0.1:1");
    assert!(rig.received("GET", "/gateway/bot").is_empty());
    for _ in 0..3 {
        assert!(json(rig.ask(Method::GET, "/oauth2/applications/@me", None).await).await["id"].is_string());
        assert!(json(rig.ask(Method::GET, "/users/@me", None).await).await["id"].is_string());
    }
    assert_eq!(rig.received("GET", "/oauth2/applications/@me").len(), 1, "asked once, for all handlers");
    let channel = rig.ask(Method::GET, &format!("/channels/{}", rig.channels[0]), None).await;
    assert_eq!(channel.headers()["content-type"], "application/json");
    assert!(json(channel).await["id"].is_string());
    let missing = rig.ask(Method::GET, "/channels/1", None).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_413_naming_it_and_the_largest_passes() {
    let rig = rig().await;
    let path = format!("/channels/{}/messages", rig.channels[0]);
    let bound = miso_rest_ingress::MAX_BODY;
    let send = |bytes: usize, chunked: bool| {
        let body = vec![b' '; bytes];
        let body = if chunked {
            reqwest::Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(body)]))
        } else {
            body.into()
        };
        Client::new().post(rig.url(&path)).header("authorization", SECRET).body(body).send()
    };
    for chunked in [false, true] {
        let answer = send(bound + 1, chunked).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert!(answer.text().await.expect("text").contains(&bound.to_string()));
    }
    let answer = send(bound, false).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "Discord's own answer to blanks");
    assert_eq!(rig.received("POST", &path)[0]["body_bytes"], bound);
}

#[tokio::test]
async fn a_wait_beyond_the_groups_patience_is_a_complete_429_and_nothing_is_accepted() {
    let rig = rig().await;
    let path = format!("/channels/{}/messages", rig.channels[0]);
    rig.order("POST", "faults", json!({"route": &path, "kind": "user", "retry_after_ms": 60_000}));
    let waiting = {
        let request =
            Client::new().post(rig.url(&path)).header("authorization", SECRET).body("{\"content\":\"first\"}");
        tokio::spawn(async move { request.send().await })
    };
    rig.until("the 429", |rig| rig.received("POST", &path).len() == 1).await;
    let deadline = Instant::now() + PATIENCE;
    let answer = loop {
        let request =
            Client::new().post(rig.url(&path)).header("authorization", SECRET).body("{\"content\":\"second\"}");
        let answer = tokio::time::timeout(Duration::from_millis(500), request.send()).await;
        match answer {
            Ok(answer) => break answer.expect("an answer"),
            Err(_) => assert!(Instant::now() < deadline, "held although the wait is known"),
        }
    };
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = answer.headers()["retry-after"].to_str().expect("text").parse().expect("whole seconds");
    assert!((50..=61).contains(&wait), "{wait}");
    assert!(answer.headers().contains_key("via") && answer.headers().contains_key("x-ratelimit-bucket"));
    let body: Value = answer.json().await.expect("json");
    assert!(body["retry_after"].as_f64().expect("a number") > 50.0);
    waiting.abort();
}

#[tokio::test]
async fn an_action_whose_client_left_still_runs_and_its_retry_takes_the_result() {
    let rig = rig().await;
    let channel = rig.channels[0];
    let path = format!("/channels/{channel}/messages");
    rig.order("POST", "delay", json!({"min_ms": 600, "max_ms": 600}));
    let body = "{\"content\":\"patience\"}";
    let mut client = tokio::net::TcpStream::connect(rig.address).await.expect("connected");
    let head = format!(
        "POST /api/v10{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bot {SECRET}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    client.write_all(head.as_bytes()).await.expect("written");
    rig.until("the message", |rig| rig.said(channel).len() == 1).await;
    drop(client);
    let request = Client::new().post(rig.url(&path)).header("authorization", format!("Bot {SECRET}"));
    let answer = request.header("content-type", "application/json").body(body).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(rig.said(channel).len(), 1);
    assert_eq!(rig.received("POST", &path).len(), 1, "it was not even sent again");
}

#[tokio::test]
async fn an_idempotency_key_gives_the_first_result() {
    let rig = rig().await;
    let path = format!("/channels/{}/webhooks", rig.channels[0]);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let request =
            Client::new().post(rig.url(&path)).header("authorization", SECRET).header("idempotency-key", "k-1");
        let answer = request.json(&json!({"name": "h"})).send().await.expect("an answer");
        ids.push(answer.json::<Value>().await.expect("json")["id"].clone());
    }
    assert!(ids[0].is_string() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(rig.received("POST", &path).len(), 1);
}

#[tokio::test]
async fn an_unknown_effect_is_no_5xx() {
    let rig = rig().await;
    rig.order("POST", "faults", json!({"kind": "status", "status": 502, "stage": "after"}));
    let answer =
        rig.ask(Method::POST, &format!("/channels/{}/webhooks", rig.channels[0]), Some(json!({"name": "h"}))).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    assert!(answer.json::<Value>().await.expect("json")["message"].is_string());
}

#[tokio::test]
async fn with_the_log_closed_nothing_is_accepted_and_the_answer_says_when_to_come_back() {
    let mut rig = rig().await;
    rig.abort_sender().await;
    rig.log.close().await;
    let answer = rig.say(rig.channels[0], "a").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (&answer.headers()["retry-after"], &answer.headers()["content-type"]),
        (&"5".parse().expect("value"), &"application/json".parse().expect("value"))
    );
    let get = rig.ask(Method::GET, "/gateway", None).await;
    assert_eq!(get.status(), StatusCode::OK, "the process stays up");
}

#[tokio::test]
async fn malformed_requests_end_with_an_error_and_harm_nobody() {
    let rig = rig().await;
    for raw in [
        &b"\x00\x01\x02\r\n\r\n"[..],
        b"POST /api/v10/channels/1/messages HTTP/1.1\r\ncontent-length: abc\r\n\r\n",
        b"GET",
    ] {
        let mut client = tokio::net::TcpStream::connect(rig.address).await.expect("connected");
        client.write_all(raw).await.expect("written");
        client.shutdown().await.expect("shut");
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, client.read_to_end(&mut answer)).await.expect("in time");
    }
    let long = rig.ask(Method::POST, &format!("/{}", "x".repeat(4_000)), Some(json!({}))).await;
    assert_eq!(long.status(), StatusCode::NOT_FOUND);
    let request = Client::new()
        .post(rig.url("/channels/1/messages"))
        .header("authorization", SECRET)
        .header("idempotency-key", "x".repeat(300));
    assert_eq!(request.send().await.expect("an answer").status(), StatusCode::BAD_REQUEST);
    assert_eq!(rig.say(rig.channels[0], "still here").await.status(), StatusCode::OK);
}
