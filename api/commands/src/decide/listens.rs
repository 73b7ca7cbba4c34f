//! What was learnt of somebody's listens, and when to look again. Pure.

use std::collections::HashSet;

use miso_bot_store::facts::{LISTENS_SEEN, Listen, ListensSeen};
use miso_bot_store::{AggregateState, Progress, key_of};
use miso_model::{Aggregate, TimerRecord, UserId};
use miso_settings::LASTFM_USER;
use serde::{Deserialize, Serialize};

use super::reminders::TimerDue;
use super::{Decision, Situation, settings};

/// Kind of a request that tells of listens that were fetched.
pub const LISTENS_FETCHED: &str = "ListensFetched";
/// Listens in one fact, at most.
pub const LISTENS_IN_FACT: usize = 500;
/// Listens in one request, at most; further ones are refused with it.
pub const LISTENS_IN_REQUEST: usize = 1_000;
/// A listen may arrive at Last.fm so much later than it was, milliseconds: a phone without a network. What
/// comes later still is not counted.
pub const LISTENS_LATE_MS: i64 = 3 * 60 * 60 * 1_000;
/// How often a listener is looked at, milliseconds.
pub const INDEX_EVERY_MS: i64 = 15 * 60 * 1_000;
/// How often while the past is not known to its beginning, milliseconds.
pub const IMPORT_EVERY_MS: i64 = 60 * 1_000;
/// So soon after a link, milliseconds.
const FIRST_MS: i64 = 1_000;
/// Listeners are spread over so long, milliseconds.
const SPREAD_MS: u64 = 120_000;
/// Kind of a timer that belongs to a listener.
const TIMER: &str = "Listens";

/// Body of a [`LISTENS_FETCHED`] request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListensFetched {
    /// The name at Last.fm that was asked for.
    pub lastfm_user: String,
    /// At most [`LISTENS_IN_REQUEST`].
    pub listens: Vec<Listen>,
    /// Whether they are of before what is known, else of after it.
    pub older: bool,
    /// With `older`: nothing is before them.
    pub complete: bool,
}

/// Key of a listener's timer.
pub(crate) fn timer_key(user: UserId) -> String {
    format!("{}/listens", Aggregate::User(user))
}

/// The name at Last.fm, of one whose plays are kept.
fn indexed(state: &AggregateState) -> Option<String> {
    let settings = settings::settings(state);
    settings.text(LASTFM_USER, "username").filter(|_| settings.switch(LASTFM_USER, "index"))
}

fn timer(user: UserId, due_ms: i64) -> TimerRecord {
    TimerRecord {
        aggregate: Aggregate::User(user).to_string(),
        kind: TIMER.to_owned(),
        due_ms,
        body: b"{}".to_vec().into(),
    }
}

/// After a change of the user's settings: whoever is linked is looked at soon, and whoever is not, never.
pub(crate) fn follow(decision: Decision, situation: Situation<'_>, user: UserId) -> Decision {
    let Some(settings) = decision.settings.clone() else { return decision };
    let after = AggregateState { version: 0, settings };
    let (before, now) = (indexed(situation.state), indexed(&after));
    let due = match now {
        Some(_) if before == now => return decision,
        Some(_) => Some(timer(user, situation.now_ms + FIRST_MS)),
        None if before.is_none() => return decision,
        None => None,
    };
    decision.timer(timer_key(user), due)
}

/// The timer is due: somebody is to be looked at now, and again later.
pub(crate) fn due(situation: Situation<'_>, user: UserId, body: &TimerDue, known: Option<Progress>) -> Decision {
    if body.timer_id != timer_key(user) {
        return Decision::nothing();
    }
    if indexed(situation.state).is_none() {
        return Decision::nothing().timer(timer_key(user), None);
    }
    let every = if known.is_some_and(|known| known.complete) { INDEX_EVERY_MS } else { IMPORT_EVERY_MS };
    let spread = xxhash_rust::xxh3::xxh3_64(user.to_string().as_bytes()) % SPREAD_MS;
    let spread = if every == INDEX_EVERY_MS { i64::try_from(spread).unwrap_or_default() } else { 0 };
    let next = timer(user, situation.now_ms + every + spread);
    Decision { index: Some(user), ..Decision::nothing() }.timer(timer_key(user), Some(next))
}

/// What of the fetched was not seen before. `recent` are the latest that were.
pub(crate) fn fetched(
    situation: Situation<'_>,
    body: ListensFetched,
    known: Option<Progress>,
    recent: &[Listen],
) -> Decision {
    let same = |name: String| key_of(&name) == key_of(&body.lastfm_user);
    // Unlinked, or linked with another name meanwhile.
    if !indexed(situation.state).is_some_and(same) {
        return Decision::nothing();
    }
    let mut seen: HashSet<(i64, String, String)> = recent.iter().map(identity).collect();
    let is_new = |listen: &Listen| match known {
        None => body.older,
        Some(known) if body.older => !known.complete && listen.at_ms < known.oldest_ms,
        Some(known) => listen.at_ms > known.newest_ms - LISTENS_LATE_MS,
    };
    let mut fresh: Vec<Listen> =
        body.listens.into_iter().filter(|listen| is_new(listen) && seen.insert(identity(listen))).collect();
    let ends = body.older && body.complete && known.is_none_or(|known| !known.complete);
    if fresh.is_empty() && !ends {
        return Decision::nothing();
    }
    fresh.sort();
    let (first, last) = (fresh.first().map(|of| of.at_ms), fresh.last().map(|of| of.at_ms));
    let newest_ms = known.map(|known| known.newest_ms).max(last).unwrap_or(situation.now_ms);
    let oldest_ms = match (known.map(|known| known.oldest_ms), first) {
        (Some(known), Some(first)) => known.min(first),
        (known, first) => known.or(first).unwrap_or(newest_ms),
    };
    let complete = ends || known.is_some_and(|known| known.complete);
    let mut parts: Vec<&[Listen]> = fresh.chunks(LISTENS_IN_FACT).collect();
    if parts.is_empty() {
        parts.push(&[]);
    }
    parts.into_iter().fold(Decision::nothing(), |decision, listens| {
        let lastfm_user = body.lastfm_user.clone();
        let fact = ListensSeen { lastfm_user, listens: listens.to_vec(), newest_ms, oldest_ms, complete };
        decision.fact(LISTENS_SEEN, &fact)
    })
}

/// Last.fm tells seconds; two plays of one track in one second are one.
fn identity(listen: &Listen) -> (i64, String, String) {
    (listen.at_ms, key_of(&listen.artist), key_of(&listen.track))
}

#[cfg(test)]
mod tests {
    use miso_model::Request;
    use serde_json::{Value as Json, json};

    use super::super::tests::{facts, request};
    use super::*;

    const USER: UserId = UserId(2);

    fn state(values: &Json) -> AggregateState {
        let json = json!({LASTFM_USER: {"version": 1, "by": "", "at_ms": 0, "values": values}});
        AggregateState { version: 1, settings: json.as_object().cloned().expect("an object") }
    }

    fn asked() -> Request {
        request("user/2", LISTENS_FETCHED, &json!({}))
    }

    fn listen(at_ms: i64, track: &str) -> Listen {
        Listen { at_ms, artist: "HEEJIN".to_owned(), album: None, track: track.to_owned() }
    }

    fn body(listens: &[Listen], older: bool, complete: bool) -> ListensFetched {
        ListensFetched { lastfm_user: "Ann".to_owned(), listens: listens.to_vec(), older, complete }
    }

    fn progress(newest_ms: i64, oldest_ms: i64, complete: bool) -> Option<Progress> {
        Some(Progress { newest_ms, oldest_ms, complete, listens: 1, seen_ms: 0 })
    }

    #[test]
    fn what_was_seen_is_dropped_and_what_came_late_is_not() {
        let (request, state) = (asked(), state(&json!({"username": "ann"})));
        let at = Situation { request: &request, state: &state, now_ms: 9_000_000 };
        let late = 20_000_000;
        let fetched_now = [listen(late - 5_000, "late"), listen(late, "known"), listen(late + 1_000, "new")];
        let decision = fetched(at, body(&fetched_now, false, false), progress(late, 0, true), &[listen(late, "Known")]);
        let of = facts(&decision);
        assert_eq!((of.len(), &of[0].1["newest_ms"], &of[0].1["complete"]), (1, &json!(late + 1_000), &json!(true)));
        let tracks: Vec<_> =
            of[0].1["listens"].as_array().into_iter().flatten().map(|of| of["track"].clone()).collect();
        assert_eq!(tracks, ["late", "new"]);
        let too_late = [listen(late - LISTENS_LATE_MS, "ancient")];
        assert!(fetched(at, body(&too_late, false, false), progress(late, 0, true), &[]).facts.is_empty());
    }

    #[test]
    fn the_past_is_learnt_backwards_to_its_beginning_in_facts_of_bounded_size() {
        let (request, state) = (asked(), state(&json!({"username": "ann"})));
        let at = Situation { request: &request, state: &state, now_ms: 9 };
        let many: Vec<Listen> = (0..1_000).map(|n| listen(10_000 + n, "x")).collect();
        let first = fetched(at, body(&many, true, false), None, &[]);
        let of = facts(&first);
        assert_eq!(of.len(), 2);
        assert!(of.iter().all(|(_, fact)| fact["listens"].as_array().is_some_and(|all| all.len() == LISTENS_IN_FACT)));
        assert_eq!((&of[0].1["newest_ms"], &of[0].1["oldest_ms"]), (&json!(10_999), &json!(10_000)));
        let next =
            fetched(at, body(&[listen(10_000, "x"), listen(5, "y")], true, true), progress(10_999, 10_000, false), &[]);
        let of = facts(&next);
        assert_eq!((&of[0].1["oldest_ms"], &of[0].1["complete"]), (&json!(5), &json!(true)));
        assert_eq!(of[0].1["listens"].as_array().map(Vec::len), Some(1), "what is known is not counted again");
        let again = fetched(at, body(&[listen(5, "y")], true, true), progress(10_999, 5, true), &[]);
        assert!(again.facts.is_empty(), "a repeat does nothing");
        let empty = fetched(at, body(&[], true, true), None, &[]);
        assert_eq!((&facts(&empty)[0].1["newest_ms"], empty.facts.len()), (&json!(9), 1), "a new account");
    }

    #[test]
    fn listens_of_another_name_or_of_nobody_are_not_kept() {
        let request = asked();
        for values in [json!({}), json!({"username": "bob"}), json!({"username": "ann", "index": false})] {
            let state = state(&values);
            let at = Situation { request: &request, state: &state, now_ms: 9 };
            assert!(fetched(at, body(&[listen(1, "x")], true, true), None, &[]).facts.is_empty(), "{values}");
            let due_now = TimerDue { timer_id: timer_key(USER), due_ms: 1 };
            let looked = due(at, USER, &due_now, None);
            assert_eq!(looked.index.is_some(), values["username"] == "bob", "{values}");
        }
    }

    #[test]
    fn a_listener_is_looked_at_again_sooner_while_the_past_is_not_known() {
        let (request, state) = (asked(), state(&json!({"username": "ann"})));
        let at = Situation { request: &request, state: &state, now_ms: 1_000 };
        let due_now = TimerDue { timer_id: timer_key(USER), due_ms: 1 };
        let next = |known| due(at, USER, &due_now, known).timers[0].1.as_ref().expect("again").due_ms - 1_000;
        assert_eq!((next(None), next(progress(1, 1, false))), (IMPORT_EVERY_MS, IMPORT_EVERY_MS));
        assert!((INDEX_EVERY_MS..INDEX_EVERY_MS + 120_000).contains(&next(progress(1, 1, true))));
        let other = TimerDue { timer_id: "user/2/reminder/a".to_owned(), due_ms: 1 };
        assert_eq!(due(at, USER, &other, None), Decision::nothing());
    }

    #[test]
    fn a_link_sets_the_timer_and_its_end_takes_it_back() {
        let request = asked();
        let changed = |before: &Json, after: &Json| {
            let before = state(before);
            let at = Situation { request: &request, state: &before, now_ms: 1_000 };
            let decision = Decision { settings: Some(state(after).settings), ..Decision::nothing() };
            follow(decision, at, USER).timers
        };
        let set = changed(&json!({}), &json!({"username": "ann"}));
        assert_eq!(set[0].1.as_ref().map(|timer| timer.due_ms), Some(2_000));
        assert!(changed(&json!({"username": "ann"}), &json!({"username": "ann", "hidden": true})).is_empty());
        assert_eq!(changed(&json!({"username": "ann"}), &json!({"index": false, "username": "ann"}))[0].1, None);
        assert_eq!(changed(&json!({"username": "ann"}), &json!({}))[0].1, None);
    }
}
