//! Members: pages, search, one of them, and users.

use miso_log::catalogue::GATEWAY_COMMANDS;
use miso_model::{GatewayCommand, LogRecord};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::rig::{DEADLINE, Rig};

fn ids(answer: &Value) -> Vec<String> {
    let members = answer["members"].as_array().cloned().expect("members");
    members.iter().map(|member| member["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn pages_list_every_member_once() {
    let rig = Rig::start().await;
    let (guild, token) = (rig.guild(0), rig.login(rig.user(0, 2)).await);
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let (status, page) = rig.get(&token, &format!("/guilds/{guild}/members?limit=7&after={after}")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        assert!(page["members"].as_array().is_some_and(|members| members.len() <= 7));
        seen.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut after);
    }
    let (_, whole) = rig.get(&token, &format!("/guilds/{guild}/members")).await;
    assert_eq!((seen.len(), &seen), (25, &ids(&whole)), "two dozen and the bot");
    for wrong in ["limit=0", "limit=101", "limit=x", "after=x", &format!("query={}", "a".repeat(101))] {
        let (status, problem) = rig.get(&token, &format!("/guilds/{guild}/members?{wrong}")).await;
        assert_eq!((status, &problem["type"]), (StatusCode::BAD_REQUEST, &json!("urn:miso:problem:invalid-query")));
    }
}

#[tokio::test]
async fn a_search_finds_names_in_any_script_and_follows_every_change() {
    let rig = Rig::start().await;
    let (guild, token) = (rig.guild(0), rig.login(rig.user(0, 0)).await);
    let search = async |text: &str| {
        let request = rig.http.get(rig.url(&format!("/guilds/{guild}/members"))).query(&[("query", text)]);
        crate::rig::sent(request.bearer_auth(&token)).await.1
    };
    let user = |id: &str, name: &str, nick: Value| json!({"guild_id": guild, "nick": nick, "roles": [], "user": {"id": id, "username": name, "global_name": null}});
    rig.tell("GUILD_MEMBER_ADD", &user("501", "nozomi", json!("のぞみ"))).await;
    rig.tell("GUILD_MEMBER_ADD", &user("502", "olga", json!("ÖLGÅ Ω"))).await;
    rig.tell("GUILD_MEMBER_ADD", &user("503", "zoë", Value::Null)).await;
    assert_eq!(ids(&search("のぞ").await), ["501"]);
    assert_eq!(ids(&search("ölgå").await), ["502"]);
    assert_eq!(ids(&search("ZOË").await), ["503"]);
    assert_eq!(ids(&search("502").await), ["502"], "by id");
    assert!(ids(&search("virtanen").await).contains(&rig.user(0, 0).to_string()), "a display name");
    assert_eq!(ids(&search("nobody is called so").await), [] as [&str; 0]);
    rig.tell("GUILD_MEMBER_UPDATE", &user("501", "nozomi", json!("Hope"))).await;
    assert_eq!((ids(&search("のぞ").await).len(), ids(&search("hope").await)), (0, vec!["501".to_owned()]));
    rig.tell("GUILD_MEMBER_REMOVE", &json!({"guild_id": guild, "user": {"id": "501"}})).await;
    assert_eq!(ids(&search("hope").await).len(), 0);
}

#[tokio::test]
async fn one_member_and_one_user_are_shown_to_who_shares_a_guild_with_them() {
    let rig = Rig::start().await;
    let (guild, member, far) = (rig.guild(0), rig.user(0, 5), rig.user(2, 5));
    let token = rig.login(rig.user(0, 2)).await;
    let (_, one) = rig.get(&token, &format!("/guilds/{guild}/members/{member}")).await;
    assert_eq!(one["id"], json!(member));
    assert!(one["global_name"].as_str().is_some_and(|name| name.contains(' ')), "{one}");
    let (_, user) = rig.get(&token, &format!("/users/{member}")).await;
    assert_eq!((&user["username"], &user["roles"]), (&one["username"], &Value::Null));
    assert_eq!(rig.get(&token, &format!("/guilds/{guild}/members/{far}")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(rig.get(&token, &format!("/users/{far}")).await.0, StatusCode::NOT_FOUND, "no guild in common");
    let founder = rig.login(rig.user(0, 0)).await;
    assert_eq!(rig.get(&founder, &format!("/users/{far}")).await.0, StatusCode::OK, "a guild in common");
    assert_eq!(rig.get(&token, &format!("/users/{}", rig.bot())).await.0, StatusCode::OK);
    assert_eq!(rig.get(&token, &format!("/users/{}", rig.user(0, 2))).await.0, StatusCode::OK, "oneself");
}

#[tokio::test]
async fn of_a_large_guild_a_search_asks_discord_for_whom_it_does_not_know() {
    let rig = Rig::start().await;
    let (guild, founder) = (rig.guild(0), rig.user(0, 0));
    rig.shard_ready().await;
    let mut d = rig.bot_get(&format!("/guilds/{guild}")).await;
    let one = rig.bot_get(&format!("/guilds/{guild}/members/{founder}")).await;
    (d["members"], d["member_count"], d["channels"]) = (json!([one]), json!(10_000), json!([]));
    rig.tell("GUILD_DELETE", &json!({"id": guild})).await;
    rig.tell("GUILD_CREATE", &d).await;
    let token = rig.login(founder).await;
    let path = format!("/guilds/{guild}/members?query=zo");
    let answers = async {
        let mut commands = rig.log.reader(GATEWAY_COMMANDS, &[(0, 0)]);
        let batch = timeout(DEADLINE, commands.next()).await.expect("in time").expect("readable");
        let command = batch.iter().next().and_then(|record| record.value.clone()).expect("a command");
        let command = GatewayCommand::from_bytes(&command).expect("a command");
        let asked: Value = serde_json::from_slice(&command.d).expect("JSON");
        assert_eq!((command.op, &asked["query"], &asked["guild_id"]), (8, &json!("zo"), &json!(guild)));
        let found = json!({"user": {"id": "900", "username": "zoe"}, "roles": []});
        let chunk =
            json!({"guild_id": guild, "members": [found], "chunk_index": 0, "chunk_count": 1, "nonce": asked["nonce"]});
        rig.tell("GUILD_MEMBERS_CHUNK", &chunk).await;
    };
    let ((_, first), ()) = tokio::join!(rig.get(&token, &path), answers);
    assert_eq!((ids(&first), &first["complete"]), (vec!["900".to_owned()], &json!(false)));
    let before = rig.log.bounds(GATEWAY_COMMANDS, 0).await.expect("readable").latest;
    assert_eq!(ids(&rig.get(&token, &path).await.1), ["900"]);
    assert_eq!(rig.log.bounds(GATEWAY_COMMANDS, 0).await.expect("readable").latest, before, "not asked again at once");
}
