//! Handlers that start before Discord's state is restored.

use std::time::Duration;

use miso_discord_state::{DiscordState, StateConfig};
use miso_handlers::{
    COMMANDS_GROUP, CommandsHandlerConfig, EVENTS_GROUP, EventsHandlerConfig, FACTS_GROUP, Joins, MESSAGES_GROUP,
    MessagesHandlerConfig, run_commands, run_events, run_facts, run_messages,
};
use miso_log::catalogue::{BOT_COMMANDS, BOT_FACTS, GATEWAY_EVENTS};
use miso_model::GuildId;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::hindered::{Hangs, Hindered};
use crate::passive::arrivals::newcomer;
use crate::passive::facts::reminder;
use crate::passive::posts;
use crate::setup::{MEMBER, OWNER, PATIENCE, World, channel, consumed, guild, now_ms};

/// Who does not wait acts within milliseconds.
const LONG_ENOUGH: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_wait_until_discords_state_is_restored_and_then_act_on_everything() {
    let world = World::new(1).await;
    let here = json!({"enabled": true, "channel": channel(0).to_string()});
    world.set_guild(&json!({"greeting": here})).await;
    let command = world.say(0, OWNER, ">serverinfo").await;
    world.event("GUILD_MEMBER_ADD", Some(GuildId(guild(0))), &newcomer()).await;
    let user = miso_model::Aggregate::User(miso_model::UserId(MEMBER));
    world.fact(user, 1, "ReminderFired", &reminder(Some(channel(0)), now_ms()), now_ms()).await;

    let cancel = CancellationToken::new();
    let restoring = Hindered::over(world.log.clone(), Hangs::Restores);
    let state = DiscordState::start(restoring.clone(), StateConfig::default(), cancel.clone());
    let api = world.api().await;
    let mut handlers = JoinSet::new();
    let both = || (world.log.clone(), state.clone(), cancel.clone());
    let (log, of_discord, end) = both();
    handlers.spawn(run_messages(MessagesHandlerConfig::default(), log, of_discord, Joins::default(), end));
    let (log, of_discord, end) = both();
    handlers.spawn(run_events(EventsHandlerConfig::default(), log, of_discord, Joins::default(), end));
    let (log, of_discord, end) = both();
    handlers.spawn(run_facts(log, of_discord, Joins::default(), end));
    let (log, of_discord, end) = both();
    let config = CommandsHandlerConfig::new(format!("http://{}", api.address), Some("key".to_owned()));
    handlers.spawn(run_commands(config, log, of_discord, Joins::default(), end));
    tokio::time::sleep(LONG_ENOUGH).await;
    assert!(restoring.begun() > 0, "the state is being restored");
    assert!(world.effects().await.is_empty(), "nothing is done without it");
    for group in [MESSAGES_GROUP, EVENTS_GROUP, FACTS_GROUP, COMMANDS_GROUP] {
        let stands = world.log.lag(group).await.expect("lag");
        assert!(stands.iter().all(|partition| partition.next.is_none()), "{group} has passed nothing");
    }

    restoring.let_go();
    let shown = tokio::time::timeout(PATIENCE, world.answer_to(&command)).await.expect("in time");
    assert_eq!(shown["title"], json!("guild 0"));
    for (group, topic) in [
        (MESSAGES_GROUP, GATEWAY_EVENTS),
        (EVENTS_GROUP, GATEWAY_EVENTS),
        (FACTS_GROUP, BOT_FACTS),
        (COMMANDS_GROUP, BOT_COMMANDS),
    ] {
        consumed(&world.log, group, topic).await;
    }
    cancel.cancel();
    while let Some(ended) = handlers.join_next().await {
        ended.expect("no panic").expect("no error");
    }
    let said = world.effects().await.into_iter().filter(|effect| effect.what == posts(channel(0))).count();
    assert_eq!(said, 3, "the answer, the greeting and the reminder");
}
