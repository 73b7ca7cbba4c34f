use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use miso_model::{MessageId, Snowflake};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::{Caller, guild_id};
use super::{query_refused, store_at};
use crate::api::Api;
use crate::problem::Refusal;

/// Days back, at most.
pub const STAR_DAYS: i64 = 30;
/// Stars up to which messages are told apart; those with more count with it.
const TOLD: usize = 100;
const DAY_MS: i64 = 86_400_000;

/// How far back.
#[derive(Debug, Deserialize)]
pub(crate) struct Back {
    days: Option<i64>,
}

/// `GET /v1/guilds/{guild}/stars`: how many messages of the last days had so many stars or more: what a
/// starboard would have caught. Stars are counted while the starboard is on.
pub(crate) async fn counts(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(guild): Path<String>,
    back: Result<Query<Back>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let guild = guild_id(&guild)?;
    caller.may_read(guild)?;
    let Query(back) = back.map_err(query_refused)?;
    let days = back.days.unwrap_or(7).clamp(1, STAR_DAYS);
    let since = MessageId(first_of(miso_http::now_ms() - days * DAY_MS).0);
    let stars = store_at(&api, &headers).await?.star_counts(guild, since).await?;
    Ok(Json(json!({"days": days, "at_least": at_least(&stars)})))
}

/// The least id of Discord's that is made at a time; Unix milliseconds.
fn first_of(ms: i64) -> Snowflake {
    let since = u64::try_from(ms - Snowflake(0).created_ms()).unwrap_or(0);
    Snowflake(since << 22)
}

/// At place 0 the messages with one star or more, and so on, up to the most that any has.
fn at_least(stars: &[i64]) -> Vec<usize> {
    let most = stars.iter().filter_map(|count| usize::try_from(*count).ok()).max().unwrap_or(0).min(TOLD);
    let count_of = |amount: usize| {
        stars.iter().filter(|stars| usize::try_from(**stars).is_ok_and(|stars| stars >= amount)).count()
    };
    (1..=most).map(count_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_by_the_stars_that_they_have_at_least() {
        assert_eq!(at_least(&[5, 2, 1]), [3, 2, 1, 1, 1]);
        assert_eq!(at_least(&[]), Vec::<usize>::new());
        assert_eq!(at_least(&[1_000_000]).len(), TOLD);
    }

    #[test]
    fn the_first_id_of_a_time_is_made_then() {
        assert_eq!(first_of(1_462_015_105_796).created_ms(), 1_462_015_105_796);
        assert_eq!(first_of(0), Snowflake(0), "before Discord began");
    }
}
