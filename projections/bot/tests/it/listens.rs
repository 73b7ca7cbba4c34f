//! Given listens, when somebody asks who knows what, then the guild's listeners answer: on every engine.

use miso_bot_store::facts::{
    CROWN_TAKEN, LISTENER_LEFT, LISTENS_SEEN, MEMBER_FORGOTTEN, PERSONAL_DATA_DELETED, SEEN_IN_GUILD,
};
use miso_bot_store::{Kind, RECENT_KEPT_MS, Wanted};
use miso_model::{Aggregate, Fact, GuildId, UserId};
use serde_json::json;

use crate::engines::{another, engines};
use crate::given::{GUILD, fact, given, linked, listen, seen};

const ID: GuildId = GuildId(1_000);

fn user(id: u64) -> Aggregate {
    Aggregate::User(UserId(id))
}

fn artist(name: &str) -> Wanted {
    Wanted::Artist(name.to_owned())
}

/// A linked user of the guild, with so many plays of an artist.
fn listener(id: u64, plays: i64) -> Vec<Fact> {
    let listens =
        (0..plays).map(|n| listen(1_000_000 + n * 1_000, "HEEJIN", if n % 2 == 0 { "Vivid" } else { "Algorithm" }));
    vec![
        linked(user(id), 1, None, Some(&format!("u{id}"))),
        fact(user(id), 2, LISTENS_SEEN, &seen(listens.collect(), false)),
        fact(GUILD, i64::try_from(id).expect("small"), SEEN_IN_GUILD, &json!({"user": id.to_string()})),
    ]
}

#[tokio::test]
async fn whoknows_ranks_the_guilds_listeners_and_counts_all_of_them() {
    for engine in engines().await {
        let mut facts: Vec<Fact> = [listener(1, 5), listener(2, 9), listener(3, 1)].concat();
        // Linked, but never seen here.
        facts.push(linked(user(9), 1, None, Some("u9")));
        facts.push(fact(user(9), 2, LISTENS_SEEN, &seen(vec![listen(1_000, "HEEJIN", "Vivid"); 1], false)));
        let bot = given(&engine, &facts).await;
        let known = bot.whoknows(ID, &artist("heejin"), &[]).await.expect("reads");
        let top: Vec<_> = known.top.iter().map(|of| (of.rank, of.user.0, of.plays, of.lastfm_user.as_str())).collect();
        assert_eq!(top, [(1, 2, 9, "u2"), (2, 1, 5, "u1"), (3, 3, 1, "u3")], "{}", engine.name);
        assert_eq!((known.members, known.plays, known.artist.as_deref()), (3, 15, Some("HEEJIN")));
        let without = bot.whoknows(ID, &artist("HEEJIN"), &[UserId(2)]).await.expect("reads");
        assert_eq!((without.members, without.top[0].user), (2, UserId(1)));
        let track = Wanted::Track { artist: "Heejin".to_owned(), name: "ALGORITHM".to_owned() };
        let known = bot.whoknows(ID, &track, &[]).await.expect("reads");
        assert_eq!(known.top.iter().map(|of| of.plays).collect::<Vec<_>>(), [4, 2]);
        let album = Wanted::Album { artist: "HEEJIN".to_owned(), name: "heejin lp".to_owned() };
        assert_eq!(bot.whoknows(ID, &album, &[UserId(1)]).await.expect("reads").plays, 10);
        assert!(bot.whoknows(GuildId(7), &artist("HEEJIN"), &[]).await.expect("reads").top.is_empty());
        let most = bot.guild_played_most(ID, Kind::Tracks, &[], 9).await.expect("reads");
        let most: Vec<_> = most.iter().map(|of| (of.name.as_deref(), of.plays, of.listeners)).collect();
        assert_eq!(most, [(Some("Vivid"), 9, 3), (Some("Algorithm"), 6, 2)], "{}", engine.name);
        let recent = bot.guild_recent(ID, &[UserId(2)], 2).await.expect("reads");
        assert_eq!(
            recent.iter().map(|(user, of)| (user.0, of.at_ms)).collect::<Vec<_>>(),
            [(1, 1_004_000), (1, 1_003_000)]
        );
        assert_eq!(bot.plays(UserId(1), &artist("HEEJIN")).await, Ok(5));
        assert_eq!(bot.guild_listeners(ID, &[], 2).await.expect("reads").len(), 2);
    }
}

#[tokio::test]
async fn whoever_unlinks_hides_or_leaves_is_in_no_list() {
    for engine in engines().await {
        let mut facts = [listener(1, 5), listener(2, 9), listener(3, 7)].concat();
        facts.push(fact(GUILD, 4, CROWN_TAKEN, &json!({"artist": "HEEJIN", "user": "2", "plays": 9})));
        let bot = given(&engine, &facts).await;
        assert_eq!(bot.crown(ID, "heejin").await.expect("reads").map(|crown| crown.user), Some(UserId(2)));
        assert_eq!(bot.crowns_of(ID, UserId(2)).await, Ok(1));
        let engine = another(&engine).await;
        facts.push(linked(user(1), 3, Some("u1"), None));
        facts.push(fact(GUILD, 5, LISTENER_LEFT, &json!({"user": "2"})));
        let hides =
            json!({"lastfm-user": {"version": 2, "by": "", "at_ms": 1, "values": {"username": "u3", "hidden": true}}});
        let body = json!({
            "module": "lastfm-user", "module_version": 2, "before": {"hidden": null}, "after": {"hidden": true},
            "settings": hides,
        });
        facts.push(fact(user(3), 3, "SettingsChanged", &body));
        let bot = given(&engine, &facts).await;
        assert!(bot.whoknows(ID, &artist("HEEJIN"), &[]).await.expect("reads").top.is_empty(), "{}", engine.name);
        assert_eq!(bot.crown(ID, "HEEJIN").await, Ok(None));
        assert!(bot.crowns(ID, None, 9).await.expect("reads").is_empty());
        assert_eq!(bot.listener(UserId(1)).await, Ok(None));
        assert_eq!(bot.listen_progress(UserId(1)).await, Ok(None), "their plays are gone");
        assert_eq!(bot.plays(UserId(3), &artist("HEEJIN")).await, Ok(7), "who hides keeps theirs");
    }
}

#[tokio::test]
async fn another_name_begins_anew_and_the_same_one_keeps_what_is_known() {
    for engine in engines().await {
        let mut facts = listener(1, 5);
        facts.push(linked(user(1), 3, Some("u1"), Some("U1")));
        let bot = given(&engine, &facts).await;
        assert_eq!(bot.plays(UserId(1), &artist("HEEJIN")).await, Ok(5), "{}", engine.name);
        let engine = another(&engine).await;
        facts.push(linked(user(1), 4, Some("U1"), Some("bob")));
        let bot = given(&engine, &facts).await;
        assert_eq!(bot.plays(UserId(1), &artist("HEEJIN")).await, Ok(0));
        assert_eq!(bot.listener(UserId(1)).await.expect("reads").expect("linked").lastfm_user, "bob");
        let engine = another(&engine).await;
        facts.push(fact(user(1), 5, LISTENS_SEEN, &seen(vec![listen(9_000, "Björk", "Jóga")], true)));
        facts.push(fact(GUILD, 2, MEMBER_FORGOTTEN, &json!({"user": "1"})));
        facts.push(fact(user(1), 6, PERSONAL_DATA_DELETED, &json!({})));
        let bot = given(&engine, &facts).await;
        assert_eq!(bot.listener(UserId(1)).await, Ok(None), "deleted");
        assert_eq!(bot.plays(UserId(1), &artist("Björk")).await, Ok(0));
        assert!(bot.guilds_of_listener(UserId(1)).await.expect("reads").is_empty());
    }
}

#[tokio::test]
async fn single_listens_are_kept_for_some_hours_and_counted_for_good() {
    for engine in engines().await {
        let late = 1_000_000 + RECENT_KEPT_MS;
        let facts = [
            linked(user(1), 1, None, Some("ann")),
            fact(user(1), 2, LISTENS_SEEN, &seen(vec![listen(1_000_000, "a", "x"), listen(999_000, "a", "y")], false)),
            fact(user(1), 3, LISTENS_SEEN, &seen(vec![listen(late, "a", "z")], true)),
        ];
        let bot = given(&engine, &facts).await;
        let recent: Vec<_> = bot.recent_listens(UserId(1)).await.expect("reads").iter().map(|of| of.at_ms).collect();
        assert_eq!(recent, [late, 1_000_000], "{}", engine.name);
        let known = bot.listen_progress(UserId(1)).await.expect("reads").expect("known");
        assert_eq!((known.listens, known.newest_ms, known.complete), (3, late, true));
        let most = bot.played_most(UserId(1), None, Kind::Artists, 9).await.expect("reads");
        assert_eq!((most.len(), most[0].plays), (1, 3));
    }
}

#[tokio::test]
async fn whoknows_is_answered_by_keys_not_by_scans() {
    for engine in engines().await {
        let mut facts = Vec::new();
        for id in 1..=60 {
            facts.extend(listener(id, 1));
        }
        let bot = given(&engine, &facts).await;
        let explain = if engine.name == "embedded" { "explain query plan" } else { "explain" };
        let plan = bot.whoknows_plan(ID, &artist("HEEJIN"), explain).await.expect("explains");
        if engine.name == "embedded" {
            for table in ["g", "p", "l"] {
                let by_key = plan.lines().any(|line| line.contains(&format!("SEARCH {table} USING")));
                assert!(by_key, "{table} is looked up by its key:\n{plan}");
            }
            assert!(!plan.contains("SCAN p"), "{plan}");
        }
        assert_eq!(bot.whoknows(ID, &artist("HEEJIN"), &[]).await.expect("reads").members, 60);
    }
}
