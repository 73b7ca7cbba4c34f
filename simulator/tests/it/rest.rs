//! REST's promises.

use miso_simulator::{Running, SimulatorConfig};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::client::{Client, journal, order, place, quick, start};

/// A REST client with the bot's token.
struct Rest {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Rest {
    fn new(simulator: &Running) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: format!("{}/v10", simulator.api_url()),
            token: simulator.token().to_owned(),
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).header("authorization", format!("Bot {}", self.token))
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let response = self.request(method, path).json(&body).send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.request(Method::GET, path).send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn unlimited() -> SimulatorConfig {
    SimulatorConfig { bucket_limits: false, ..quick() }
}

#[tokio::test]
async fn what_a_library_asks_at_login_is_there_in_both_versions() {
    let simulator = start(unlimited()).await;
    let mut rest = Rest::new(&simulator);
    for version in ["v10", "v9"] {
        rest.base = format!("{}/{version}", simulator.api_url());
        for path in ["/users/@me", "/applications/@me", "/oauth2/applications/@me", "/users/@me/guilds"] {
            assert_eq!(rest.get(path).await.0, 200, "{path}");
        }
        let (_, gateway) = rest.get("/gateway/bot").await;
        assert_eq!(gateway["url"], simulator.gateway_url());
        assert_eq!(gateway["session_start_limit"]["max_concurrency"], 1);
    }
    let response = rest.request(Method::GET, "/gateway").send().await.unwrap();
    assert_eq!(header(&response, "content-type"), "application/json");
    assert!(!header(&response, "date").is_empty() && !header(&response, "via").is_empty());
    simulator.shutdown().await;
}

#[tokio::test]
async fn unknown_routes_wrong_methods_and_wrong_tokens_are_refused_as_discord_does() {
    let simulator = start(unlimited()).await;
    let mut rest = Rest::new(&simulator);
    assert_eq!(rest.get("/nothing").await, (404, json!({"message": "404: Not Found", "code": 0})));
    assert_eq!(rest.call(Method::PUT, "/users/@me", json!({})).await.0, 405);
    assert_eq!(rest.get("/channels/5").await, (404, json!({"message": "Unknown Channel", "code": 10003})));
    rest.token = "nobody".to_owned();
    assert_eq!(rest.get("/users/@me").await, (401, json!({"message": "401: Unauthorized", "code": 0})));
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_message_is_created_echoed_edited_reacted_to_and_deleted() {
    let simulator = start(unlimited()).await;
    let (guild, channel, _, _) = place(&simulator).await;
    let rest = Rest::new(&simulator);
    let (mut client, _) = Client::ready(&simulator).await;
    let path = format!("/channels/{channel}/messages");
    let (status, message) = rest.call(Method::POST, &path, json!({"content": "hello", "nonce": "n1"})).await;
    assert_eq!((status, &message["nonce"]), (200, &json!("n1")));
    let event = client.event("MESSAGE_CREATE").await;
    assert_eq!(
        (&event["d"]["nonce"], &event["d"]["guild_id"], &event["d"]["id"]),
        (&json!("n1"), &json!(guild), &message["id"])
    );
    assert!(event["d"]["member"].is_object());
    let one = format!("{path}/{}", message["id"].as_str().unwrap());
    assert_eq!(rest.call(Method::PATCH, &one, json!({"content": "changed"})).await.1["content"], "changed");
    assert_eq!(client.payload().await["t"], "MESSAGE_UPDATE");
    let reaction = format!("{one}/reactions/%F0%9F%8D%9C/@me");
    assert_eq!(rest.request(Method::PUT, &reaction).send().await.unwrap().status(), 204);
    assert_eq!(client.payload().await["t"], "MESSAGE_REACTION_ADD");
    assert_eq!(rest.get(&one).await.1["reactions"][0]["count"], 1);
    assert_eq!(rest.request(Method::DELETE, &reaction).send().await.unwrap().status(), 204);
    assert_eq!(client.payload().await["t"], "MESSAGE_REACTION_REMOVE");
    assert_eq!(rest.request(Method::DELETE, &one).send().await.unwrap().status(), 204);
    assert_eq!(client.payload().await["t"], "MESSAGE_DELETE");
    assert_eq!(rest.get(&one).await.0, 404);
    assert_eq!(rest.call(Method::POST, &path, json!({"content": ""})).await.1["code"], 50006);
    simulator.shutdown().await;
}

#[tokio::test]
async fn an_upload_becomes_an_attachment() {
    let simulator = start(unlimited()).await;
    let (_, channel, _, _) = place(&simulator).await;
    let rest = Rest::new(&simulator);
    let file = reqwest::multipart::Part::bytes(vec![7; 5_000]).file_name("chart.png").mime_str("image/png").unwrap();
    let form = reqwest::multipart::Form::new()
        .text("payload_json", json!({"content": "see"}).to_string())
        .part("files[0]", file);
    let response =
        rest.request(Method::POST, &format!("/channels/{channel}/messages")).multipart(form).send().await.unwrap();
    let message: Value = response.json().await.unwrap();
    assert_eq!((&message["content"], &message["attachments"][0]["filename"]), (&json!("see"), &json!("chart.png")));
    assert_eq!(message["attachments"][0]["size"], 5_000);
    simulator.shutdown().await;
}

#[tokio::test]
async fn an_enforced_nonce_makes_one_message_and_the_journal_says_which_request_did() {
    let simulator = start(unlimited()).await;
    let (_, channel, other, _) = place(&simulator).await;
    let rest = Rest::new(&simulator);
    let body = json!({"content": "once", "nonce": "n7", "enforce_nonce": true});
    let (_, first) = rest.call(Method::POST, &format!("/channels/{channel}/messages"), body.clone()).await;
    let (status, again) = rest.call(Method::POST, &format!("/channels/{other}/messages"), body).await;
    assert_eq!((status, &again["id"]), (200, &first["id"]));
    let requests = journal(&simulator, "rest").await;
    let applied: Vec<&Value> = requests.iter().map(|entry| &entry["applied"]).collect();
    assert_eq!(applied, [&json!(true), &json!(false)]);
    assert_eq!(requests[1]["effect"], first["id"]);
    assert_eq!(requests[0]["nonce"], "n7");
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_bucket_counts_down_and_then_answers_429_with_everything_a_library_reads() {
    let simulator = start(quick()).await;
    let (_, channel, other, _) = place(&simulator).await;
    let rest = Rest::new(&simulator);
    let send = |channel: String| {
        rest.request(Method::POST, &format!("/channels/{channel}/messages")).json(&json!({"content": "x"})).send()
    };
    let mut bucket = String::new();
    for left in (0..5).rev() {
        let response = send(channel.clone()).await.unwrap();
        assert_eq!(header(&response, "x-ratelimit-remaining"), left.to_string());
        assert!(header(&response, "x-ratelimit-scope").is_empty());
        bucket = header(&response, "x-ratelimit-bucket");
    }
    let limited = send(channel).await.unwrap();
    assert_eq!(limited.status(), 429);
    assert_eq!(header(&limited, "x-ratelimit-scope"), "user");
    assert_eq!(header(&limited, "x-ratelimit-bucket"), bucket);
    assert!(!header(&limited, "via").is_empty());
    assert!(header(&limited, "retry-after").parse::<u64>().is_ok_and(|seconds| (1..=5).contains(&seconds)));
    let body: Value = limited.json().await.unwrap();
    assert_eq!(body["global"], false);
    assert!(body["retry_after"].as_f64().is_some_and(|seconds| seconds > 0.0 && seconds <= 5.0));
    let free = send(other).await.unwrap();
    assert_eq!((free.status().as_u16(), header(&free, "x-ratelimit-bucket")), (200, bucket));
    simulator.shutdown().await;
}

#[tokio::test]
async fn the_global_limit_answers_429_and_spares_webhooks() {
    let simulator = start(SimulatorConfig { global_per_second: 3, bucket_limits: false, ..quick() }).await;
    let (_, channel, _, _) = place(&simulator).await;
    let rest = Rest::new(&simulator);
    let (_, webhook) = rest.call(Method::POST, &format!("/channels/{channel}/webhooks"), json!({"name": "w"})).await;
    let mut limited = None;
    for _ in 0..50 {
        let response = rest.request(Method::GET, "/users/@me").send().await.unwrap();
        if response.status() == 429 {
            limited = Some(response);
            break;
        }
    }
    let limited = limited.expect("fifty requests within a second or two hit a limit of three");
    assert_eq!(header(&limited, "x-ratelimit-global"), "true");
    assert_eq!(header(&limited, "x-ratelimit-scope"), "global");
    let path =
        format!("{}/webhooks/{}/{}", rest.base, webhook["id"].as_str().unwrap(), webhook["token"].as_str().unwrap());
    for wait in ["?wait=true", ""] {
        let response =
            reqwest::Client::new().post(format!("{path}{wait}")).json(&json!({"content": "w"})).send().await.unwrap();
        assert_eq!(response.status(), if wait.is_empty() { 204 } else { 200 });
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn invalid_requests_end_in_a_ban_that_does_not_look_like_discord() {
    let simulator = start(SimulatorConfig { invalid_limit: 3, ..unlimited() }).await;
    let rest = Rest { token: "nobody".to_owned(), ..Rest::new(&simulator) };
    for _ in 0..3 {
        assert_eq!(rest.get("/users/@me").await.0, 401);
    }
    let banned = rest.request(Method::GET, "/users/@me").send().await.unwrap();
    assert_eq!(banned.status(), 429);
    assert!(header(&banned, "via").is_empty());
    assert!(header(&banned, "content-type").starts_with("text/html"));
    simulator.shutdown().await;
}

#[tokio::test]
async fn faults_strike_before_or_after_the_effect() {
    let simulator = start(unlimited()).await;
    let (_, channel, _, _) = place(&simulator).await;
    let rest = Rest::new(&simulator);
    let path = format!("/channels/{channel}/messages");
    let send = |content: &'static str| rest.request(Method::POST, &path).json(&json!({"content": content})).send();
    let fault = |stage: &str, kind: &str| json!({"method": "POST", "route": "/messages$", "stage": stage, "kind": kind, "status": 502});
    order(&simulator, "POST", "faults", fault("before", "status")).await;
    assert_eq!(send("never").await.unwrap().status(), 502);
    order(&simulator, "POST", "faults", fault("after", "status")).await;
    assert_eq!(send("applied, answered 502").await.unwrap().status(), 502);
    order(&simulator, "POST", "faults", fault("after", "cut")).await;
    assert!(send("applied, cut").await.is_err());
    order(&simulator, "POST", "faults", fault("before", "cut")).await;
    assert!(send("not applied, cut").await.is_err());
    order(&simulator, "POST", "faults", fault("before", "shared")).await;
    let shared = send("shared").await.unwrap();
    assert_eq!((shared.status().as_u16(), header(&shared, "x-ratelimit-scope")), (429, "shared".to_owned()));
    assert_eq!(send("last").await.unwrap().status(), 200);
    let messages = order(&simulator, "GET", &format!("channels/{channel}/messages"), Value::Null).await;
    let contents: Vec<&str> =
        messages.as_array().unwrap().iter().map(|message| message["content"].as_str().unwrap()).collect();
    assert_eq!(contents, ["applied, answered 502", "applied, cut", "last"]);
    let entries = journal(&simulator, "rest").await;
    let faults: Vec<&Value> = entries.iter().map(|entry| &entry["fault"]).filter(|fault| !fault.is_null()).collect();
    assert_eq!(faults, ["before status", "after status", "after cut", "before cut", "before shared"]);
    assert_eq!(
        order(&simulator, "GET", "limits", Value::Null).await["invalid_requests"],
        0,
        "shared limits are not invalid"
    );
    simulator.shutdown().await;
}

#[tokio::test]
async fn answers_are_delayed_but_effects_are_not() {
    let simulator = start(unlimited()).await;
    let rest = Rest::new(&simulator);
    order(&simulator, "POST", "delay", json!({"min_ms": 30, "max_ms": 60})).await;
    let before = std::time::Instant::now();
    rest.get("/users/@me").await;
    assert!(before.elapsed() >= std::time::Duration::from_millis(30));
    let entry = &journal(&simulator, "rest").await[0];
    assert!((30..=60).contains(&entry["delay_ms"].as_u64().unwrap()));
    simulator.shutdown().await;
}

#[tokio::test]
async fn interactions_are_answered_once_and_followed_up_without_authorization() {
    let simulator = start(unlimited()).await;
    let (_, channel, _, user) = place(&simulator).await;
    let rest = Rest::new(&simulator);
    let me = rest.get("/users/@me").await.1["id"].as_str().unwrap().to_owned();
    let interaction =
        order(&simulator, "POST", "interaction", json!({"channel": channel, "user": user, "name": "ping"})).await;
    let (id, token) = (interaction["id"].as_str().unwrap(), interaction["token"].as_str().unwrap());
    let http = reqwest::Client::new();
    let callback = format!("{}/interactions/{id}/{token}/callback", rest.base);
    let answer = json!({"type": 5});
    let first = http.post(format!("{callback}?with_response=1")).json(&answer).send().await.unwrap();
    assert_eq!(first.json::<Value>().await.unwrap()["interaction"]["id"], id);
    assert_eq!(http.post(&callback).json(&answer).send().await.unwrap().status(), 400);
    let original = format!("{}/webhooks/{me}/{token}/messages/@original", rest.base);
    let edited: Value =
        http.patch(&original).json(&json!({"content": "pong"})).send().await.unwrap().json().await.unwrap();
    assert_eq!(edited["content"], "pong");
    let fetched: Value = http.get(&original).send().await.unwrap().json().await.unwrap();
    assert_eq!(fetched["id"], edited["id"]);
    let follow: Value = http
        .post(format!("{}/webhooks/{me}/{token}", rest.base))
        .json(&json!({"content": "more"}))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(follow["content"], "more");
    assert_eq!(http.delete(&original).send().await.unwrap().status(), 204);
    simulator.shutdown().await;
}

#[tokio::test]
async fn guild_routes_change_the_world_and_tell_the_gateway() {
    let simulator = start(unlimited()).await;
    let (guild, channel, _, user) = place(&simulator).await;
    let rest = Rest::new(&simulator);
    let (mut client, _) = Client::ready(&simulator).await;
    for _ in 0..3 {
        client.event("GUILD_CREATE").await;
    }
    let base = format!("/guilds/{guild}");
    let (_, role) = rest.call(Method::POST, &format!("{base}/roles"), json!({"name": "red", "color": 255})).await;
    let role = role["id"].as_str().unwrap().to_owned();
    let (_, made) = rest.call(Method::POST, &format!("{base}/channels"), json!({"name": "new", "type": 0})).await;
    let made = made["id"].as_str().unwrap().to_owned();
    let (_, direct) = rest.call(Method::POST, "/users/@me/channels", json!({"recipient_id": user})).await;
    assert_eq!(direct["recipients"][0]["id"], user);
    let steps = [
        (Method::PUT, format!("{base}/members/{user}/roles/{role}"), 204, "GUILD_MEMBER_UPDATE"),
        (Method::PATCH, format!("{base}/members/{user}"), 200, "GUILD_MEMBER_UPDATE"),
        (Method::DELETE, format!("{base}/roles/{role}"), 204, "GUILD_ROLE_DELETE"),
        (Method::PATCH, format!("/channels/{made}"), 200, "CHANNEL_UPDATE"),
        (Method::POST, format!("/channels/{made}/threads"), 201, "THREAD_CREATE"),
        (Method::DELETE, format!("/channels/{made}"), 200, "CHANNEL_DELETE"),
        (Method::POST, format!("/channels/{channel}/typing"), 204, "TYPING_START"),
        (Method::PUT, format!("{base}/bans/{user}"), 204, "GUILD_BAN_ADD"),
    ];
    assert_eq!(client.payload().await["t"], "GUILD_ROLE_CREATE");
    assert_eq!(client.payload().await["t"], "CHANNEL_CREATE");
    for (method, path, status, event) in steps {
        let (got, body) = rest.call(method, &path, json!({"name": "n", "nick": "n"})).await;
        assert_eq!(got, status, "{path} {body}");
        assert_eq!(client.payload().await["t"], event, "{path}");
    }
    assert_eq!(client.payload().await["t"], "GUILD_MEMBER_REMOVE");
    assert_eq!(rest.call(Method::DELETE, &format!("{base}/bans/{user}"), json!({})).await.0, 204);
    assert_eq!(client.payload().await["t"], "GUILD_BAN_REMOVE");
    assert_eq!(rest.get(&format!("{base}/members?limit=100")).await.1.as_array().unwrap().len(), 8);
    assert_eq!(rest.get(&format!("{base}/members/{user}")).await.0, 404);
    simulator.shutdown().await;
}

#[tokio::test]
async fn every_other_route_a_library_uses_answers() {
    let simulator = start(unlimited()).await;
    let (guild, channel, _, user) = place(&simulator).await;
    let rest = Rest::new(&simulator);
    let me = rest.get("/users/@me").await.1["id"].as_str().unwrap().to_owned();
    let messages = format!("/channels/{channel}/messages");
    let mut ids = Vec::new();
    for n in 0..5 {
        let (_, message) = rest.call(Method::POST, &messages, json!({"content": n.to_string()})).await;
        ids.push(message["id"].as_str().unwrap().to_owned());
    }
    let listed = |query: String| {
        let (rest, path) = (&rest, format!("{messages}{query}"));
        async move {
            let (_, list) = rest.get(&path).await;
            list.as_array()
                .unwrap()
                .iter()
                .map(|message| message["content"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(listed("?limit=2".to_owned()).await, ["4", "3"]);
    assert_eq!(listed(format!("?before={}", ids[2])).await, ["1", "0"]);
    assert_eq!(listed(format!("?after={}&limit=1", ids[1])).await, ["2"]);
    assert_eq!(listed(format!("?around={}&limit=3", ids[2])).await, ["3", "2", "1"]);
    let (numbers, one): (Vec<u64>, _) =
        (ids[3..].iter().map(|id| id.parse().unwrap()).collect(), format!("{messages}/{}", ids[0]));
    let steps = [
        (Method::POST, format!("{messages}/bulk-delete"), json!({"messages": numbers}), 204),
        (Method::POST, format!("{messages}/bulk-delete"), json!({"messages": [1, 2]}), 400),
        (Method::PUT, format!("/channels/{channel}/pins/{}", ids[0]), json!({}), 204),
        (Method::POST, format!("{one}/threads"), json!({"name": "talk"}), 201),
        (Method::PUT, format!("/channels/{}/thread-members/@me", ids[0]), json!({}), 204),
        (Method::POST, format!("/channels/{channel}/invites"), json!({}), 200),
        (Method::PUT, format!("/channels/{channel}/permissions/{guild}"), json!({"type": 0, "deny": "2048"}), 204),
        (Method::DELETE, format!("/channels/{channel}/permissions/{guild}"), json!({}), 204),
        (Method::PATCH, format!("/guilds/{guild}/members/@me"), json!({"nick": "soup"}), 200),
        (Method::PATCH, "/users/@me".to_owned(), json!({"username": "miso2"}), 200),
        (Method::PUT, format!("/applications/{me}/commands"), json!([{"name": "ping", "description": "x"}]), 200),
        (
            Method::POST,
            format!("/applications/{me}/guilds/{guild}/commands"),
            json!({"name": "help", "description": "x"}),
            201,
        ),
        (Method::PUT, format!("/guilds/{guild}/members/{user}/roles/5"), json!({}), 404),
        (Method::DELETE, format!("/guilds/{guild}/members/{user}"), json!({}), 204),
    ];
    for (method, path, body, expected) in steps {
        let (status, answer) = rest.call(method, &path, body).await;
        assert_eq!(status, expected, "{path} {answer}");
    }
    assert_eq!(listed(String::new()).await, ["2", "1", "0"]);
    for (path, count) in [
        (format!("/channels/{channel}/pins"), 1),
        (format!("/channels/{channel}/invites"), 1),
        (format!("/channels/{channel}/webhooks"), 0),
        (format!("/applications/{me}/commands"), 1),
        (format!("/applications/{me}/guilds/{guild}/commands"), 1),
        (format!("/guilds/{guild}/roles"), 3),
        (format!("/guilds/{guild}/emojis"), 2),
        (format!("/guilds/{guild}/bans"), 0),
        (format!("/guilds/{guild}/members/search?query=MISO&limit=5"), 1),
        (format!("/guilds/{guild}/channels"), 5),
    ] {
        let (status, list) = rest.get(&path).await;
        assert_eq!((status, list.as_array().map(Vec::len)), (200, Some(count)), "{path} {list}");
    }
    let (_, pins) = rest.get(&format!("{messages}/pins")).await;
    assert_eq!(pins["items"][0]["message"]["id"], ids[0]);
    let (_, threads) = rest.get(&format!("/guilds/{guild}/threads/active")).await;
    assert!(threads["threads"].as_array().unwrap().iter().any(|thread| thread["id"] == ids[0].as_str()));
    simulator.shutdown().await;
}

#[tokio::test]
async fn ordered_limits_look_like_those_of_discord_and_of_cloudflare() {
    let simulator = start(unlimited()).await;
    let rest = Rest::new(&simulator);
    let get = || rest.request(Method::GET, "/users/@me").send();
    for (kind, via, global) in [("global", true, "true"), ("user", true, ""), ("cloudflare", false, "")] {
        order(&simulator, "POST", "faults", json!({"kind": kind, "retry_after_ms": 1_500})).await;
        let response = get().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (429, "2".to_owned()), "{kind}");
        assert_eq!(!header(&response, "via").is_empty(), via, "{kind}");
        assert_eq!(header(&response, "x-ratelimit-global"), global, "{kind}");
    }
    order(&simulator, "POST", "faults", json!({"kind": "hang", "retry_after_ms": 40})).await;
    let before = std::time::Instant::now();
    assert_eq!(get().await.unwrap().status(), 200);
    assert!(before.elapsed() >= std::time::Duration::from_millis(40));
    assert_eq!(order(&simulator, "GET", "limits", Value::Null).await["invalid_requests"], 3);
    simulator.shutdown().await;
}

#[tokio::test]
async fn limits_can_be_changed_while_running() {
    let simulator = start(quick()).await;
    let (_, channel, _, _) = place(&simulator).await;
    let rest = Rest::new(&simulator);
    let route = json!({"route": "POST /channels/{channel}/messages", "limit": 1, "window_ms": 60_000});
    order(&simulator, "POST", "limits", route).await;
    let path = format!("/channels/{channel}/messages");
    assert_eq!(rest.call(Method::POST, &path, json!({"content": "x"})).await.0, 200);
    assert_eq!(rest.call(Method::POST, &path, json!({"content": "x"})).await.0, 429);
    let limits = order(&simulator, "GET", "limits", Value::Null).await;
    assert_eq!(limits["limited_user"], 1);
    let hash = |response: Response| header(&response, "x-ratelimit-bucket");
    let send = || rest.request(Method::POST, &path).json(&json!({"content": "x"})).send();
    let before = hash(send().await.unwrap());
    let moved =
        json!({"route": "POST /channels/{channel}/messages", "limit": 2, "window_ms": 60_000, "group": "moved"});
    order(&simulator, "POST", "limits", moved).await;
    let after = send().await.unwrap();
    assert_eq!(after.status(), 200);
    assert_ne!(hash(after), before);
    simulator.shutdown().await;
}
