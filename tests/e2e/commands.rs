//! Every command of the catalogue, said by a simulated user and answered through the whole pipeline.

use std::collections::BTreeMap;

use miso_command_catalogue::{CATALOGUE, Command, Group};
use serde_json::{Value, json};

use crate::harness::{Deployment, Discord, Engines, Guild, engines_are_there, eventually};

/// Commands that one user says, at most: fewer than the bound of all commands in a minute.
const PER_USER: usize = 12;

/// What the answer to each example contains: in its title, its text, a field or its small print. ` | `
/// stands between what depends on whether a message before was counted already.
const EXPECTED: &[(&str, &str)] = &[
    ("ping", "Pong!"),
    ("help", "Configuration"),
    ("help rng", "rng <n or n-m>"),
    ("help starboard", "starboard amount <value>"),
    ("help fun", "Puts 👏 between"),
    ("invite", "discord.com/oauth2/authorize?client_id="),
    ("info", "Servers"),
    ("shardinfo", "0 of 1"),
    ("prefix", "Commands begin with `>`"),
    ("prefix !", "Commands now begin with `!`"),
    ("prefix \"miso \"", "Commands now begin with `miso `"),
    ("greeter toggle", "Greeting is now **on**."),
    ("greeter toggle on", "Greeting was already **on**."),
    ("greeter channel #channel", "**Channel** is now <#"),
    ("greeter message Welcome {mention} to {server}!", "> Welcome {mention} to {server}!"),
    ("goodbyemessage toggle", "Goodbye is now **on**."),
    ("goodbyemessage channel #channel", "**Channel** is now <#"),
    ("goodbyemessage message Farewell, {user}.", "> Farewell, {user}."),
    ("logger members #channel", "**Joins and leaves** is now <#"),
    ("logger members off", "**Joins and leaves** is not set any more."),
    ("logger bans #channel", "**Bans** is now <#"),
    ("logger deleted #channel", "**Deleted messages** is now <#"),
    ("logger edited #channel", "**Edited messages** is now <#"),
    ("starboard toggle", "Starboard is now **on**."),
    ("starboard channel #channel", "**Channel** is now <#"),
    ("starboard amount 5", "**Amount** is now **5**."),
    ("starboard emoji 🌟", "**Emoji** is now 🌟."),
    ("starboard current", "**5**"),
    ("autorole add @role", "<@&"),
    ("autorole remove @role", "none"),
    ("autorole list", "None yet."),
    ("blacklist channel #channel", "**Ignored channels**\n<#"),
    ("blacklist member @member", "**Ignored members**\n<@"),
    ("blacklist show", "Ignored members"),
    ("blacklist delete #channel", "**Ignored channels**\nnone"),
    ("blacklist delete @member", "**Ignored members**\nnone"),
    ("command restrict #channel ship", "`ship` (only channels: <#"),
    ("command disable ship", "on: off"),
    ("command enable ship", "`ship` (only channels: <#"),
    ("command clear ship", "none"),
    ("command add tea Time for tea, {user}!", "`>tea` now answers."),
    ("command edit tea Tea is ready.", "`>tea` now answers otherwise."),
    ("command remove tea", "`>tea` is gone."),
    ("command list", "This server has no commands of its own."),
    ("command search te", "has `te` in its name"),
    ("notification add tea", "`tea` (in one server)"),
    ("notification remove tea", "none"),
    ("notification list", "None yet."),
    ("notification clear", "all of them are gone"),
    ("activity toggle", "Activity is now **on**."),
    ("activity toggle on", "Activity was already **on**."),
    ("rank", "Place | Nothing was counted yet."),
    ("rank @member", "Nothing was counted yet."),
    ("leaderboard", "Leaderboard | Nothing was counted yet."),
    ("fm set ann", "You are **ann** at Last.fm"),
    ("fm profile", "Plays"),
    ("fm profile @member", "Plays | has not told me"),
    ("fm nowplaying", "ann is listening | ann listened"),
    ("fm np @member", "listen | has not told me"),
    ("fm recent", "Latest tracks of ann"),
    ("fm topartists", "Top artists of ann, all time"),
    ("fm topartists month", "Top artists of ann, the last month"),
    ("fm ta 7day @member", "the last 7 days | has not told me"),
    ("fm topalbums year", "Top albums of ann, the last year"),
    ("fm toptracks 3month", "Top tracks of ann, the last 3 months"),
    ("fm artist np", "Listeners"),
    ("fm album np", "Listeners"),
    ("fm cover", " — | no cover"),
    ("fm milestone 100", "Track number 100 of ann"),
    ("fm chart", "ann: top albums, the last 7 days"),
    ("fm chart month 4x4 artist", "ann: top artists, the last month"),
    ("fm colorchart rainbow", "ann: top albums, all time"),
    ("fm youtube", " by "),
    ("fm server nowplaying", "listens to"),
    ("fm server topartists", "Top artists of this server"),
    ("fm s re", "Latest tracks of this server"),
    ("fm voting on", "Voting"),
    ("fm blacklist", "Nobody is left out"),
    ("fm blacklist @member", "is left out of whoknows"),
    ("whoknows", "Who knows"),
    ("wk np", "Who knows"),
    ("whoknowstrack np", "Who knows"),
    ("whoknowsalbum np", "Who knows"),
    ("crowns", "crown"),
    ("fm unset", "I have forgotten your name"),
    ("avatar", "vatar"),
    ("avatar @miso", "/ "),
    ("banner", "anner"),
    ("banner @member", "anner"),
    ("userinfo", "Account created"),
    ("userinfo @miso", "🤖"),
    ("inspect 175928847299117063", "<t:1462015105:D>"),
    ("inspect #channel", "A channel of this server"),
    ("serverinfo", "Members"),
    ("servericon", "icon"),
    ("serverbanner", "banner"),
    ("members", "members"),
    ("roleslist", "roles"),
    ("roleinfo @role", "Permissions"),
    ("remindme in 2h to drink water", "I will remind you in 2h"),
    ("remindme tomorrow 9am to call home", "09:00 (UTC)"),
    ("remindme on 2027-12-01 10:00 to pack", "1 December 2027, 10:00 (UTC)"),
    ("reminders", "drink water"),
    ("reminder cancel 1a2b3c", "I will not remind you of that."),
    ("reminder snooze 1a2b3c 10m", "I will remind you again in 10m"),
    ("reminder snooze 1a2b3c tomorrow 9am", "09:00 (UTC)"),
    ("timezone", "UTC"),
    ("timezone Europe/Helsinki", "Europe/Helsinki"),
    ("timezone tokyo", "Asia/Tokyo"),
    ("choose tea or coffee", "I choose **"),
    ("choose stay in or go out or sleep", "I choose **"),
    ("rng 6", "Random range `0-6`"),
    ("rng 1-6", "Random range `1-6`"),
    ("eightball Will it rain?", "🎱 "),
    ("ship @miso and @member", " 💞 "),
    ("ship tea and coffee", "tea 💞 coffee"),
    ("clap this is fine", "this 👏 is 👏 fine"),
    ("embed https://x.com/ann/status/1900000000000000001 -c", "bowl"),
    ("embed https://blog.example.org/soup", "Ann"),
    ("instagram https://www.instagram.com/p/Cmiso01/", "Ann"),
    ("tiktok https://www.tiktok.com/@ann/video/7300000000000000002", "Ann"),
    ("twitter https://x.com/ann/status/1900000000000000001 -c", "bowl"),
    ("reddit https://www.reddit.com/r/soup/comments/miso1/a_bowl/", "ann"),
    ("bluesky https://bsky.app/profile/ann.bsky.social/post/3kmiso1", "Ann"),
    ("threads https://www.threads.com/@ann/post/Cmiso01", "Ann"),
    ("youtube https://www.youtube.com/watch?v=misovideo02", "Ann"),
    ("mastodon https://mastodon.social/@ann/115000000000000001", "Ann"),
    ("autoembedder x on", "**on**"),
    ("autoembedder bluesky on", "**on**"),
    ("autoembedder mastodon on", "**on**"),
    ("autoembedder reddit on", "**on**"),
    ("autoembedder youtube off", "**off**"),
    ("autoembedder tiktok on", "**on**"),
    ("autoembedder instagram on", "**on**"),
    ("autoembedder threads on", "**on**"),
    ("autoembedder other off", "**off**"),
    ("autoembedder captions on", "**on**"),
    ("autoembedder deletes off", "**off**"),
    ("autoembedder spoilers off", "**off**"),
    ("autoembedder ignore #channel", "channel"),
    ("autoembedder unignore #channel", "channel"),
    ("autoembedder current", "X"),
];

/// Said again on Kafka and PostgreSQL.
const SAMPLE: &[&str] = &["ping", "help", "greeter", "notification", "serverinfo", "remindme", "rng"];

#[test]
fn every_example_of_the_catalogue_has_its_expected_answer() {
    let declared: Vec<&str> = CATALOGUE.commands.iter().flat_map(|command| command.examples).copied().collect();
    let expected: Vec<&str> = EXPECTED.iter().map(|(example, _)| *example).collect();
    assert_eq!(expected, declared);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_answered_through_the_whole_pipeline_on_the_embedded_log() {
    every_example(Engines::Embedded, |_| true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_of_examples_is_answered_through_the_whole_pipeline_on_kafka() {
    if engines_are_there("commands on Kafka") {
        every_example(Engines::KafkaAndPostgres, |command| {
            SAMPLE.iter().any(|word| command.name == *word || command.words().0 == Some(word))
        })
        .await;
    }
}

/// Where an example is said: as a guild's owner.
struct Scene {
    guild: Guild,
    owner: String,
    bot: String,
    /// One that the bot can give.
    role: String,
    direct: Option<String>,
    /// Ids of reminders that were set.
    reminders: Vec<String>,
}

impl Scene {
    async fn new(discord: &Discord, guild: Guild, bot: &str) -> Self {
        let owner = discord.owner(&guild.id).await;
        let all = discord.get("/guilds").await;
        let found = all.as_array().into_iter().flatten().find(|other| other["id"] == json!(guild.id)).expect("there");
        let mut roles = found["roles"].as_array().into_iter().flatten().filter_map(Value::as_str);
        // The bot's own role was made first, the members' last.
        let role = roles.rfind(|role| *role != guild.id).expect("a role").to_owned();
        Self { guild, owner, bot: bot.to_owned(), role, direct: None, reminders: Vec::new() }
    }

    /// The line for an example. A mention works whatever the prefix has become.
    fn line(&self, example: &str) -> String {
        let member = self.guild.users.iter().find(|user| **user != self.owner).expect("another member");
        let said = example
            .replace("@miso", &format!("<@{}>", self.bot))
            .replace("@member", &format!("<@{member}>"))
            .replace("@role", &format!("<@&{}>", self.role))
            .replace("#channel", &format!("<#{}>", self.guild.channels[1]))
            .replace("1a2b3c", self.reminders.last().map_or("1a2b3c", String::as_str));
        if example.starts_with("prefix") { format!("<@{}> {said}", self.bot) } else { format!(">{said}") }
    }

    async fn direct(&mut self, discord: &Discord) -> String {
        if self.direct.is_none() {
            let opened = discord.post("/direct", json!({"user": self.owner})).await;
            self.direct = opened["channel"].as_str().map(str::to_owned);
        }
        self.direct.clone().expect("a channel")
    }

    /// Says an example; the embed that answers.
    async fn ask(&mut self, discord: &Discord, command: &Command, example: &str) -> Value {
        let channel = self.guild.channels[0].clone();
        let answers_in = if command.private { self.direct(discord).await } else { channel.clone() };
        let before = discord.messages(&answers_in, "0").await.len();
        let said = discord.say(&channel, &self.owner, &self.line(example)).await;
        let answered = eventually(&format!("an answer to {example}"), || async {
            let messages = discord.messages(&answers_in, "0").await;
            let is_answer = |message: &&Value| {
                let refers = message["message_reference"]["message_id"] == json!(said);
                message["author"]["id"] == json!(self.bot) && (refers || command.private)
            };
            messages.iter().skip(before).find(is_answer).cloned()
        })
        .await;
        // Of a reply, Discord lists whom it replies to.
        let mut mentions = answered["mentions"].as_array().into_iter().flatten();
        assert!(mentions.all(|user| user["id"] == json!(self.owner)), "{example} mentions nobody else: {answered}");
        let embed = answered["embeds"][0].clone();
        match command.name {
            "remindme" => self.reminders.extend(reminder_in(&embed)),
            "reminder cancel" => drop(self.reminders.pop()),
            _ => {}
        }
        embed
    }
}

/// The id in `>reminder cancel <id> takes it back`.
fn reminder_in(embed: &Value) -> Option<String> {
    let footer = embed["footer"]["text"].as_str()?;
    footer.split_once("reminder cancel ")?.1.split(' ').next().map(str::to_owned)
}

/// Commands that one user says in one guild: a family of configuration, or a group. What they change
/// together stays together.
fn chunk(command: &Command) -> &'static str {
    match command.group {
        Group::Configuration => command.words().0.unwrap_or(command.words().1),
        group => group.name(),
    }
}

/// All that an embed says.
fn said(embed: &Value) -> String {
    let mut all = vec![&embed["title"], &embed["description"], &embed["footer"]["text"], &embed["image"]["url"]];
    for field in embed["fields"].as_array().into_iter().flatten() {
        all.extend([&field["name"], &field["value"]]);
    }
    all.into_iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

async fn bot_of(discord: &Discord) -> String {
    discord.get("").await["bot"].as_str().expect("an id").to_owned()
}

async fn every_example(engines: Engines, wanted: impl Fn(&Command) -> bool) {
    let discord = Discord::start(&["--guilds", "16", "--channels", "4", "--no-bucket-limits"]).await;
    let mut miso = Deployment::new(&discord, engines, "");
    // Of Last.fm's commands one user says more than the bound of a minute.
    miso.set("MISO_COMMANDS_PER_MINUTE", "0");
    miso.start("up", &["up"]);
    miso.ready("up").await;
    let bot = bot_of(&discord).await;
    let expected: BTreeMap<&str, &str> = EXPECTED.iter().copied().collect();
    let mut guilds = discord.guilds().await.into_iter();
    let mut scene = Scene::new(&discord, guilds.next().expect("a guild"), &bot).await;
    let mut used = 0;
    let mut wrong = Vec::new();
    let commands: Vec<&Command> = CATALOGUE.commands.iter().filter(|command| wanted(command)).collect();
    for together in commands.chunk_by(|a, b| chunk(a) == chunk(b)) {
        let examples: usize = together.iter().map(|command| command.examples.len()).sum();
        if used + examples > PER_USER {
            scene = Scene::new(&discord, guilds.next().expect("enough guilds"), &bot).await;
            used = 0;
        }
        // Where the prefix was changed, the others would not be heard.
        used += if together[0].name == "prefix" { PER_USER } else { examples };
        for command in together {
            for example in command.examples {
                let embed = scene.ask(&discord, command, example).await;
                let part = expected[example];
                if !part.split(" | ").any(|part| said(&embed).contains(part)) {
                    wrong.push(format!("{example}: {part:?} is missing in {embed}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_turned_by_its_buttons_also_after_a_restart() {
    let discord = Discord::start(&["--guilds", "1", "--channels", "2", "--no-bucket-limits"]).await;
    let mut miso = Deployment::new(&discord, Engines::Embedded, "");
    miso.start("up", &["up"]);
    miso.ready("up").await;
    let bot = bot_of(&discord).await;
    let mut scene = Scene::new(&discord, discord.guilds().await.remove(0), &bot).await;
    let channel = scene.guild.channels[0].clone();
    let help = CATALOGUE.by_name("help").expect("declared");
    let first = scene.ask(&discord, help, "help configuration").await;
    assert!(first["footer"]["text"].as_str().is_some_and(|text| text.contains("Page 1 of ")), "{first}");
    let list = discord.messages(&channel, "0").await.pop().expect("the list");
    let id = list["id"].as_str().expect("an id").to_owned();
    let button = list["components"][0]["components"][1]["custom_id"].as_str().expect("a button").to_owned();

    miso.kill("up").await;
    miso.start("up", &["up"]);
    miso.ready("up").await;
    let press = |user: &str, button: &str| json!({"channel": channel, "user": user, "message": id, "name": button});
    discord.post("/interaction", press(&scene.owner, &button)).await;
    let turned = eventually("the second page", || async {
        let message = discord.messages(&channel, "0").await.into_iter().find(|message| message["id"] == json!(id))?;
        let footer = message["embeds"][0]["footer"]["text"].as_str()?.to_owned();
        footer.contains("Page 2 of ").then_some(message)
    })
    .await;
    assert_ne!(turned["embeds"][0]["description"], first["description"]);

    let other = scene.guild.users.iter().find(|user| **user != scene.owner).expect("another").clone();
    let back = turned["components"][0]["components"][0]["custom_id"].as_str().expect("a button").to_owned();
    discord.post("/interaction", press(&other, &back)).await;
    eventually("somebody else is told that they are not theirs", || async {
        let messages = discord.messages(&channel, "0").await;
        messages.iter().any(|message| said(&message["embeds"][0]).contains("turns these pages")).then_some(())
    })
    .await;
    let still = discord.messages(&channel, "0").await.into_iter().find(|message| message["id"] == json!(id));
    assert_eq!(still.expect("the list")["embeds"], turned["embeds"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_runs_commands_as_a_user() {
    let discord = Discord::start(&["--guilds", "1", "--channels", "2", "--no-bucket-limits"]).await;
    let mut miso = Deployment::new(&discord, Engines::Embedded, "");
    miso.set("MISO_CLUSTER_KEY", "a-key-of-the-test-0123456789abcdef");
    miso.start("up", &["up"]);
    miso.ready("up").await;
    let guild = discord.guilds().await.remove(0);
    let owner = discord.owner(&guild.id).await;
    let run = async |line: &[&str]| {
        let as_owner = ["--as", owner.as_str(), "--guild", guild.id.as_str()];
        let arguments: Vec<&str> = ["command"].into_iter().chain(line.iter().copied()).chain(as_owner).collect();
        let output = miso.command(&arguments).output().await.expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, out, err) = run(&["starboard", "amount", "7"]).await;
    assert!(code == Some(0) && out.contains("**7**"), "{out}{err}");
    let (_, out, err) = run(&["starboard", "current"]).await;
    assert!(out.contains("**7**"), "{out}{err}");
    let (code, out, err) = run(&["starboard", "amount", "7", "--permissions", "0"]).await;
    assert!(code == Some(1) && err.contains("Manage Server"), "{out}{err}");
    let (code, _, err) = run(&["rng", "six"]).await;
    assert!(code == Some(2) && err.contains("`six`") && err.contains("Usage"), "{err}");
    let (code, _, err) = run(&["avatar"]).await;
    assert!(code == Some(1) && err.contains("only displays Discord's data"), "{err}");
    let (code, _, err) = run(&["hlep"]).await;
    assert!(code == Some(2) && err.contains("`help`"), "{err}");
}
