//! GETs of a handler whose proxy has no sender in its process.

use crate::harness::{Deployment, Discord, Engines, engines_are_there};

const SECRET: &str = "gets-secret-of-the-test";
const KEY: &str = "the deployment's key in this test";

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_without_a_sender_has_gets_performed_by_the_configured_one_on_kafka() {
    if !engines_are_there("GETs between processes on Kafka") {
        return;
    }
    let discord = Discord::start(&["--guilds", "2"]).await;
    let mut miso = Deployment::new(&discord, Engines::KafkaAndPostgres, &format!("w={SECRET}"));
    miso.set("MISO_CLUSTER_KEY", KEY);
    miso.start("sender", &["run", "gateway", "sender"]);
    let sender = miso.ops("sender");
    miso.set("MISO_SENDER_URL", &format!("http://{sender}"));
    miso.start("proxy", &["run", "proxy"]);
    miso.ready("sender").await;
    miso.ready("proxy").await;
    let guild = discord.guilds().await.remove(0);
    let said = discord.say(&guild.channels[0], &guild.users[0], "who answers?").await;

    let http = reqwest::Client::new();
    let messages = format!("http://{}/api/v10/channels/{}/messages?limit=5", miso.proxy, guild.channels[0]);
    let answer = http.get(&messages).header("Authorization", format!("Bot {SECRET}")).send().await.expect("answered");
    assert_eq!(answer.status(), 200, "{:?}\n{}", answer.text().await, miso.said("proxy"));
    assert!(answer.headers().contains_key("x-ratelimit-bucket"), "Discord's headers come along");
    let listed: serde_json::Value = answer.json().await.expect("JSON");
    assert_eq!(listed[0]["id"], said.as_str());

    // What Discord refuses is Discord's answer, not ours.
    let nowhere = format!("http://{}/api/v10/channels/1/messages", miso.proxy);
    let answer = http.get(nowhere).header("Authorization", format!("Bot {SECRET}")).send().await.expect("answered");
    assert_eq!(answer.status(), 404);

    // Without the deployment's key nobody reaches Discord through the ops listener.
    let body = serde_json::json!({ "path": format!("/channels/{}/messages", guild.channels[0]) });
    let url = format!("http://{sender}/internal/discord/get");
    for key in ["", "another key of some length"] {
        let refused = http.post(&url).bearer_auth(key).json(&body).send().await.expect("answered");
        assert_eq!(refused.status(), 401);
    }
}
