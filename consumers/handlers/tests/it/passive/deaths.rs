//! Every behaviour, with its handler dropped in the middle: before its transaction took effect, and
//! after it did. The effect happens once.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use miso_handlers::{EVENTS_GROUP, FACTS_GROUP, MESSAGES_GROUP};
use miso_model::{Aggregate, UserId};
use serde_json::{Value, json};

use super::arrivals::{NEW, newcomer, somebody_left};
use super::edits::{changed, gone};
use super::facts::{level, reminder};
use super::messages::keywords;
use super::stars::{counted, our_post, reaction};
use super::{posts, the_guild};
use crate::mortal::{Dies, Mortal};
use crate::setup::{MEMBER, OWNER, World, channel, guild, now_ms, role, side};

/// What happens.
enum Cause {
    Event(&'static str, Value),
    /// Somebody says it, and then it is deleted or edited where that is asked for.
    Said(&'static str),
    Deleted,
    Edited,
    OfGuild(&'static str, Value),
    OfUser(&'static str, Value),
}

impl Cause {
    /// Who acts on it.
    fn group(&self) -> &'static str {
        match self {
            Self::Event(..) | Self::Deleted | Self::Edited => EVENTS_GROUP,
            Self::Said(_) => MESSAGES_GROUP,
            Self::OfGuild(..) | Self::OfUser(..) => FACTS_GROUP,
        }
    }
}

struct Case {
    name: &'static str,
    settings: Value,
    cause: Cause,
    /// What must be there once.
    effect: String,
}

fn case(name: &'static str, settings: Value, cause: Cause, effect: String) -> Case {
    Case { name, settings, cause, effect }
}

fn cases() -> Vec<Case> {
    let (here, log) = (channel(0).to_string(), side(0).to_string());
    let board = json!({"starboard": {"enabled": true, "channel": log, "amount": 1}});
    let levels = json!({"activity": {
        "enabled": true, "announce": true, "channel": log, "rewards": [{"level": 5, "role": role(0).to_string()}],
    }});
    let logs = |what: &str| json!({"logs": {what: log}});
    let saying = |what: &str| json!({what: {"enabled": true, "channel": here}});
    let guild_key = format!("guild/{}", guild(0));
    let give = |user: u64| format!("PUT /guilds/{}/members/{user}/roles/{}", guild(0), role(0));
    let direct = || "POST /users/@me/channels".to_owned();
    let star = |act: &str, post: Option<&str>| Cause::OfGuild("StarCounted", counted(act, 1, post, "42"));
    vec![
        case("greeting", saying("greeting"), Cause::Event("GUILD_MEMBER_ADD", newcomer()), posts(channel(0))),
        case("goodbye", saying("goodbye"), Cause::Event("GUILD_MEMBER_REMOVE", somebody_left()), posts(channel(0))),
        case(
            "autorole",
            json!({"roles": {"autoroles": [role(0).to_string()]}}),
            Cause::Event("GUILD_MEMBER_ADD", newcomer()),
            give(NEW),
        ),
        case("log of joins", logs("members"), Cause::Event("GUILD_MEMBER_ADD", newcomer()), posts(side(0))),
        case("log of leaves", logs("members"), Cause::Event("GUILD_MEMBER_REMOVE", somebody_left()), posts(side(0))),
        case("log of bans", logs("bans"), Cause::Event("GUILD_BAN_ADD", somebody_left()), posts(side(0))),
        case("log of deletions", logs("deleted"), Cause::Deleted, posts(side(0))),
        case("log of edits", logs("edited"), Cause::Edited, posts(side(0))),
        case(
            "star",
            board.clone(),
            Cause::Event("MESSAGE_REACTION_ADD", reaction(MEMBER, "⭐", channel(0))),
            format!("StarChanged {guild_key}"),
        ),
        case(
            "star taken back",
            board.clone(),
            Cause::Event("MESSAGE_REACTION_REMOVE", reaction(MEMBER, "⭐", channel(0))),
            format!("StarChanged {guild_key}"),
        ),
        case(
            "post seen",
            board.clone(),
            Cause::Event("MESSAGE_CREATE", our_post("Starred message 42")),
            format!("StarPosted {guild_key}"),
        ),
        case("post", board.clone(), star("post", None), posts(side(0))),
        case("count", board.clone(), star("edit", Some("5000")), format!("PATCH /channels/{}/messages/5000", side(0))),
        case(
            "end of a post",
            board,
            star("remove", Some("5000")),
            format!("DELETE /channels/{}/messages/5000", side(0)),
        ),
        case("notification", json!({}), Cause::Said("who likes ramen"), direct()),
        case(
            "experience",
            json!({"activity": {"enabled": true}}),
            Cause::Said("four words of mine"),
            format!("ActivityObserved {guild_key}"),
        ),
        case("counts", json!({}), Cause::Said("hello"), format!("CountsObserved {guild_key}")),
        case("announcement", levels.clone(), Cause::OfGuild("LevelReached", level(5)), posts(side(0))),
        case("reward", levels, Cause::OfGuild("LevelReached", level(5)), give(MEMBER)),
        case(
            "reminder",
            json!({}),
            Cause::OfUser("ReminderFired", reminder(Some(channel(0)), now_ms())),
            posts(channel(0)),
        ),
        case("reminder by message", json!({}), Cause::OfUser("ReminderFired", reminder(None, now_ms())), direct()),
    ]
}

async fn happen(world: &World, cause: &Cause) {
    match cause {
        Cause::Event(kind, d) => drop(world.happens(kind, d).await),
        Cause::Said(text) => drop(world.say(0, MEMBER, text).await),
        Cause::Deleted => {
            let message = world.say(0, MEMBER, "oops").await;
            world.happens("MESSAGE_DELETE", &gone(&message, channel(0))).await;
        }
        Cause::Edited => {
            let message = world.say(0, MEMBER, "teh").await;
            world.happens("MESSAGE_UPDATE", &changed(&message, "the", Some("2026-11-24T10:00:00+00:00"))).await;
        }
        Cause::OfGuild(kind, body) => world.fact(Aggregate::Guild(the_guild()), 1, kind, body, now_ms()).await,
        Cause::OfUser(kind, body) => world.fact(Aggregate::User(UserId(MEMBER)), 1, kind, body, now_ms()).await,
    }
}

/// Worlds at a time.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_effect_happens_once_though_its_handler_dies_before_or_after_its_transaction() {
    let deaths = cases().into_iter().flat_map(|case| {
        let case = Arc::new(case);
        [Dies::Before, Dies::After].map(|dies| (Arc::clone(&case), dies))
    });
    stream::iter(deaths).for_each_concurrent(AT_ONCE, |(case, dies)| async move { die(&case, dies).await }).await;
}

async fn die(case: &Case, dies: Dies) {
    let world = World::new(1).await;
    world.set_guild(&case.settings).await;
    world.set_user(OWNER, &keywords(&["ramen"])).await;
    happen(&world, &case.cause).await;
    let mortal = Mortal::over(world.log.clone(), dies);
    let handlers = world.passive(mortal.clone());
    mortal.struck(case.cause.group()).await;
    drop(handlers);
    world.after().await;
    let effects = world.effects().await;
    let count = effects.iter().filter(|effect| effect.what == case.effect).count();
    assert_eq!(count, 1, "{}, dies {dies:?}: {effects:#?}", case.name);
}
