//! What the bot does by itself, through the whole pipeline: set up over HTTP, seen at Discord.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use miso_command_catalogue::{CONTEXT_HEADER, SignedContext};
use miso_model::{Permissions, Snowflake};
use serde_json::{Value, json};

use crate::harness::{Deployment, Discord, Engines, Guild, eventually, free_address};

const KEY: &str = "a key of the tests, long enough";
/// A reminder is said so long after its time, at most, milliseconds: to the second.
const PRECISION_MS: i64 = 1_000;

pub(crate) struct World {
    pub(crate) discord: Discord,
    pub(crate) deployment: Deployment,
    commands: SocketAddr,
    pub(crate) guild: Guild,
    owner: String,
    http: reqwest::Client,
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("fits")
}

impl World {
    pub(crate) async fn start() -> Self {
        let discord = Discord::start(&["--guilds", "1", "--channels", "4", "--no-bucket-limits"]).await;
        let mut deployment = Deployment::new(&discord, Engines::Embedded, "demo=a-secret-of-the-tests");
        let commands = free_address();
        deployment.set("MISO_COMMANDS_LISTEN", &commands.to_string());
        deployment.set("MISO_COMMANDS_URL", &format!("http://{commands}"));
        deployment.set("MISO_CLUSTER_KEY", KEY);
        deployment.start("up", &["up"]);
        deployment.ready("up").await;
        let guild = discord.guilds().await.remove(0);
        let owner = discord.owner(&guild.id).await;
        Self { discord, deployment, commands, guild, owner, http: reqwest::Client::new() }
    }

    async fn ask(&self, method: reqwest::Method, path: &str, user: &str, body: &Value) -> Value {
        let context = SignedContext {
            user: user.parse().expect("an id"),
            guild: Some(self.guild.id.parse().expect("an id")),
            permissions: Permissions::MANAGE_GUILD.and(Permissions::MANAGE_ROLES),
            via: "panel".to_owned(),
            name: None,
            expires_s: now_ms() / 1_000 + 60,
        };
        let request = self.http.request(method, format!("http://{}/v1{path}", self.commands)).json(body);
        let request = request.bearer_auth(KEY).header(CONTEXT_HEADER, context.sign(KEY.as_bytes()));
        let request = request.header("idempotency-key", format!("{:016x}", rand::random::<u64>()));
        let response = request.send().await.expect("the commands API answers");
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(crate) async fn set(&self, module: &str, values: Value) {
        let path = format!("/guilds/{}/settings/{module}", self.guild.id);
        self.ask(reqwest::Method::PUT, &path, &self.owner, &json!({"values": values})).await;
    }

    /// Sets a reminder of a user's; answers when it is due.
    async fn remind(&self, user: &str, text: &str, in_ms: i64) -> i64 {
        let due_ms = now_ms() + in_ms;
        let body = json!({"text": text, "due_ms": due_ms, "channel": self.guild.channels[0], "guild": self.guild.id});
        self.ask(reqwest::Method::POST, &format!("/users/{user}/reminders"), user, &body).await;
        due_ms
    }

    /// The messages of a channel whose JSON contains the text.
    async fn containing(&self, channel: &str, text: &str) -> Vec<Value> {
        let messages = self.discord.messages(channel, "0").await;
        messages
            .into_iter()
            .filter(|message| message["author"]["bot"] == true && message.to_string().contains(text))
            .collect()
    }

    /// Waits for the one message of the bot's that contains the text.
    async fn said(&self, channel: &str, text: &str) -> Value {
        let found = eventually(text, || async {
            let found = self.containing(channel, text).await;
            (!found.is_empty()).then_some(found)
        });
        let found = found.await;
        assert_eq!(found.len(), 1, "{text}: {found:#?}");
        found.into_iter().next().expect("one")
    }

    async fn role(&self) -> String {
        let guilds = self.discord.get("/guilds").await;
        let roles = guilds[0]["roles"].as_array().expect("roles");
        // The bot's own role was made first, the members' last.
        let role = roles.iter().filter_map(Value::as_str).rfind(|role| *role != self.guild.id);
        role.expect("a role").to_owned()
    }

    /// A moderator bans a member.
    async fn ban(&self, user: &str) {
        let url = format!("{}/v10/guilds/{}/bans/{user}", self.discord.api, self.guild.id);
        let request = self.http.put(url).header("authorization", format!("Bot {}", self.discord.token));
        let answer = request.json(&json!({})).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    async fn given(&self, role: &str, user: &str) -> usize {
        let path = format!("/guilds/{}/members/{user}/roles/{role}", self.guild.id);
        let rest = self.discord.journal_containing(&path).await;
        rest.iter()
            .filter(|entry| entry["kind"] == "rest" && entry["method"] == "PUT" && entry["applied"] == true)
            .count()
    }
}

fn made_ms(message: &Value) -> i64 {
    message["id"].as_str().and_then(|id| id.parse::<Snowflake>().ok()).expect("an id").created_ms()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_that_was_set_up_is_greeted_logged_starred_notified_and_levelled() {
    let world = World::start().await;
    let (discord, guild) = (&world.discord, &world.guild);
    let [talk, welcome, log, board] = [0, 1, 2, 3].map(|index| guild.channels[index].clone());
    let (writer, fan) = (guild.users[1].clone(), guild.users[2].clone());
    let role = world.role().await;
    world
        .set("greeting", json!({"enabled": true, "channel": welcome, "message": "Welcome {mention} to {server}!"}))
        .await;
    world.set("goodbye", json!({"enabled": true, "channel": welcome, "message": "Farewell, {user}."})).await;
    world.set("roles", json!({"autoroles": [role]})).await;
    world.set("logs", json!({"deleted": log, "members": log, "edited": log, "bans": log})).await;
    world.set("starboard", json!({"enabled": true, "channel": board, "amount": 1})).await;
    let rewards = json!([{"level": 2, "role": role}]);
    let activity = json!({"enabled": true, "announce": true, "channel": welcome, "rewards": rewards});
    world.set("activity", activity).await;
    world.set("custom-commands", json!({"commands": [{"name": "soup", "text": "Soup for {user}!"}]})).await;
    let words = json!({"values": {"keywords": [{"word": "ramen"}]}});
    world.ask(reqwest::Method::PUT, &format!("/users/{fan}/settings/notifications"), &fan, &words).await;

    // Who joins and leaves.
    let joined = discord.post("/join", json!({"guild": guild.id, "name": "Newt"})).await;
    let newcomer = joined["user"].as_str().expect("an id");
    let greeting = world.said(&welcome, &format!("Welcome <@{newcomer}> to {}!", "Miso Kitchen")).await;
    assert_eq!(greeting["embeds"][0]["color"], 0x5d_adec);
    eventually("the role is given", || async { (world.given(&role, newcomer).await == 1).then_some(()) }).await;
    world.said(&log, &format!("<@{newcomer}> joined.")).await;
    discord.post("/leave", json!({"guild": guild.id, "user": newcomer})).await;
    world.said(&welcome, "Farewell, Newt.").await;

    // A deleted message.
    let oops = discord.say(&talk, &writer, "a secret recipe").await;
    discord.post("/delete", json!({"channel": talk, "message": oops})).await;
    world.said(&log, "a secret recipe").await;

    // An edited one, and who is banned.
    let typo = discord.say(&talk, &writer, "a plain receipt").await;
    discord.post("/edit", json!({"channel": talk, "message": typo, "content": "a plain recipe"})).await;
    let told = world.said(&log, "a plain receipt").await;
    assert!(told.to_string().contains("a plain recipe"), "before and after: {told}");
    let bothersome = discord.post("/join", json!({"guild": guild.id, "name": "Thorn"})).await;
    world.ban(bothersome["user"].as_str().expect("an id")).await;
    world.said(&log, "was banned").await;

    // A word, a custom command, a level and its role.
    discord.say(&talk, &writer, "who wants RAMEN tonight").await;
    let direct = discord.post("/direct", json!({"user": fan})).await;
    world.said(direct["channel"].as_str().expect("a channel"), "**RAMEN**").await;
    discord.say(&talk, &writer, ">soup please").await;
    world.said(&talk, "Soup for ").await;
    discord.say(&talk, &writer, &"many words ".repeat(40)).await;
    world.said(&welcome, &format!("<@{writer}> reached level **2**!")).await;
    eventually("the role of the level is given", || async { (world.given(&role, &writer).await == 1).then_some(()) })
        .await;

    // A star, and its end.
    let good = discord.say(&talk, &writer, "a good one").await;
    let star = json!({"channel": talk, "message": good, "user": fan, "emoji": "⭐"});
    discord.post("/react", star.clone()).await;
    let post = world.said(&board, &format!("Starred message {good}")).await;
    assert!(post["content"].as_str().is_some_and(|content| content.contains("**1**")), "{post}");
    // The bot must have seen its own post before it can take it back.
    let second = json!({"channel": talk, "message": good, "user": guild.users[3], "emoji": "⭐"});
    discord.post("/react", second.clone()).await;
    eventually("two stars", || async { (!world.containing(&board, "**2**").await.is_empty()).then_some(()) }).await;
    discord.post("/unreact", second).await;
    discord.post("/unreact", star).await;
    eventually("no post", || async { world.containing(&board, &good).await.is_empty().then_some(()) }).await;

    // A reminder, to the second.
    let due_ms = world.remind(&fan, "stir the pot", 2_000).await;
    let said = world.said(&talk, "stir the pot").await;
    let late_ms = made_ms(&said) - due_ms;
    assert!((0..PRECISION_MS).contains(&late_ms), "{late_ms} ms after its time");
    assert_eq!(said["content"], format!("<@{fan}> ⏰ Reminder: stir the pot"));
    let greeted = format!("Welcome <@{newcomer}>");
    for (channel, text) in
        [(&welcome, &*greeted), (&welcome, "Farewell, Newt"), (&talk, "Soup for"), (&log, "secret recipe")]
    {
        assert_eq!(world.containing(channel, text).await.len(), 1, "once: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_that_became_due_while_the_process_was_dead_comes_late_and_once() {
    let mut world = World::start().await;
    let user = world.guild.users[1].clone();
    let talk = world.guild.channels[0].clone();
    let due_ms = world.remind(&user, "turn off the stove", 1_000).await;
    world.deployment.kill("up").await;
    eventually("its time is long over", || async { (now_ms() > due_ms + 6_000).then_some(()) }).await;
    world.deployment.start("up", &["up"]);
    world.deployment.ready("up").await;
    let said = world.said(&talk, "turn off the stove").await;
    let content = said["content"].as_str().expect("text");
    assert!(content.ends_with(" s late"), "{content}");
    // What comes later shows that nothing is said twice.
    for text in ["later", "last"] {
        world.remind(&user, text, 2_500).await;
        world.said(&talk, &format!("Reminder: {text}")).await;
    }
    assert_eq!(world.containing(&talk, "turn off the stove").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_greeted_and_every_reminder_said_once_though_the_roles_are_aborted_again_and_again() {
    const NEWCOMERS: usize = 12;
    let world = World::start().await;
    let (talk, welcome) = (world.guild.channels[0].clone(), world.guild.channels[1].clone());
    let role = world.role().await;
    world.set("greeting", json!({"enabled": true, "channel": welcome, "message": "Hello {id}."})).await;
    world.set("roles", json!({"autoroles": [role]})).await;
    let user = world.guild.users[1].clone();
    let mut newcomers = Vec::new();
    for n in 0..NEWCOMERS {
        let joined = world.discord.post("/join", json!({"guild": world.guild.id, "name": format!("new{n}")})).await;
        newcomers.push(joined["user"].as_str().expect("an id").to_owned());
        world.remind(&user, &format!("thing {n}."), 300).await;
        for role in ["handlers", "timers", "commands-api", "sender"].iter().take(1 + n % 4) {
            world.deployment.abort("up", role).await;
        }
        world.deployment.ready("up").await;
    }
    for (n, newcomer) in newcomers.iter().enumerate() {
        world.said(&welcome, &format!("Hello {newcomer}.")).await;
        world.said(&talk, &format!("Reminder: thing {n}.")).await;
        eventually("the role is given", || async { (world.given(&role, newcomer).await > 0).then_some(()) }).await;
    }
    world.remind(&user, "the end", 500).await;
    world.said(&talk, "the end").await;
    for (n, newcomer) in newcomers.iter().enumerate() {
        assert_eq!(world.containing(&welcome, &format!("Hello {newcomer}.")).await.len(), 1);
        assert_eq!(world.containing(&talk, &format!("Reminder: thing {n}.")).await.len(), 1);
    }
}
