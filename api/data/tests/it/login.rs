//! Logging in with Discord, from the address to the end of the login.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rig::{CALLBACK, CHALLENGE, KEY, Rig, VERIFIER};

const CLIENT_ERROR: StatusCode = StatusCode::BAD_REQUEST;

#[tokio::test]
async fn a_login_goes_from_the_address_over_the_page_to_tokens_and_says_who_it_is() {
    let rig = Rig::start().await;
    let state = "a b&c=ä/\u{1F35C}";
    let asked = json!({"redirect_uri": CALLBACK, "state": state, "code_challenge": CHALLENGE});
    let (status, login) = rig.post(KEY, "/oauth/authorize", asked).await;
    let url = login["url"].as_str().expect("an address");
    assert!(status.is_success() && url.starts_with(&rig.simulator.authorize_url()), "{login}");
    assert!(url.contains("code_challenge_method=S256") && url.contains("scope=identify+guilds"), "{url}");
    let user = rig.user(0, 0);
    let back = reqwest::Url::parse(&rig.consent(url, user).await).expect("an address");
    let pairs: std::collections::HashMap<String, String> = back.query_pairs().into_owned().collect();
    assert_eq!(pairs["state"], state, "what was sent comes back");

    let exchange = json!({"code": pairs["code"], "code_verifier": VERIFIER, "redirect_uri": CALLBACK});
    let (status, tokens) = rig.post(KEY, "/oauth/token", exchange.clone()).await;
    assert_eq!((status, &tokens["user"]["id"]), (StatusCode::OK, &json!(user)), "{tokens}");
    assert_eq!((&tokens["scope"], &tokens["expires_in"]), (&json!("identify guilds"), &json!(604_800)));
    let (_, me) = rig.get(tokens["access_token"].as_str().expect("a token"), "/me").await;
    assert_eq!(me["user"], tokens["user"]);
    assert!(me["user"]["avatar_url"].as_str().is_some_and(|url| url.contains("/cdn/avatars/")), "{me}");
    assert!(
        rig.http.get(me["user"]["avatar_url"].as_str().expect("one")).send().await.expect("it").status().is_success()
    );

    let (status, again) = rig.post(KEY, "/oauth/token", exchange).await;
    assert_eq!((status, kind(&again)), (CLIENT_ERROR, "urn:miso:problem:invalid-grant"), "a code is good once");
}

#[tokio::test]
async fn a_wrong_verifier_or_another_address_gets_no_tokens() {
    let rig = Rig::start().await;
    let user = rig.user(0, 0);
    let wrong = "x".repeat(43);
    for (verifier, uri) in [(wrong.as_str(), CALLBACK), (VERIFIER, "http://127.0.0.1:2/callback")] {
        let asked = json!({"code": rig.code(user).await, "code_verifier": verifier, "redirect_uri": uri});
        let (status, problem) = rig.post(KEY, "/oauth/token", asked).await;
        assert_eq!((status, kind(&problem)), (CLIENT_ERROR, "urn:miso:problem:invalid-grant"));
    }
    for (asked, why) in [
        (json!({"code": "x", "code_verifier": "short", "redirect_uri": CALLBACK}), "code_verifier"),
        (json!({"code": "x", "code_verifier": VERIFIER, "redirect_uri": "javascript:x"}), "redirect_uri"),
        (json!({"code": "", "code_verifier": VERIFIER, "redirect_uri": CALLBACK}), "code"),
        (json!({"code": "x"}), "code_verifier"),
    ] {
        let (status, problem) = rig.post(KEY, "/oauth/token", asked).await;
        assert_eq!((status.is_client_error(), kind(&problem)), (true, "urn:miso:problem:invalid-body"));
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(why)), "{problem}");
    }
}

#[tokio::test]
async fn tokens_are_refreshed_once_and_end_when_revoked() {
    let rig = Rig::start().await;
    let old = rig.tokens(rig.user(0, 0)).await;
    let refresh = json!({"refresh_token": old["refresh_token"]});
    let (status, new) = rig.post(KEY, "/oauth/refresh", refresh.clone()).await;
    assert_eq!((status, &new["user"]), (StatusCode::OK, &old["user"]));
    let (status, _) = rig.post(KEY, "/oauth/refresh", refresh).await;
    assert_eq!(status, CLIENT_ERROR, "the old one ended");
    let access = new["access_token"].as_str().expect("a token");
    assert_eq!(rig.get(access, "/me").await.0, StatusCode::OK);
    let (status, _) = rig.post(KEY, "/oauth/revoke", json!({"token": access})).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, problem) = rig.get(access, "/me").await;
    assert_eq!((status, kind(&problem)), (StatusCode::UNAUTHORIZED, "urn:miso:problem:token-refused"), "at once");
    let (status, _) = rig.post(KEY, "/oauth/refresh", json!({"refresh_token": new["refresh_token"]})).await;
    assert_eq!(status, CLIENT_ERROR);
}

#[tokio::test]
async fn while_discord_is_away_known_tokens_go_on_and_others_are_told_to_wait() {
    let rig = Rig::start().await;
    let token = rig.login(rig.user(0, 0)).await;
    rig.order("POST", "faults", json!({"route": "^/(oauth2|users/@me)", "status": 503, "count": null}));
    assert_eq!(rig.get(&token, "/me").await.0, StatusCode::OK);
    assert_eq!(rig.get(&token, &format!("/guilds/{}/channels", rig.guild(0))).await.0, StatusCode::OK);
    for (status, problem) in [
        rig.get("another-token", "/me").await,
        rig.get(&token, "/me/guilds").await,
        rig.post(KEY, "/oauth/refresh", json!({"refresh_token": "x"})).await,
    ] {
        assert_eq!((status, kind(&problem)), (StatusCode::SERVICE_UNAVAILABLE, "urn:miso:problem:discord-away"));
        assert!(problem["retry_after"].as_u64().is_some() && problem["trace_id"].as_str().is_some(), "{problem}");
    }
    rig.order("DELETE", "faults", Value::Null);
    assert_eq!(rig.get(&token, "/me/guilds").await.0, StatusCode::OK);
}

#[tokio::test]
async fn without_the_right_secret_people_are_told_what_the_operator_has_to_do() {
    for secret in [None, Some("wrong".to_owned())] {
        let rig = Rig::with(miso_simulator::SimulatorConfig::default(), |config| config.client_secret = secret).await;
        let (status, problem) = rig.post(KEY, "/oauth/refresh", json!({"refresh_token": "x"})).await;
        let expected = (StatusCode::SERVICE_UNAVAILABLE, "urn:miso:problem:login-not-configured");
        assert_eq!((status, kind(&problem)), expected);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("DISCORD_CLIENT_SECRET")), "{problem}");
    }
}

fn kind(problem: &Value) -> &str {
    problem["type"].as_str().unwrap_or_default()
}
