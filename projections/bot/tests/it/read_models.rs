//! Given these facts, when a query asks, then it answers this: on every engine.

use miso_bot_store::facts::{
    ACTIVITY_COUNTED, ActivityCounted, COUNTS_ADDED, MEMBER_FORGOTTEN, PERSONAL_DATA_DELETED, REMINDER_CANCELLED,
    REMINDER_FIRED, REMINDER_SET, REMINDER_SNOOZED, STAR_COUNTED, STAR_POSTED, STARS_CLEARED, StarAct,
};
use miso_bot_store::{Activity, FIRED_KEPT_MS};
use miso_model::{Aggregate, GuildId, MessageId, UserId};
use serde_json::json;

use crate::engines::{another, engines};
use crate::given::{GUILD, USER, activity, counts, fact, fired, given, prefixed, reminder, star};

const ID: GuildId = GuildId(1_000);
const ME: UserId = UserId(2_000);

#[tokio::test]
async fn settings_hold_the_last_change_and_the_audit_every_one() {
    for engine in engines().await {
        let changes = [
            prefixed(GUILD, 1, Some("!")),
            fact(GUILD, 2, "SomethingNewer", &json!({})),
            prefixed(GUILD, 3, Some("?")),
            prefixed(GUILD, 4, None),
            prefixed(USER, 1, Some("+")),
        ];
        let bot = given(&engine, &changes).await;
        let state = bot.aggregate("guild/1000").await.expect("reads");
        assert_eq!((state.version, &state.settings["general"]["values"]), (4, &json!({})), "{}", engine.name);
        let audit = bot.audit("guild/1000", None, None, 2).await.expect("reads");
        assert_eq!(audit.iter().map(|entry| entry.version).collect::<Vec<_>>(), [4, 3]);
        assert_eq!((audit[1].by.as_str(), audit[1].via.as_str(), audit[1].at_ms), ("user/1", "panel", 1_003));
        assert_eq!((&audit[1].before["prefix"], &audit[1].after["prefix"]), (&json!(null), &json!("?")));
        let older = bot.audit("guild/1000", Some("general"), Some(3), 9).await.expect("reads");
        assert_eq!(older.iter().map(|entry| entry.version).collect::<Vec<_>>(), [1]);
        assert!(bot.audit("guild/1000", Some("logs"), None, 9).await.expect("reads").is_empty());
        assert_eq!(bot.audit_entry("guild/1000", 3).await.expect("reads").expect("there").module_version, 3);
        assert_eq!(bot.audit_entry("guild/1000", 2).await.expect("reads"), None);
        let since = bot.changes_since("guild/1000", "general", 1, 9).await.expect("reads");
        assert_eq!(since.iter().map(|entry| entry.module_version).collect::<Vec<_>>(), [3, 4]);
    }
}

#[tokio::test]
async fn activity_ranks_members_and_knows_their_hours() {
    for engine in engines().await {
        let counted = |version, members| fact(GUILD, version, ACTIVITY_COUNTED, &ActivityCounted { members });
        let many: Vec<_> = (100..140).map(|user| activity(user, 5, 0)).collect();
        let facts = [
            counted(1, vec![activity(1, 10, 3), activity(2, 90, 4)]),
            counted(2, vec![activity(1, 20, 3), activity(1, 30, 5), activity(3, 90, 4)]),
            counted(3, many),
            fact(
                Aggregate::Guild(GuildId(1_001)),
                1,
                ACTIVITY_COUNTED,
                &ActivityCounted { members: vec![activity(1, 999, 1)] },
            ),
        ];
        let bot = given(&engine, &facts).await;
        let (total, top) = bot.leaderboard(ID, 0, 3).await.expect("reads");
        let top: Vec<_> = top.iter().map(|ranked| (ranked.rank, ranked.user.0, ranked.activity.xp)).collect();
        assert_eq!((total, top), (43, vec![(1, 2, 90), (2, 3, 90), (3, 1, 30)]), "{}", engine.name);
        let (_, next) = bot.leaderboard(ID, 3, 50).await.expect("reads");
        assert_eq!((next.len(), next[0].rank), (40, 4));
        let rank = |user| bot.rank(ID, UserId(user));
        assert_eq!(rank(3).await.expect("reads").map(|ranked| ranked.rank), Some(2), "the lower id comes first");
        assert_eq!(rank(1).await.expect("reads").map(|ranked| ranked.rank), Some(3));
        assert_eq!(rank(9).await.expect("reads"), None);
        let hours = bot.activity_hours(ID, UserId(1)).await.expect("reads");
        assert_eq!((hours[3], hours[5], hours.iter().sum::<i64>()), (4, 2, 6));
        let ids: Vec<_> = (1..140).map(UserId).collect();
        let known = bot.activities(ID, &ids).await.expect("reads");
        let one = Activity { xp: 30, level: 1, messages: 6, window_ms: 300_000, window_xp: 10 };
        assert_eq!((known.len(), known[&UserId(1)]), (43, one));
    }
}

#[tokio::test]
async fn counts_add_up_by_day_and_by_hour() {
    for engine in engines().await {
        let facts = [
            fact(GUILD, 1, COUNTS_ADDED, &counts("2026-11-23", 5, 100)),
            fact(GUILD, 2, COUNTS_ADDED, &counts("2026-11-24", 5, 3)),
            fact(GUILD, 3, COUNTS_ADDED, &counts("2026-11-24", 5, 4)),
            fact(GUILD, 4, COUNTS_ADDED, &counts("2026-11-24", 6, 1)),
        ];
        let bot = given(&engine, &facts).await;
        let (days, hours) = bot.counts(ID, "2026-11-24").await.expect("reads");
        assert_eq!(days.len(), 1, "{}", engine.name);
        assert_eq!((days[0].messages, days[0].joins, days[0].leaves, days[0].commands), (8, 3, 0, 6));
        assert_eq!((hours[5], hours[6]), (7, 1));
        assert_eq!(bot.counts(ID, "2026-11-01").await.expect("reads").0.len(), 2);
    }
}

#[tokio::test]
async fn stars_are_counted_per_giver_and_their_post_is_known() {
    for engine in engines().await {
        let posted =
            json!({"message": "7", "channel": "5", "author": "6", "count": 2, "post": "70", "posted_channel": "8"});
        let mut few = star(7, 2, false, 1, StarAct::Remove);
        few.post = Some(MessageId(70));
        let mut facts = vec![
            fact(GUILD, 1, STAR_COUNTED, &star(7, 1, true, 1, StarAct::Nothing)),
            fact(GUILD, 2, STAR_COUNTED, &star(7, 2, true, 2, StarAct::Post)),
        ];
        let message = MessageId(7);
        let bot = given(&engine, &facts).await;
        let starred = bot.starred(ID, message).await.expect("reads").expect("there");
        assert_eq!((starred.stars, starred.post, starred.posting_ms), (2, None, Some(77)), "{}", engine.name);
        assert!(bot.has_starred(ID, message, UserId(2)).await.expect("reads"));
        facts = vec![fact(GUILD, 3, STAR_POSTED, &posted)];
        drop(bot);
        let engine = another(&engine).await;
        let bot = given(&engine, &facts).await;
        let starred = bot.starred(ID, message).await.expect("reads").expect("there");
        assert_eq!(
            (starred.post, starred.posted_channel.map(|id| id.0), starred.posting_ms),
            (Some(MessageId(70)), Some(8), None)
        );
        let engine = another(&engine).await;
        let gone = fact(GUILD, 5, STAR_COUNTED, &star(7, 1, false, 0, StarAct::Nothing));
        let facts = [
            fact(GUILD, 2, STAR_COUNTED, &star(7, 2, true, 2, StarAct::Post)),
            fact(GUILD, 3, STAR_POSTED, &posted),
            fact(GUILD, 4, STAR_COUNTED, &few),
        ];
        let bot = given(&engine, &facts).await;
        let starred = bot.starred(ID, message).await.expect("reads").expect("there");
        assert_eq!((starred.stars, starred.post, starred.posted_channel), (1, None, None));
        assert!(!bot.has_starred(ID, message, UserId(2)).await.expect("reads"));
        let engine = another(&engine).await;
        let bot = given(&engine, &[facts[2].clone(), gone]).await;
        assert_eq!(bot.starred(ID, message).await.expect("reads"), None, "nobody stars it any more");
        let engine = another(&engine).await;
        let facts = [
            fact(GUILD, 1, STAR_COUNTED, &star(7, 1, true, 1, StarAct::Nothing)),
            fact(GUILD, 2, STAR_COUNTED, &star(7, 2, true, 2, StarAct::Nothing)),
            fact(GUILD, 3, STARS_CLEARED, &json!({"message": "7"})),
        ];
        let bot = given(&engine, &facts).await;
        for user in [1, 2] {
            assert!(!bot.has_starred(ID, message, UserId(user)).await.expect("reads"), "{user}");
        }
    }
}

#[tokio::test]
async fn reminders_wait_fire_and_are_forgotten_after_a_day() {
    for engine in engines().await {
        let at = |mut fact: miso_model::Fact, at_ms| {
            fact.at_ms = at_ms;
            fact
        };
        let facts = [
            at(fact(USER, 1, REMINDER_SET, &reminder("late", 900)), 10),
            at(fact(USER, 2, REMINDER_SET, &reminder("soon", 100)), 11),
            at(fact(USER, 3, REMINDER_SET, &reminder("never", 200)), 12),
            at(fact(USER, 4, REMINDER_CANCELLED, &json!({"id": "never"})), 13),
            at(fact(USER, 5, REMINDER_FIRED, &fired("soon", 2_000)), 100),
            at(fact(USER, 6, REMINDER_SNOOZED, &json!({"id": "late", "due_ms": 950})), 101),
        ];
        let bot = given(&engine, &facts).await;
        let known = bot.reminders(ME).await.expect("reads");
        let seen: Vec<_> = known.iter().map(|of| (of.id.as_str(), of.due_ms, of.fired_ms)).collect();
        assert_eq!(seen, [("soon", 100, Some(100)), ("late", 950, None)], "{}", engine.name);
        assert_eq!((known[1].text.as_str(), known[1].channel.map(|id| id.0)), ("tea", Some(5)));
        let engine = another(&engine).await;
        let later = [
            facts[0].clone(),
            facts[1].clone(),
            facts[4].clone(),
            at(fact(USER, 6, REMINDER_SNOOZED, &json!({"id": "soon", "due_ms": 150})), 101),
            at(fact(USER, 7, REMINDER_FIRED, &fired("soon", 2_000)), 150),
            at(fact(USER, 8, REMINDER_FIRED, &fired("late", 2_000)), 151 + FIRED_KEPT_MS),
        ];
        let bot = given(&engine, &later).await;
        let ids: Vec<_> = bot.reminders(ME).await.expect("reads").into_iter().map(|of| of.id).collect();
        assert_eq!(ids, ["late"], "what fired a day ago is forgotten");
    }
}

#[tokio::test]
async fn personal_data_is_found_by_table_and_gone_after_its_deletion() {
    for engine in engines().await {
        let members = vec![activity(2_000, 50, 3), activity(3, 9, 3)];
        let facts = [
            fact(GUILD, 1, ACTIVITY_COUNTED, &ActivityCounted { members }),
            fact(GUILD, 2, STAR_COUNTED, &star(7, 2_000, true, 1, StarAct::Nothing)),
            {
                let mut change = prefixed(GUILD, 3, Some("!"));
                change.actor = "user/2000".to_owned();
                change
            },
            {
                let mut change = prefixed(USER, 1, Some("!"));
                change.actor = "user/2000".to_owned();
                change
            },
            fact(USER, 2, REMINDER_SET, &reminder("a", 900)),
        ];
        let bot = given(&engine, &facts).await;
        let data = bot.personal_data(ME).await.expect("reads");
        assert_eq!(data.activity.iter().map(|(guild, of)| (guild.0, of.xp)).collect::<Vec<_>>(), [(1_000, 50)]);
        assert_eq!((data.stars, data.changes, data.own_changes, data.executions), (1, 1, 1, 2), "{}", engine.name);
        let engine = another(&engine).await;
        let mut all = facts.to_vec();
        all.push(fact(GUILD, 4, MEMBER_FORGOTTEN, &json!({"user": "2000"})));
        all.push(fact(USER, 3, PERSONAL_DATA_DELETED, &json!({})));
        let bot = given(&engine, &all).await;
        let data = bot.personal_data(ME).await.expect("reads");
        assert_eq!((data.activity.len(), data.own_changes, data.changes), (0, 0, 1));
        assert!(bot.reminders(ME).await.expect("reads").is_empty());
        let state = bot.aggregate("user/2000").await.expect("reads");
        assert_eq!((state.version, state.settings.len()), (3, 0));
        assert_eq!(bot.activity_hours(ID, ME).await.expect("reads"), [0; 24]);
        assert!(bot.rank(ID, UserId(3)).await.expect("reads").is_some(), "others stay");
        let known = bot.executions(&[("user/2000", "user/2000:2"), ("user/2000", "user/2000:3")]).await.expect("reads");
        let answer = |version: i64| known[&("user/2000".to_owned(), format!("user/2000:{version}"))].answer.clone();
        assert_eq!((answer(2).as_str(), answer(3).as_str()), ("{\"deleted\":true}", "{\"version\":3}"));
    }
}
