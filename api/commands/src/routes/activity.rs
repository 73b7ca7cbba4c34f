use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use miso_bot_store::DayCounts;
use miso_command_catalogue::Problem;
use serde::Deserialize;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::caller::{Caller, guild_id, user_id};
use super::{query_refused, store_at};
use crate::api::Api;
use crate::decide::activity::xp_of;
use crate::problem::Refusal;

/// Rows of one page of a leaderboard, at most; more are not refused but cut.
pub const LEADERBOARD_PAGE: i64 = 100;
/// Days of statistics, at most.
pub const STATISTICS_DAYS: i64 = 366;

/// Which rows.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    offset: Option<i64>,
    limit: Option<i64>,
}

/// `GET /v1/guilds/{guild}/leaderboards/xp`.
pub(crate) async fn leaderboard(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(guild): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let guild = guild_id(&guild)?;
    caller.may_read(guild)?;
    let Query(page) = page.map_err(query_refused)?;
    let limit = page.limit.unwrap_or(10).clamp(1, LEADERBOARD_PAGE);
    let offset = page.offset.unwrap_or(0).max(0);
    let (total, rows) = store_at(&api, &headers).await?.leaderboard(guild, offset, limit).await?;
    let row = |row: &miso_bot_store::Ranked| {
        let of = row.activity;
        json!({"rank": row.rank, "user": row.user, "xp": of.xp, "level": of.level, "messages": of.messages})
    };
    Ok(Json(json!({"total": total, "rows": rows.iter().map(row).collect::<Vec<_>>()})))
}

/// `GET /v1/guilds/{guild}/members/{user}/activity`; 404 for who never wrote.
pub(crate) async fn member(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((guild, user)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let (guild, user) = (guild_id(&guild)?, user_id(&user)?);
    caller.may_read(guild)?;
    let store = store_at(&api, &headers).await?;
    let ranked = store.rank(guild, user).await?.ok_or_else(|| {
        Problem::new(404, "no-activity", "Nothing was counted", "Nothing was counted of this member yet.")
    })?;
    let (total, hours) = (store.ranked_members(guild).await?, store.activity_hours(guild, user).await?);
    let of = ranked.activity;
    Ok(Json(json!({
        "rank": ranked.rank,
        "total": total,
        "xp": of.xp,
        "level": of.level,
        "level_xp": xp_of(of.level),
        "next_level_xp": xp_of(of.level + 1),
        "messages": of.messages,
        "hours": hours,
    })))
}

/// How far back.
#[derive(Debug, Deserialize)]
pub(crate) struct Back {
    days: Option<i64>,
}

/// `GET /v1/guilds/{guild}/stats`: the last days, today last, each of them, in UTC.
pub(crate) async fn statistics(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(guild): Path<String>,
    back: Result<Query<Back>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let guild = guild_id(&guild)?;
    caller.may_read(guild)?;
    let Query(back) = back.map_err(query_refused)?;
    let days = days_until(miso_http::now_ms(), back.days.unwrap_or(30).clamp(1, STATISTICS_DAYS));
    let first = days.first().map(String::as_str).unwrap_or_default();
    let (counted, hours) = store_at(&api, &headers).await?.counts(guild, first).await?;
    let day = |day: &String| {
        let none = DayCounts::default();
        let of = counted.iter().find(|counts| counts.day == *day).unwrap_or(&none);
        json!({"day": day, "messages": of.messages, "joins": of.joins, "leaves": of.leaves, "commands": of.commands})
    };
    Ok(Json(json!({"days": days.iter().map(day).collect::<Vec<_>>(), "hours": hours})))
}

/// The last `count` days up to that of `now_ms`, as `2026-11-24`.
fn days_until(now_ms: i64, count: i64) -> Vec<String> {
    let today = OffsetDateTime::from_unix_timestamp(now_ms / 1_000).unwrap_or(OffsetDateTime::UNIX_EPOCH).date();
    let day = |back: i64| {
        let date = today.saturating_sub(Duration::days(back));
        format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
    };
    (0..count).rev().map(day).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_end_with_today_and_cross_months() {
        let now = 1_772_323_199_000; // 2026-02-28T23:59:59Z
        assert_eq!(days_until(now, 2), ["2026-02-27", "2026-02-28"]);
        assert_eq!(days_until(now + 1_000, 3), ["2026-02-27", "2026-02-28", "2026-03-01"]);
    }
}
