use miso_bot_store::Ranked;
use miso_command_catalogue::{Colour, Document, Problem};
use miso_model::{Aggregate, UserId};

use super::{Answered, Call, code};
use crate::decide::activity::xp_of;
use crate::problem::Refusal;

/// Members that a leaderboard lists, at most; clients page them by 10.
const LISTED: i64 = 100;

/// `rank`: somebody's level and place.
pub(crate) async fn rank(call: &Call<'_>) -> Result<Answered, Problem> {
    let (Aggregate::Guild(guild), store) = (call.guild()?, call.api.store()?) else { return Ok(nobody(call).await) };
    let user = call.args.user("member").unwrap_or(call.context.user);
    let failed = |error| Refusal::from(error).0;
    let Some(ranked) = store.rank(guild, user).await.map_err(failed)? else { return Ok(nobody(call).await) };
    let total = store.ranked_members(guild).await.map_err(failed)?;
    Ok(shown(&ranked, total).into())
}

/// `leaderboard`.
pub(crate) async fn leaderboard(call: &Call<'_>) -> Result<Answered, Problem> {
    let (Aggregate::Guild(guild), store) = (call.guild()?, call.api.store()?) else { return Ok(nobody(call).await) };
    let (total, ranked) = store.leaderboard(guild, 0, LISTED).await.map_err(|error| Refusal::from(error).0)?;
    if ranked.is_empty() { Ok(nobody(call).await) } else { Ok(listed(&ranked, total).into()) }
}

fn mention(user: UserId) -> String {
    format!("<@{user}>")
}

fn shown(ranked: &Ranked, total: i64) -> Document {
    let of = ranked.activity;
    let (from, to) = (xp_of(of.level), xp_of(of.level + 1));
    Document::text(Colour::Info, mention(ranked.user))
        .titled(format!("Level {}", of.level))
        .field("Place", format!("#{} of {total}", ranked.rank), true)
        .field("Experience", format!("{} of {to}", of.xp), true)
        .field("Messages", of.messages.to_string(), true)
        .footer(format!("{} to the next level; {}", to - of.xp, bar(of.xp - from, to - from)))
}

/// Ten boxes.
fn bar(part: i64, whole: i64) -> String {
    let full = (part * 10 / whole.max(1)).clamp(0, 10);
    (0..10).map(|index| if index < full { '■' } else { '□' }).collect()
}

fn listed(ranked: &[Ranked], total: i64) -> Document {
    let row = |ranked: &Ranked| {
        let of = ranked.activity;
        format!("**#{}** {} · level {} · {} XP", ranked.rank, mention(ranked.user), of.level, of.xp)
    };
    let members = if total == 1 { "1 member".to_owned() } else { format!("{total} members") };
    Document { rows: ranked.iter().map(row).collect(), ..Document::default() }.titled("Leaderboard").footer(members)
}

/// Nothing was counted: perhaps nothing is.
async fn nobody(call: &Call<'_>) -> Answered {
    let counts = match call.guild() {
        Ok(guild) => call.settings(guild).await.is_ok_and(|settings| settings.switch("activity", "enabled")),
        Err(_) => false,
    };
    let text = if counts {
        "Nothing was counted yet.".to_owned()
    } else {
        let command = code(&format!("{}activity toggle", call.prefix()));
        format!("Activity is not counted here. {command} turns it on, for who manages the server.")
    };
    Document::text(Colour::Info, text).into()
}

#[cfg(test)]
mod tests {
    use miso_bot_store::Activity;

    use super::*;

    #[test]
    fn a_rank_shows_place_experience_and_what_is_left() {
        let activity = Activity { xp: 100, level: 2, messages: 7, window_ms: 0, window_xp: 0 };
        let ranked = Ranked { rank: 3, user: UserId(9), activity };
        let document = shown(&ranked, 12);
        assert_eq!((document.title.as_deref(), document.text.as_deref()), (Some("Level 2"), Some("<@9>")));
        assert_eq!(document.fields[0].value, "#3 of 12");
        assert_eq!(document.footer.as_deref(), Some("53 to the next level; ■■■■■□□□□□"));
        let list = listed(&[ranked], 1);
        assert_eq!(list.rows, ["**#3** <@9> · level 2 · 100 XP"]);
        assert_eq!(list.footer.as_deref(), Some("1 member"));
    }
}
