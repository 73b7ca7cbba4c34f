//! Guilds, channels, roles, and what people may do.

use miso_model::Permissions;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rig::Rig;

#[tokio::test]
async fn one_s_guilds_say_where_the_bot_is_and_what_one_may_manage() {
    let rig = Rig::start().await;
    let founder = rig.user(0, 0);
    let token = rig.login(founder).await;
    let (_, answer) = rig.get(&token, "/me/guilds").await;
    let of = |id: String| {
        let guilds = answer["guilds"].as_array().expect("guilds");
        guilds.iter().find(|guild| guild["id"] == *id).cloned().expect("it is listed")
    };
    let owned = of(rig.guild(0).to_string());
    assert_eq!(
        (&owned["owner"], &owned["may_manage"], &owned["bot_present"]),
        (&json!(true), &json!(true), &json!(true))
    );
    let moderated = of(rig.guild(1).to_string());
    assert_eq!((&moderated["owner"], &moderated["may_manage"]), (&json!(false), &json!(true)));
    let visited = of(rig.guild(2).to_string());
    assert_eq!((&visited["may_manage"], visited["reason"].is_string()), (&json!(false), true), "{visited}");
    let without = answer["guilds"].as_array().into_iter().flatten().find(|guild| guild["bot_present"] == false);
    assert_eq!(without.expect("a guild without the bot")["may_manage"], true);
    let invite = answer["invite_url"].as_str().expect("an address");
    assert!(invite.starts_with(&rig.simulator.authorize_url()) && invite.contains(&rig.bot()), "{invite}");
    assert!(
        rig.http.get(invite).send().await.expect("a page").text().await.expect("text").contains("Where shall Miso go?")
    );
    let (_, known) = rig.get_for(founder, "/me/guilds").await;
    assert_eq!(known["guilds"].as_array().map(Vec::len), Some(3), "a service knows those with the bot");
}

#[tokio::test]
async fn a_change_of_roles_counts_at_once_whatever_discord_listed() {
    let rig = Rig::start().await;
    let (guild, user) = (rig.guild(0), rig.user(0, 3));
    let token = rig.login(user).await;
    let me = format!("/guilds/{guild}/me");
    let (_, before) = rig.get(&token, &me).await;
    assert_eq!(before["may_manage"], false);
    rig.get(&token, "/me/guilds").await;
    let (_, roles) = rig.get(&token, &format!("/guilds/{guild}/roles")).await;
    let find = |name: &str| roles["roles"].as_array().into_iter().flatten().find(|role| role["name"] == name).cloned();
    let moderators = find("Moderators").expect("a role")["id"].clone();
    let update = |roles: Value| json!({"guild_id": guild, "user": {"id": user, "username": "x"}, "roles": roles});
    rig.tell("GUILD_MEMBER_UPDATE", &update(json!([moderators]))).await;
    let (_, after) = rig.get(&token, &me).await;
    assert_eq!((&after["may_manage"], &after["roles"]), (&json!(true), &json!([moderators])));
    let (_, listed) = rig.get(&token, "/me/guilds").await;
    let here = listed["guilds"].as_array().into_iter().flatten().find(|listed| listed["id"] == json!(guild));
    assert_eq!(here.expect("listed")["may_manage"], true);
    rig.tell("GUILD_MEMBER_UPDATE", &update(json!([]))).await;
    assert_eq!(rig.get(&token, &me).await.1["may_manage"], false, "and is lost at once");
}

#[tokio::test]
async fn channels_stand_in_order_with_what_the_bot_may_and_hidden_ones_are_for_who_manages() {
    let rig = Rig::start().await;
    let guild = rig.guild(0);
    let names = async |user: usize, what: &str| {
        let token = rig.login(rig.user(0, user)).await;
        let (status, answer) = rig.get(&token, &format!("/guilds/{guild}/{what}")).await;
        assert_eq!(status, StatusCode::OK);
        let list = answer[what].as_array().cloned().expect("a list");
        assert!(list.iter().all(|one| one["bot_permissions"] == json!(Permissions::ALL)), "an administrator");
        list.iter().filter_map(|one| one["name"].as_str().map(str::to_owned)).collect::<Vec<String>>()
    };
    let (owners, members) = (names(0, "channels").await, names(2, "channels").await);
    assert!(owners.contains(&"mod-chat".to_owned()) && !members.contains(&"mod-chat".to_owned()), "{members:?}");
    assert!(names(1, "channels").await.contains(&"logs".to_owned()), "moderators see them");
    let at = |name: &str| owners.iter().position(|other| other == name).expect("listed");
    assert!(at("Text") < at("general") && at("general") < at("Information") && at("Information") < at("starboard"));
    assert_eq!(names(2, "threads").await, ["recipes"]);
}

#[tokio::test]
async fn permissions_in_a_channel_are_the_bot_s_or_a_member_s() {
    let rig = Rig::start().await;
    let (guild, member) = (rig.guild(0), rig.user(0, 2));
    let token = rig.login(rig.user(0, 0)).await;
    let path = |channel: &str, user: &str| format!("/guilds/{guild}/channels/{channel}/permissions?user={user}");
    let names = |answer: &Value| answer["names"].as_array().cloned().unwrap_or_default();
    let (announcements, staff) = (rig.channel(0, "announcements"), rig.channel(0, "mod-chat"));
    let (_, bot) = rig.get(&token, &path(&announcements, "bot")).await;
    assert!(names(&bot).contains(&json!("Administrator")));
    let (_, reader) = rig.get(&token, &path(&announcements, &member.to_string())).await;
    assert!(names(&reader).contains(&json!("View Channel")) && !names(&reader).contains(&json!("Send Messages")));
    let (_, shut) = rig.get(&token, &path(&staff, &member.to_string())).await;
    assert_eq!(shut["permissions"], "0");
    for (channel, user) in [("5", "bot"), (announcements.as_str(), "6")] {
        assert_eq!(rig.get(&token, &path(channel, user)).await.0, StatusCode::NOT_FOUND);
    }
    assert_eq!(rig.get(&token, &path("x", "bot")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(rig.get(&token, &path(&announcements, "x")).await.0, StatusCode::BAD_REQUEST);
    let plain = rig.login(member).await;
    assert_eq!(rig.get(&plain, &path(&staff, "bot")).await.0, StatusCode::NOT_FOUND, "it is hidden from them");
    assert_eq!(rig.get(&plain, &path(&announcements, "bot")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn roles_say_which_the_bot_can_give_and_why_not() {
    let rig = Rig::start().await;
    let token = rig.login(rig.user(0, 2)).await;
    let (_, answer) = rig.get(&token, &format!("/guilds/{}/roles", rig.guild(0))).await;
    let roles = answer["roles"].as_array().cloned().expect("roles");
    let reason = |name: &str| {
        let role = roles.iter().find(|role| role["name"] == name).expect("a role");
        assert_eq!(role["assignable"].as_bool(), Some(role["reason"].is_null()));
        role["reason"].as_str().map(str::to_owned)
    };
    assert_eq!(reason("Artists"), None);
    assert_eq!(reason("Moderators").as_deref(), Some("above Miso's role"));
    assert_eq!(reason("Subscribers").as_deref(), Some("managed by an integration"));
    assert_eq!(reason("@everyone").as_deref(), Some("@everyone"));
    assert_eq!(reason("Miso").as_deref(), Some("managed by an integration"));
    assert!(roles.is_sorted_by_key(|role| std::cmp::Reverse(role["position"].as_i64())));
    assert!(roles.iter().any(|role| role["color"].as_u64().is_some_and(|colour| colour > 0)));
}
