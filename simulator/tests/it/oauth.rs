//! Discord's OAuth2 over HTTP: the pages, the tokens, what a user's token opens, and pictures.

use reqwest::{Client, StatusCode, redirect};
use serde_json::{Value, json};

use crate::client::{quick, start};

const BACK: &str = "http://127.0.0.1:1/callback";
/// The pair of RFC 7636, appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn http() -> Client {
    Client::builder().redirect(redirect::Policy::none()).build().expect("a client")
}

fn bot(simulator: &miso_simulator::Running) -> String {
    let overview = simulator.order("GET", "", Value::Null).expect("an overview");
    overview["bot"].as_str().expect("the bot's id").to_owned()
}

fn user(simulator: &miso_simulator::Running) -> String {
    let guilds = simulator.order("GET", "guilds", Value::Null).expect("guilds");
    guilds[0]["users"][0].as_str().expect("a user").to_owned()
}

fn query(simulator: &miso_simulator::Running, extra: &str) -> String {
    format!(
        "{}?client_id={}&response_type=code&redirect_uri={BACK}&scope=identify%20guilds&state=a%26b&code_challenge={CHALLENGE}\
         &code_challenge_method=S256{extra}",
        simulator.authorize_url(),
        bot(simulator)
    )
}

async fn location(simulator: &miso_simulator::Running, extra: &str) -> String {
    let response = http().get(query(simulator, extra)).send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::FOUND);
    response.headers()["location"].to_str().expect("text").to_owned()
}

async fn token(simulator: &miso_simulator::Running, form: &[(&str, &str)]) -> (StatusCode, Value) {
    let response = http()
        .post(format!("{}/v10/oauth2/token", simulator.api_url()))
        .basic_auth(bot(simulator), Some(simulator.client_secret()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"))
        .send()
        .await
        .expect("an answer");
    (response.status(), response.json().await.expect("JSON"))
}

#[tokio::test]
async fn one_click_logs_a_user_in_and_the_token_opens_their_own_pages() {
    let simulator = start(quick()).await;
    let page = http().get(query(&simulator, "")).send().await.expect("a page").text().await.expect("text");
    let user = user(&simulator);
    assert!(page.contains("Who are you?") && page.contains(&format!("user={user}&amp;consent=1")), "{page}");
    let back = location(&simulator, &format!("&user={user}&consent=1")).await;
    assert!(back.starts_with(&format!("{BACK}?code=")) && back.ends_with("&state=a%26b"), "{back}");
    let code = back.split("code=").nth(1).and_then(|rest| rest.split('&').next()).expect("a code");
    let form =
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", BACK), ("code_verifier", VERIFIER)];
    let (status, tokens) = token(&simulator, &form).await;
    assert_eq!((status, &tokens["token_type"]), (StatusCode::OK, &json!("Bearer")), "{tokens}");
    let (status, again) = token(&simulator, &form).await;
    assert_eq!((status, &again["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_grant")));

    let open = async |path: &str| {
        let request = http().get(format!("{}/v10{path}", simulator.api_url()));
        let request = request.bearer_auth(tokens["access_token"].as_str().expect("a token"));
        let response = request.send().await.expect("an answer");
        (response.status(), response.json::<Value>().await.expect("JSON"))
    };
    let (status, me) = open("/users/@me").await;
    assert_eq!((status, &me["id"]), (StatusCode::OK, &json!(user)));
    let (status, guilds) = open("/users/@me/guilds").await;
    assert!(status.is_success() && guilds.as_array().is_some_and(|guilds| guilds.iter().any(|g| g["owner"] == true)));
    let (status, authorization) = open("/oauth2/@me").await;
    assert_eq!((status, &authorization["application"]["id"]), (StatusCode::OK, &json!(bot(&simulator))));
    assert_eq!(
        (&authorization["user"]["id"], &authorization["scopes"]),
        (&json!(user), &json!(["identify", "guilds"]))
    );
    assert_eq!(open("/gateway/bot").await.0, StatusCode::FORBIDDEN, "a user is no bot");
    let journal = simulator.order("GET", "journal?kind=oauth", Value::Null).expect("a journal").to_string();
    assert!(!journal.contains(code) && !journal.contains(tokens["access_token"].as_str().unwrap_or("?")));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_as_discord_does() {
    let simulator = start(quick()).await;
    let denied = location(&simulator, "&deny=1").await;
    assert!(denied.contains("error=access_denied") && denied.ends_with("&state=a%26b"), "{denied}");
    let plain = query(&simulator, "").replace("=S256", "=plain");
    let plain = http().get(plain).send().await.expect("an answer");
    assert!(plain.headers()["location"].to_str().is_ok_and(|to| to.contains("error=invalid_request")));
    for wrong in [query(&simulator, "").replace("http%3A", "x"), query(&simulator, "").replace(BACK, "javascript:x")] {
        let response = http().get(wrong.replace(&bot(&simulator), "5")).send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    }
    let (status, body) = token(&simulator, &[("grant_type", "password")]).await;
    assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("unsupported_grant_type")));
    let form = "grant_type=refresh_token&refresh_token=x&client_id=1&client_secret=2";
    let request = http().post(format!("{}/oauth2/token", simulator.api_url()));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
    assert_eq!(request.send().await.expect("an answer").status(), StatusCode::UNAUTHORIZED, "another client");
}

#[tokio::test]
async fn the_bot_is_invited_into_a_guild_it_was_not_in() {
    let simulator = start(quick()).await;
    let address = format!("{}?client_id={}&scope=bot", simulator.authorize_url(), bot(&simulator));
    let page = http().get(&address).send().await.expect("a page").text().await.expect("text");
    let guild = page.split("guild_id=").nth(1).and_then(|rest| rest.split('&').next()).expect("a guild").to_owned();
    let consent = format!("{address}&guild_id={guild}&consent=1");
    let done = http().get(&consent).send().await.expect("an answer");
    assert_eq!(done.status(), StatusCode::OK);
    let guilds = simulator.order("GET", "guilds", Value::Null).expect("guilds");
    assert!(guilds.as_array().is_some_and(|guilds| guilds.iter().any(|known| known["id"] == *guild)));
    assert_eq!(http().get(&consent).send().await.expect("an answer").status(), StatusCode::BAD_REQUEST, "it is in");
}

#[tokio::test]
async fn a_world_can_be_given_a_past_and_everyone_has_a_picture() {
    let simulator = start(quick()).await;
    let made = simulator.order("POST", "history", json!({"days": 30, "seed": 3})).expect("a past");
    assert!(made["messages"].as_u64().is_some_and(|messages| messages > 1_000), "{made}");
    let guilds = simulator.order("GET", "guilds", Value::Null).expect("guilds");
    let channels = guilds[0]["channels"].as_array().expect("channels");
    let text = channels.iter().find(|channel| channel["type"] == 0).and_then(|channel| channel["id"].as_str());
    let request = http().get(format!("{}/v10/channels/{}/messages?limit=100", simulator.api_url(), text.expect("one")));
    let request = request.header("authorization", format!("Bot {}", simulator.token()));
    let messages: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(messages.as_array().map(Vec::len), Some(100));
    let picture = simulator.api_url().replace("/api", &format!("/cdn/avatars/{}/a.png", user(&simulator)));
    let picture = http().get(picture).send().await.expect("an answer");
    assert_eq!(picture.headers()["content-type"], "image/svg+xml");
}
