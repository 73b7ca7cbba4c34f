use miso_model::GuildId;
use serde_json::{Value, json};

use super::*;
use crate::key::Kind;

fn member(user: &str, nick: &str) -> Value {
    json!({"guild_id": "7", "user": {"id": user}, "nick": nick, "roles": []})
}

#[test]
fn a_snapshot_is_the_guild_verbatim_without_presences_and_with_the_bot() {
    let d = Given::guild().d();
    assert_eq!((&d["x_unknown"], &d["channels"][0]["x_new"]), (&json!({"n": 1.5}), &json!(true)));
    assert_eq!((&d["unavailable"], &d["presences"], &d["emojis"]), (&json!(false), &json!([]), &json!([{"id": "60"}])));
    assert_eq!(d["members"].as_array().map(Vec::len), Some(2));
    assert_eq!(d["members"][0]["user"]["id"], "99", "the bot first");
    assert_eq!(d["voice_states"], json!([{"user_id": "50", "channel_id": "21"}]));
    assert_eq!(d["threads"][0]["name"], "thread");
}

#[test]
fn the_bot_is_a_member_even_where_discord_did_not_list_it() {
    let mut sent = guild(GUILD);
    sent["members"] = json!([]);
    let d = Given::default().then("GUILD_CREATE", &sent).d();
    assert_eq!(d["members"][0]["user"], json!({"id": "99", "bot": true}));
    assert_eq!(d["members"][0]["joined_at"], "2020-01-01T00:00:00Z");
}

#[test]
fn a_large_guild_lists_the_bot_and_who_speaks() {
    let given = Given::guild().then("GUILD_MEMBER_ADD", &member("51", "x"));
    let found = given.partition.complete(GUILD).expect("the guild");
    let own = json!({"id": "99"}).to_string();
    let d: Value = serde_json::from_slice(&snapshot::render(found, Some((BOT, &own)), 2)).expect("JSON");
    let ids: Vec<&Value> =
        d["members"].as_array().expect("a list").iter().map(|member| &member["user"]["id"]).collect();
    assert_eq!((ids, &d["large"]), (vec![&json!("99"), &json!("50")], &json!(true)));
}

#[test]
fn an_update_changes_its_fields_and_replaces_the_roles_only() {
    let update = json!({"id": "7", "name": "second", "roles": [{"id": "41"}], "emojis": []});
    let d = Given::guild().then("GUILD_UPDATE", &update).d();
    assert_eq!((&d["name"], &d["roles"], &d["emojis"]), (&json!("second"), &json!([{"id": "41"}]), &json!([])));
    assert_eq!((d["channels"].as_array().map(Vec::len), &d["member_count"]), (Some(2), &json!(2)));
}

#[test]
fn channels_come_change_and_go_with_their_threads() {
    let given = Given::guild()
        .then("CHANNEL_CREATE", &json!({"id": "22", "guild_id": "7", "name": "new"}))
        .then("CHANNEL_UPDATE", &json!({"id": "22", "guild_id": "7", "name": "newer"}))
        .then("CHANNEL_PINS_UPDATE", &json!({"channel_id": "22", "guild_id": "7", "last_pin_timestamp": "t"}))
        .then("VOICE_CHANNEL_STATUS_UPDATE", &json!({"id": "21", "guild_id": "7", "status": "music"}))
        .then("CHANNEL_DELETE", &json!({"id": "20", "guild_id": "7"}));
    let d = given.d();
    let expected = json!({"id": "22", "name": "newer", "last_pin_timestamp": "t"});
    assert_eq!((find(&d["channels"], "22"), find(&d["channels"], "20")), (Some(expected), None));
    assert_eq!(find(&d["channels"], "21").expect("there")["status"], "music");
    assert_eq!(d["threads"], json!([]), "the thread of the channel that went");
    assert!(
        given.partition.moved.contains(&(22, Some(GUILD)))
            && given.partition.moved.ends_with(&[(20, None), (30, None)])
    );
}

#[test]
fn threads_are_active_until_archived_deleted_or_left_out_of_a_sync() {
    let create = json!({"id": "31", "guild_id": "7", "parent_id": "20", "newly_created": true});
    let given = Given::guild().then("THREAD_CREATE", &create);
    assert_eq!(find(&given.d()["threads"], "31"), Some(json!({"id": "31", "parent_id": "20"})));
    let given = given.then("THREAD_MEMBERS_UPDATE", &json!({"id": "31", "guild_id": "7", "member_count": 5}));
    assert_eq!(find(&given.d()["threads"], "31").expect("there")["member_count"], 5);
    let archived = json!({"id": "31", "guild_id": "7", "thread_metadata": {"archived": true}});
    let given = given.then("THREAD_UPDATE", &archived);
    assert_eq!(find(&given.d()["threads"], "31"), None);
    let sync =
        json!({"guild_id": "7", "channel_ids": ["21"], "threads": [{"id": "32", "parent_id": "21"}], "members": []});
    let given = given.then("THREAD_LIST_SYNC", &sync);
    assert!(find(&given.d()["threads"], "30").is_some() && find(&given.d()["threads"], "32").is_some());
    let given = given.then("THREAD_LIST_SYNC", &json!({"guild_id": "7", "threads": [], "members": []}));
    assert_eq!(given.d()["threads"], json!([]));
    let given = given.then("THREAD_CREATE", &create).then("THREAD_DELETE", &json!({"id": "31", "guild_id": "7"}));
    assert_eq!(given.d()["threads"], json!([]));
}

#[test]
fn roles_come_change_and_go() {
    let role = |name: &str| json!({"guild_id": "7", "role": {"id": "41", "name": name}});
    let given = Given::guild().then("GUILD_ROLE_CREATE", &role("a")).then("GUILD_ROLE_UPDATE", &role("b"));
    assert_eq!(find(&given.d()["roles"], "41"), Some(json!({"id": "41", "name": "b"})));
    let given = given.then("GUILD_ROLE_DELETE", &json!({"guild_id": "7", "role_id": "41"}));
    assert_eq!(find(&given.d()["roles"], "41"), None);
}

#[test]
fn members_come_change_and_go_and_are_counted() {
    let given = Given::guild().then("GUILD_MEMBER_ADD", &member("51", "new"));
    assert_eq!(given.d()["member_count"], 3);
    let given = given
        .then("GUILD_MEMBER_UPDATE", &json!({"guild_id": "7", "user": {"id": "50", "username": "eve"}, "nick": "n"}));
    let expected = json!({"user": {"id": "50", "username": "eve"}, "roles": ["40"], "nick": "n"});
    assert_eq!(find(&given.d()["members"], "50"), Some(expected), "what an update leaves out stays");
    let given = given.then("GUILD_MEMBER_REMOVE", &json!({"guild_id": "7", "user": {"id": "51"}}));
    assert_eq!((find(&given.d()["members"], "51"), &given.d()["member_count"]), (None, &json!(2)));
    let chunk = json!({"guild_id": "7", "members": [{"user": {"id": "52"}}, {"user": {"id": "53"}}], "chunk_index": 0});
    let given = given.then("GUILD_MEMBERS_CHUNK", &chunk);
    assert_eq!((given.d()["members"].as_array().map(Vec::len), &given.d()["member_count"]), (Some(4), &json!(2)));
}

#[test]
fn voice_states_follow_who_is_in_a_channel() {
    let state =
        |user: &str, channel: Value| json!({"guild_id": "7", "user_id": user, "channel_id": channel, "member": {}});
    let given = Given::guild()
        .then("VOICE_STATE_UPDATE", &state("51", json!("21")))
        .then("VOICE_STATE_UPDATE", &state("50", Value::Null));
    assert_eq!(given.d()["voice_states"], json!([{"channel_id": "21", "user_id": "51"}]));
}

#[test]
fn whole_lists_and_listed_elements_are_fields_of_the_guild() {
    let event = |name: &str| json!({"id": "70", "guild_id": "7", "name": name});
    let given = Given::guild()
        .then("GUILD_EMOJIS_UPDATE", &json!({"guild_id": "7", "emojis": [{"id": "61"}]}))
        .then("GUILD_STICKERS_UPDATE", &json!({"guild_id": "7", "stickers": [{"id": "62"}]}))
        .then("GUILD_SCHEDULED_EVENT_CREATE", &event("a"))
        .then("GUILD_SCHEDULED_EVENT_UPDATE", &event("b"))
        .then("STAGE_INSTANCE_CREATE", &json!({"id": "71", "guild_id": "7"}));
    let d = given.d();
    assert_eq!((&d["emojis"], &d["stickers"]), (&json!([{"id": "61"}]), &json!([{"id": "62"}])));
    assert_eq!(
        (d["guild_scheduled_events"][0]["name"].as_str(), d["stage_instances"].as_array().map(Vec::len)),
        (Some("b"), Some(1))
    );
    let d = given
        .then("GUILD_SCHEDULED_EVENT_DELETE", &event("b"))
        .then("STAGE_INSTANCE_DELETE", &json!({"id": "71", "guild_id": "7"}))
        .d();
    assert_eq!((&d["guild_scheduled_events"], &d["stage_instances"]), (&json!([]), &json!([])));
}

#[test]
fn another_guild_create_replaces_all_but_the_members() {
    let given = Given::guild().then("GUILD_MEMBER_ADD", &member("51", "kept"));
    let mut again = guild(GUILD);
    again["channels"] = json!([{"id": "23"}]);
    (again["threads"], again["voice_states"]) = (json!([]), json!([]));
    let d = given.then("GUILD_CREATE", &again).d();
    assert_eq!((&d["channels"], &d["threads"], &d["voice_states"]), (&json!([{"id": "23"}]), &json!([]), &json!([])));
    assert!(find(&d["members"], "51").is_some());
}

#[test]
fn an_outage_is_a_flag_and_a_removal_forgets_everything() {
    let given = Given::guild().then("GUILD_DELETE", &json!({"id": "7", "unavailable": true}));
    assert!(given.partition.complete(GUILD).expect("known").is_unavailable());
    assert_eq!(given.d()["unavailable"], false, "a snapshot is what is known");
    let given = given.then("GUILD_CREATE", &guild(GUILD));
    assert!(!given.partition.complete(GUILD).expect("known").is_unavailable());
    assert!(!given.partition.was_join(given.next - 1, GuildId(GUILD)), "the end of an outage is no join");
    let given = given.then("GUILD_DELETE", &json!({"id": "7"}));
    assert_eq!(given.snapshot(GUILD), None);
    let given = given.then("GUILD_MEMBER_ADD", &member("51", "late")).then("GUILD_CREATE", &guild(GUILD));
    assert!(given.partition.was_join(given.next - 1, GuildId(GUILD)));
    assert_eq!(find(&given.d()["members"], "51"), None, "members of the old presence are gone");
}

#[test]
fn only_a_guild_that_no_ready_listed_and_nobody_knew_is_a_join() {
    let given = Given::default().then_record(&shard_ready(&[GUILD]));
    assert_eq!((given.partition.guilds.len(), given.snapshot(GUILD)), (1, None), "known, not complete");
    let given =
        given.then("GUILD_CREATE", &guild(GUILD)).then("GUILD_CREATE", &guild(8)).then("GUILD_CREATE", &guild(8));
    let joins = [(1, GUILD), (2, 8), (3, 8)].map(|(at, id)| given.partition.was_join(at, GuildId(id)));
    assert_eq!(joins, [false, true, false]);
    let given = given.then("GUILD_DELETE", &json!({"id": "8"}));
    assert!(given.partition.was_join(2, GuildId(8)), "also when it was left since");
}

#[test]
fn guilds_left_while_away_are_those_that_ready_does_not_list() {
    let given = Given::guild().then("GUILD_CREATE", &guild(8)).then_record(&shard_ready(&[8]));
    assert_eq!((given.snapshot(GUILD), given.snapshot(8).is_some()), (None, true));
    assert_eq!(given.partition.shards.as_ref().map(|shards| &*shards.json), Some("1"));
}

#[test]
fn the_bot_itself_is_known_from_ready_and_its_updates() {
    let ready =
        json!({"user": {"id": "99", "username": "a"}, "application": {"id": "5", "flags": 1}, "session_id": "secret"});
    let given = Given::default().then("READY", &ready).then("USER_UPDATE", &json!({"id": "99", "username": "b"}));
    let own: Value = serde_json::from_str(&given.partition.own.expect("known").json).expect("JSON");
    assert_eq!(own, json!({"application": {"id": "5", "flags": 1}, "user": {"id": "99", "username": "b"}}));
}

#[test]
fn direct_channels_are_kept_apart() {
    let given = Given::default().then("CHANNEL_CREATE", &json!({"id": "80", "type": 1}));
    assert_eq!(given.partition.dms.len(), 1);
    assert_eq!(given.then("CHANNEL_DELETE", &json!({"id": "80"})).partition.dms.len(), 0);
}

#[test]
fn messages_and_unknown_events_change_nothing() {
    let given = Given::guild();
    let before = given.partition.dirty.clone();
    for event_type in ["MESSAGE_CREATE", "TYPING_START", "PRESENCE_UPDATE", "INTERACTION_CREATE", "GUILD_PLANET_CREATE"]
    {
        let record = record(event_type, &json!({"guild_id": "7", "id": "1"}));
        assert_eq!(Partition::concerns(&record).expect("an event"), event_type.starts_with("GUILD_"));
    }
    let given =
        given.then("MESSAGE_CREATE", &json!({"guild_id": "7"})).then("GUILD_PLANET_CREATE", &json!({"guild_id": "7"}));
    assert_eq!(given.partition.dirty, before);
}

#[test]
fn what_is_not_as_documented_is_an_error_and_changes_nothing() {
    let mut given = Given::guild();
    for (event_type, d) in [
        ("CHANNEL_CREATE", json!({"guild_id": "7"})),
        ("GUILD_ROLE_CREATE", json!({"guild_id": "7", "role": 5})),
        ("GUILD_MEMBER_ADD", json!({"guild_id": "7", "user": null})),
        ("GUILD_EMOJIS_UPDATE", json!({"guild_id": "7"})),
        ("CHANNEL_DELETE", json!({"guild_id": "7", "id": "x"})),
    ] {
        assert!(given.partition.fold(50, &record(event_type, &d)).is_err(), "{event_type}");
    }
    assert!(given.partition.fold(50, b"noise").is_err());
    assert_eq!(given.partition.guilds[&GUILD].child(Kind::Channel, 20).map(|child| child.at), Some(0));
}
