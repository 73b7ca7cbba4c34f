use miso_command_catalogue::{Directory, Wanted};
use miso_model::{ChannelId, GuildId, MessageId, UserId};
use serde_json::json;

use super::*;

pub(crate) fn said(line: &str) -> BotCommand {
    BotCommand {
        event_id: "s/1".to_owned(),
        guild_id: Some(GuildId(1)),
        channel_id: ChannelId(2),
        user_id: UserId(3),
        message_id: MessageId(4 << 22),
        prefix: "!".to_owned(),
        line: line.to_owned(),
        message: br#"{"mentions":[{"id":"9"}]}"#.to_vec().into(),
        at_ms: 0,
        event_partition: 0,
        event_offset: 0,
    }
}

/// A guild with the channels 2 (where the bot may do everything) and 6 (where it may only look), the
/// voice channel 7, and the roles 8 (which it can give) and 9 (which it cannot).
struct Kitchen;

impl Directory for Kitchen {
    fn role(&self, wanted: Wanted<'_>) -> Option<u64> {
        match wanted {
            Wanted::Id(id) => [8, 9, 10].contains(&id).then_some(id),
            Wanted::Name(name) => (name == "Cooks").then_some(8),
        }
    }

    fn channel(&self, wanted: Wanted<'_>) -> Option<u64> {
        match wanted {
            Wanted::Id(id) => [2, 6, 7].contains(&id).then_some(id),
            Wanted::Name(name) => (name == "bots").then_some(2),
        }
    }

    fn has_member(&self, user: u64) -> bool {
        [3, 9].contains(&user)
    }
}

impl Surroundings for Kitchen {
    fn bot_in(&self, channel: ChannelId) -> Permissions {
        if channel.0 == 2 { Permissions::ALL } else { Permissions::VIEW_CHANNEL }
    }

    fn channel_kind(&self, channel: ChannelId) -> Option<u8> {
        Some(if channel.0 == 7 { 2 } else { 0 })
    }

    fn assignable(&self, role: u64) -> Result<(), String> {
        if role == 9 { Err("above Miso's role".to_owned()) } else { Ok(()) }
    }

    fn outranked(&self, role: u64) -> bool {
        role == 8
    }
}

fn planned_with(
    command: &BotCommand,
    caller: Permissions,
    rules: &serde_json::Value,
    cooldowns: &mut Cooldowns,
) -> Step {
    let standing = Standing { caller, bot: Permissions::ALL, roles: vec![8], parent: None };
    let values = json!({"commands": {"version": 1, "by": "user/1", "at_ms": 0, "values": rules}});
    let rules = Settings::of(values.as_object().cloned().expect("an object"));
    let people = People::read(&command.message);
    let press = Press::of(command);
    let scene = Scene {
        command,
        press: press.as_ref(),
        people: &people,
        standing: &standing,
        surroundings: &Kitchen,
        rules: &rules,
    };
    plan(&scene, cooldowns)
}

fn planned(command: &BotCommand) -> Step {
    planned_with(command, Permissions::NONE, &json!({}), &mut Cooldowns::default())
}

fn answered(command: &BotCommand) -> String {
    text(planned(command))
}

fn text(step: Step) -> String {
    match step.task {
        Task::Say(document) => document.text.expect("text"),
        other => panic!("{other:?}"),
    }
}

fn managed(line: &str) -> Step {
    planned_with(&said(line), Permissions::MANAGE_GUILD, &json!({}), &mut Cooldowns::default())
}

#[test]
fn commands_go_where_they_are_carried_out() {
    let Task::Ask { command, invocation } = planned(&said("random 1-6")).task else { panic!("asked") };
    assert_eq!((command.name, invocation.args["range"]["to"].as_i64()), ("rng", Some(6)));
    assert_eq!((invocation.context.mentions.as_slice(), invocation.context.user), (&[UserId(9)][..], UserId(3)));
    assert!(matches!(planned(&said("av")).task, Task::Show { command, .. } if command.name == "avatar"));
    let Task::Ask { invocation, .. } = managed("autorole add Cooks").task else { panic!("asked") };
    assert_eq!(invocation.args["value"], "8", "by name");
    assert_eq!(planned(&said("keyword add tea")).matter, Matter::Private);
}

#[test]
fn arguments_that_do_not_fit_are_answered_with_the_word_the_usage_and_examples() {
    let told = answered(&said("rng six"));
    for part in ["`range`", "`six`", "`!rng <n or n-m>`", "`!rng 1-6`"] {
        assert!(told.contains(part), "{told}");
    }
    let foreign = text(managed("greeter channel <#77>"));
    assert!(foreign.contains("`<#77>`") && foreign.contains("no channel of this server"), "{foreign}");
    assert!(text(managed("autorole add <@&77>")).contains("no role of this server"));
    assert!(answered(&said("rank 77")).contains("nobody of this server"));
}

#[test]
fn unknown_words_are_answered_only_where_the_bot_is_meant() {
    let foreign = planned(&said("play music"));
    assert!(matches!((foreign.matter, foreign.task), (Matter::Foreign, Task::Nothing)));
    assert!(answered(&said("hlep")).contains("`!help`"));
    assert!(answered(&BotCommand { guild_id: None, ..said("play") }).contains("`!help`"));
    assert!(answered(&BotCommand { prefix: "<@5>".to_owned(), ..said("play") }).contains("`@me help`"));
}

#[test]
fn a_familys_word_alone_asks_for_its_help_and_with_a_wrong_one_for_its_members() {
    let Task::Ask { command, invocation } = planned(&said("welcome")).task else { panic!("asked") };
    assert_eq!((command.name, invocation.args["command"].as_str()), ("help", Some("greeter")));
    assert!(answered(&said("starboard sing")).contains("toggle, channel, amount"));
    assert!(answered(&said("starboard togle")).contains("`!starboard toggle`"));
}

#[test]
fn commands_of_servers_are_refused_in_direct_messages() {
    assert!(answered(&BotCommand { guild_id: None, ..said("serverinfo") }).contains("servers only"));
}

#[test]
fn what_caller_or_bot_may_not_is_told_before_anything_is_changed() {
    assert!(answered(&said("greeter toggle")).contains("Manage Server"));
    assert!(matches!(managed("greeter toggle").task, Task::Ask { .. }));
    assert!(matches!(managed("greeter channel bots").task, Task::Ask { .. }));
    let mute = text(managed("greeter channel <#6>"));
    assert!(mute.contains("Send Messages, Embed Links in <#6>"), "{mute}");
    assert!(text(managed("greeter channel <#7>")).contains("no channel for messages"));
    assert!(text(managed("autorole add <@&9>")).contains("above Miso's role"));
    assert!(text(managed("autorole add <@&10>")).contains("not below your own highest role"));
}

#[test]
fn a_guilds_rules_are_kept_and_explained() {
    let with = |line: &str, rules| planned_with(&said(line), Permissions::NONE, &rules, &mut Cooldowns::default());
    let Task::Say(document) = with("ship tea", json!({"rules": [{"command": "fun", "enabled": false}]})).task else {
        panic!("told")
    };
    assert_eq!(document.text.as_deref(), Some("`ship` is off in this server."));
    assert_eq!(document.footer.as_deref(), Some("Set in Commands → fun"));
    let elsewhere = json!({"rules": [{"command": "ship", "channels": ["6"]}]});
    assert!(text(with("ship tea", elsewhere)).contains("<#6>"));
    for rules in [json!({"ignored_channels": ["2"]}), json!({"ignored_members": ["3"]})] {
        assert_eq!(with("ship tea", rules).matter, Matter::Ignored);
    }
    let mut cooldowns = Cooldowns::default();
    let slow = json!({"rules": [{"command": "ship", "cooldown_s": 20}]});
    let mut again = |event: &str| {
        let command = BotCommand { event_id: event.to_owned(), ..said("ship tea") };
        planned_with(&command, Permissions::NONE, &slow, &mut cooldowns).matter
    };
    assert_eq!([again("a"), again("b"), again("c")], [Matter::Answer, Matter::Cooldown, Matter::Repeated]);
}

#[test]
fn too_often_is_answered_with_the_time_to_wait() {
    let mut cooldowns = Cooldowns::default();
    let mut steps = Vec::new();
    for n in 0..4 {
        let command = BotCommand { event_id: format!("s/{n}"), ..said("userinfo") };
        steps.push(planned_with(&command, Permissions::NONE, &json!({}), &mut cooldowns));
    }
    assert!(steps[..3].iter().all(|step| matches!(step.task, Task::Show { .. })));
    let Task::Say(document) = &steps[3].task else { panic!("cooled down") };
    assert_eq!((document.colour, document.text.as_deref()), (Colour::Cooldown, Some("`userinfo` again in 30 s.")));
}

#[test]
fn a_pressed_button_turns_its_owners_page_and_changes_nothing() {
    let pressed = |line: &str, owner: &str| {
        let message = json!({
            "id": "7", "token": "t", "type": 3, "channel_id": "2", "data": {"custom_id": format!("p1:1:{owner}:{line}")},
        });
        BotCommand { prefix: String::new(), message: message.to_string().into_bytes().into(), ..said(line) }
    };
    assert!(matches!(planned(&pressed("help", "3")).task, Task::Ask { .. }));
    assert!(answered(&pressed("help", "4")).contains("Only <@4>"));
    assert!(matches!(planned(&pressed("notification clear", "3")).task, Task::Nothing));
}
