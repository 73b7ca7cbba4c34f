//! A command whose handler dies after the commands API has answered it, and before or after the answer is in the log.

use miso_handlers::{COMMANDS_GROUP, CommandsHandlerConfig, Joins, run_commands};
use miso_log::catalogue::{BOT_COMMANDS, BOT_FACTS};
use miso_model::{Fact, LogRecord};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::mortal::{Dies, Mortal};
use crate::setup::{OWNER, PATIENCE, World, all, consumed};

/// Prefixes that were set.
async fn changes(world: &World) -> usize {
    let facts = all(&world.log, BOT_FACTS).await;
    let facts = facts.iter().map(|value| Fact::from_bytes(value).expect("reads"));
    facts.filter(|fact| fact.kind == "SettingsChanged").count()
}

#[tokio::test]
async fn a_command_whose_handler_dies_after_the_api_answered_runs_once_and_is_answered_once() {
    for dies in [Dies::Before, Dies::After] {
        let world = World::new(1).await;
        let api = world.api().await;
        let mut config = CommandsHandlerConfig::new(format!("http://{}", api.address), Some("key".to_owned()));
        config.patience = PATIENCE;
        let message = world.say(0, OWNER, ">prefix ?").await;
        // Only the command handler dies.
        let messages = world.passive(world.log.clone());
        let mortal = Mortal::over(world.log.clone(), dies);
        let mut dying = JoinSet::new();
        dying.spawn(run_commands(
            config,
            mortal.clone(),
            world.state.clone(),
            Joins::default(),
            CancellationToken::new(),
        ));
        mortal.struck(COMMANDS_GROUP).await;
        assert_eq!(changes(&world).await, 1, "the API has answered");
        let answered = world.answers().await.len();
        assert_eq!(answered, usize::from(dies == Dies::After), "its answer stands in the log, or not");
        drop(dying);
        messages.stop().await;

        let handlers = world.handlers(api.address, PATIENCE);
        assert_eq!(world.answer_to(&message).await["color"], json!(0x77_b255), "as the first time");
        consumed(&world.log, COMMANDS_GROUP, BOT_COMMANDS).await;
        handlers.stop().await;
        assert_eq!((changes(&world).await, world.answers().await.len()), (1, 1), "dies {dies:?}");
    }
}
