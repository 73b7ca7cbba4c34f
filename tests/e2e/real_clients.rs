//! Unmodified discord.py, discord.js and twilight, given only URL and credential.

use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{Client, Deployment, Discord, Engines, engines_are_there};

/// Messages that the simulator's users say during the run.
const MESSAGES: usize = 300;
/// Every so many messages one is `!ping`.
const PING_EVERY: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn three_libraries_see_every_message_once_in_order_and_one_real_join_on_the_embedded_log() {
    three_libraries(Engines::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_libraries_see_every_message_once_in_order_and_one_real_join_on_kafka() {
    if engines_are_there("three libraries on Kafka") {
        three_libraries(Engines::KafkaAndPostgres).await;
    }
}

/// The folder into which `scripts/clients.sh` has installed the libraries.
fn clients() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let status = std::process::Command::new(root.join("scripts/clients.sh")).status().expect("the script runs");
    assert!(status.success(), "the client libraries could not be installed");
    root.join("target/clients")
}

fn discord_py(address: &str, credential: &str) -> Client {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients/discordpy_client.py");
    let mut command = Command::new(clients().join("python/bin/python"));
    command.arg(script).args([address, credential]);
    Client::spawn(command)
}

fn discord_js(address: &str, credential: &str) -> Client {
    let folder = clients();
    let script = folder.join("discordjs_client.mjs");
    // Beside its node_modules, for that is where Node looks.
    let from = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients/discordjs_client.mjs");
    std::fs::copy(from, &script).expect("copied");
    let mut command = Command::new("node");
    command.arg(script).args([address, credential]);
    Client::spawn(command)
}

/// Built by Cargo beside this test, as an example of the package.
fn twilight(address: &str, credential: &str) -> Client {
    let miso = PathBuf::from(env!("CARGO_BIN_EXE_miso"));
    let mut command = Command::new(miso.with_file_name("examples").join("twilight_client"));
    command.args([address, credential]);
    Client::spawn(command)
}

async fn three_libraries(engines: Engines) {
    let discord = Discord::start(&["--guilds", "5", "--channels", "2", "--no-bucket-limits"]).await;
    let mut miso = Deployment::new(&discord, engines, "python=python-secret,node=node-secret-1,rust=rust-secret-1");
    miso.start("up", &["up"]);
    miso.ready("up").await;
    let guilds = discord.guilds().await;
    let address = miso.proxy.to_string();

    let mut libraries = vec![
        ("discord.py", discord_py(&address, &credential("python", "python-secret"))),
        ("discord.js", discord_js(&address, &credential("node", "node-secret-1"))),
        ("twilight", twilight(&address, &credential("rust", "rust-secret-1"))),
    ];
    for (library, client) in &mut libraries {
        client.wait_for("ready", 1).await;
        client.wait_for("guild_available", 0).await;
        let ready = client.of("ready").remove(0);
        let mut ids: Vec<&str> = guilds.iter().map(|guild| guild.id.as_str()).collect();
        ids.sort_unstable();
        assert_eq!(ready["guilds"], json!(ids), "{library} knows all guilds at READY");
    }

    let mut said: Vec<String> = Vec::new();
    let mut joined = None;
    for number in 0..MESSAGES {
        let guild = &guilds[number % guilds.len()];
        let channel = &guild.channels[number / guilds.len() % guild.channels.len()];
        let content = if number % PING_EVERY == 0 { "!ping".to_owned() } else { format!("n:{number}") };
        said.push(discord.say(channel, &guild.users[0], &content).await);
        if number == MESSAGES / 2 {
            joined = Some(discord.post("/guilds", json!({ "name": "a real join" })).await["id"].clone());
        }
    }
    let joined = joined.expect("half way");
    let pings = MESSAGES.div_ceil(PING_EVERY);

    for (library, client) in &mut libraries {
        client.wait_for("replied", pings).await;
        client.wait_for("guild_join", 1).await;
        // Its own answers come back as messages, and those of the two other libraries; and the bot greets
        // the guild that it has joined.
        client.wait_for("message", MESSAGES + 3 * pings + 1).await;
        let (messages, greetings): (Vec<Value>, Vec<Value>) = client.of("message").into_iter().partition(|message| {
            guilds.iter().any(|guild| guild.channels.iter().any(|c| message["channel"] == json!(c)))
        });
        assert_eq!(greetings.len(), 1, "{library} saw the greeting in the new guild once: {greetings:?}");
        let of_users: Vec<&str> = messages
            .iter()
            .filter(|message| !message["content"].as_str().is_some_and(|text| text.starts_with("pong")))
            .map(|message| message["id"].as_str().expect("an id"))
            .collect();
        assert_eq!(sorted(&of_users), sorted(&said), "{library} saw every message once");
        for guild in &guilds {
            let in_guild = |ids: &[&str]| -> Vec<String> {
                let of_guild = messages.iter().filter(|m| guild.channels.iter().any(|c| m["channel"] == json!(c)));
                let of_guild: Vec<&str> = of_guild.filter_map(|m| m["id"].as_str()).collect();
                ids.iter().filter(|id| of_guild.contains(id)).map(|id| (*id).to_owned()).collect()
            };
            let said: Vec<&str> = said.iter().map(String::as_str).collect();
            assert_eq!(in_guild(&of_users), in_guild(&said), "{library} saw guild {} in order", guild.id);
        }
        let own: Vec<String> = ids(&messages, |message| {
            message["own"] == true && message["content"] == json!(format!("pong from {library}"))
        });
        assert_eq!(sorted(&own), sorted(&ids(&client.of("replied"), |_| true)), "{library} saw its own answers once");
        let joins = client.of("guild_join");
        assert_eq!(joins.len(), 1, "{library} fires one join: {joins:?}");
        assert_eq!(joins[0]["guild"], joined);
        assert!(client.of("guild_remove").is_empty(), "{library} lost no guild");
    }
    for (_, client) in libraries {
        client.end().await;
    }
    assert_eq!(miso.terminate("up").await, Some(0), "{}", miso.said("up"));
}

fn credential(group: &str, secret: &str) -> String {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD;
    format!("{}.{}.{secret}", base64.encode("1000000000000000000"), base64.encode(group))
}

fn ids(entries: &[Value], wanted: impl Fn(&Value) -> bool) -> Vec<String> {
    entries.iter().filter(|entry| wanted(entry)).filter_map(|entry| entry["id"].as_str().map(str::to_owned)).collect()
}

fn sorted<T: AsRef<str>>(ids: &[T]) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().map(|id| id.as_ref().to_owned()).collect();
    ids.sort_unstable();
    ids
}
