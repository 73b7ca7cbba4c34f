//! The listening index is brought up to date: one listener after the other, when their timer is due.
//!
//! The decider names who is to be looked at; here Last.fm is asked, through the middleware and behind
//! everybody who waits for an answer, and what it says is appended as requests. A listener's past is learnt
//! backwards from the day of the link, some pages at each turn; what is new, forwards, from 3 hours before
//! the newest that is known. A turn that fails or is lost with its process is made up for by the next.

use std::collections::HashSet;
use std::sync::Arc;

use miso_bot_store::facts::Listen;
use miso_bot_store::{BotStore, Listener, Progress};
use miso_command_catalogue::Problem;
use miso_http::now_ms;
use miso_model::{Aggregate, Request, UserId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::decide::listens::{LISTENS_FETCHED, LISTENS_IN_REQUEST, LISTENS_LATE_MS, ListensFetched};
use crate::lastfm::{Lane, Lastfm, Listens};
use crate::problem::Refusal;

/// Listeners that wait to be looked at, at most; one more is left for its next turn.
pub const INDEX_QUEUE: usize = 1_024;
/// Listeners that are looked at at once.
pub const INDEX_AT_ONCE: usize = 2;
/// Pages of the past that are fetched at one turn, at most; the rest is left for the next.
pub const IMPORT_PAGES: usize = 10;
/// Pages of what is new that are fetched of one week, at most: 10,000 listens. More are not counted.
pub const NEW_PAGES: usize = 50;
/// Weeks of what is new that are fetched at one turn, at most.
pub const NEW_WEEKS: usize = 8;
/// Listens on a page: Last.fm's own bound.
const PAGE: &str = "200";
/// Listens in one request.
const TOGETHER: usize = 200;
/// Characters of a name that are kept, at most.
const NAME_CHARS: usize = 256;
/// What is new is fetched in pieces of so long, milliseconds, so that none is left out between two.
const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Where the decider says who is to be looked at.
#[derive(Debug, Clone)]
pub(crate) struct Asked(mpsc::Sender<UserId>);

impl Asked {
    /// Never waits: whoever finds no place has another turn.
    pub(crate) fn ask(&self, users: &[UserId]) {
        for user in users {
            if self.0.try_send(*user).is_err() {
                metrics::counter!("miso_commands_index_skipped_total").increment(1);
            }
        }
    }
}

/// A queue of those who are to be looked at.
pub(crate) fn queue() -> (Asked, mpsc::Receiver<UserId>) {
    let (asked, users) = mpsc::channel(INDEX_QUEUE);
    (Asked(asked), users)
}

/// Looks at those who are asked for, until cancelled.
pub(crate) async fn run(api: Arc<Api>, mut users: mpsc::Receiver<UserId>, cancel: CancellationToken) {
    let mut turns: JoinSet<UserId> = JoinSet::new();
    let mut under_way = HashSet::new();
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            Some(ended) = turns.join_next(), if !turns.is_empty() => {
                match ended {
                    Ok(user) => drop(under_way.remove(&user)),
                    // Whose turn it was is not known: everybody may come again.
                    Err(_) => under_way.clear(),
                }
            }
            user = users.recv(), if turns.len() < INDEX_AT_ONCE => {
                let Some(user) = user else { return };
                if under_way.insert(user) {
                    let api = Arc::clone(&api);
                    turns.spawn(async move {
                        turn(&api, user).await;
                        user
                    });
                }
            }
        }
    }
}

async fn turn(api: &Api, user: UserId) {
    let result = match look(api, user).await {
        Ok(()) => "done",
        Err(problem) => {
            tracing::debug!(problem = problem.slug(), "a listener could not be looked at");
            "failed"
        }
    };
    metrics::counter!("miso_commands_index_turns_total", "result" => result).increment(1);
}

/// One listener's turn.
struct Turn<'a> {
    api: &'a Api,
    lastfm: &'a Lastfm,
    listener: Listener,
    /// Names the requests of this turn.
    at_ms: i64,
    asked: u32,
}

async fn look(api: &Api, user: UserId) -> Result<(), Problem> {
    let Some(lastfm) = &api.lastfm else { return Ok(()) };
    let store = api.store()?;
    let of_store = |error| Refusal::from(error).0;
    let listener = store.listener(user).await.map_err(of_store)?;
    let Some(listener) = listener.filter(|listener| listener.indexed) else { return Ok(()) };
    let mut turn = Turn { api, lastfm, listener, at_ms: now_ms(), asked: 0 };
    if let Some(known) = store.listen_progress(user).await.map_err(of_store)? {
        turn.newer(known).await?;
    }
    turn.older(&store).await
}

impl Turn<'_> {
    /// What came after `known`: one page where it holds all, else week by week. Weeks in which nothing came are
    /// passed over, however many: a listener may have paused for long.
    async fn newer(&mut self, known: Progress) -> Result<(), Problem> {
        let from = known.newest_ms - LISTENS_LATE_MS;
        let (listens, all) = self.pages(Some(from), None, 1).await?;
        if all {
            return self.tell_newer(listens).await;
        }
        let mut weeks_with_listens = 0;
        for (from, to) in weeks(from, self.at_ms) {
            let listens = self.pages(Some(from), to, NEW_PAGES).await?.0;
            weeks_with_listens += usize::from(listens.iter().any(|listen| listen.at_ms > known.newest_ms));
            self.tell_newer(listens).await?;
            if weeks_with_listens == NEW_WEEKS {
                break;
            }
        }
        Ok(())
    }

    async fn tell_newer(&mut self, mut listens: Vec<Listen>) -> Result<(), Problem> {
        listens.sort();
        for part in parts(&listens) {
            self.tell(part, false, false).await?;
        }
        Ok(())
    }

    /// What came before the oldest that is known, some pages.
    async fn older(&mut self, store: &BotStore) -> Result<(), Problem> {
        let known = store.listen_progress(self.listener.user).await.map_err(|error| Refusal::from(error).0)?;
        if known.is_some_and(|known| known.complete) {
            return Ok(());
        }
        let (mut listens, all) = self.pages(None, known.map(|known| known.oldest_ms), IMPORT_PAGES).await?;
        listens.sort_by(|a, b| b.cmp(a));
        if !all {
            whole_seconds(&mut listens);
        }
        let parts: Vec<&[Listen]> = parts(&listens).collect();
        for (index, part) in parts.iter().enumerate() {
            self.tell(part, true, all && index + 1 == parts.len()).await?;
        }
        if parts.is_empty() && all {
            self.tell(&[], true, true).await?;
        }
        Ok(())
    }

    /// Pages, `limit` at most, and whether those were all.
    async fn pages(&self, from: Option<i64>, to: Option<i64>, limit: usize) -> Result<(Vec<Listen>, bool), Problem> {
        let (from, to) = (from.map(|at| at.max(0).to_string()), to.map(|at| at.to_string()));
        let path = ["users", &*self.listener.lastfm_user, "recent"];
        let mut cursor: Option<String> = None;
        let mut listens = Vec::new();
        for _ in 0..limit {
            let mut query = vec![("limit", PAGE)];
            query.extend(from.as_deref().map(|from| ("from", from)));
            query.extend(to.as_deref().map(|to| ("to", to)));
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page: Listens = self.lastfm.get(Lane::Index, &path, &query).await?.data;
            cursor.clone_from(&page.cursor);
            listens.extend(page.tracks.into_iter().filter_map(listen));
            if cursor.is_none() {
                return Ok((listens, true));
            }
        }
        Ok((listens, false))
    }

    async fn tell(&mut self, listens: &[Listen], older: bool, complete: bool) -> Result<(), Problem> {
        let body = ListensFetched {
            lastfm_user: self.listener.lastfm_user.clone(),
            listens: listens.to_vec(),
            older,
            complete,
        };
        let aggregate = Aggregate::User(self.listener.user);
        self.asked += 1;
        let request = Request {
            request_id: format!("listens/{}/{}", self.at_ms, self.asked),
            aggregate: aggregate.to_string(),
            kind: LISTENS_FETCHED.to_owned(),
            expected_version: None,
            actor: "index".to_owned(),
            body: serde_json::to_vec(&body).unwrap_or_default().into(),
            at_ms: self.at_ms,
        };
        self.api.ask(aggregate, &request).await.map(|_| ())
    }
}

/// From `from` to now in weeks; the last one is open, so that what is being played is not cut off.
fn weeks(from: i64, now_ms: i64) -> impl Iterator<Item = (i64, Option<i64>)> {
    let begin = move |at: i64| (at, Some(at + WEEK_MS).filter(|end| *end < now_ms));
    std::iter::successors(Some(begin(from)), move |(_, end)| end.map(begin))
}

/// In requests, none of which ends in the middle of a second: beyond its end nothing of it would be taken
/// for new.
fn parts(listens: &[Listen]) -> impl Iterator<Item = &[Listen]> {
    let mut rest = listens;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = TOGETHER.min(rest.len());
        while end < rest.len().min(LISTENS_IN_REQUEST) && rest[end].at_ms == rest[end - 1].at_ms {
            end += 1;
        }
        let (part, after) = rest.split_at(end);
        rest = after;
        Some(part)
    })
}

/// Of listens, the newest first, that go on: the last second may not be all there.
fn whole_seconds(listens: &mut Vec<Listen>) {
    let Some(last) = listens.last().map(|listen| listen.at_ms) else { return };
    if listens.iter().any(|listen| listen.at_ms != last) {
        listens.retain(|listen| listen.at_ms != last);
    }
}

fn listen(listen: crate::lastfm::Listen) -> Option<Listen> {
    let cut = |text: &str| text.chars().take(NAME_CHARS).collect::<String>();
    let at_ms = listen.played_at.filter(|_| !listen.now_playing)?;
    let (artist, track) = (cut(&listen.track.artist.name), cut(&listen.track.name));
    let album = listen.track.album.map(|album| cut(&album.name)).filter(|album| !album.trim().is_empty());
    (!artist.trim().is_empty() && !track.trim().is_empty()).then_some(Listen { at_ms, artist, album, track })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(at_ms: i64) -> Listen {
        Listen { at_ms, artist: "a".to_owned(), album: None, track: "t".to_owned() }
    }

    #[test]
    fn what_is_new_is_fetched_week_by_week_without_a_gap() {
        let listed = |from, now_ms| weeks(from, now_ms).collect::<Vec<_>>();
        assert_eq!(listed(0, WEEK_MS - 1), [(0, None)]);
        assert_eq!(listed(0, WEEK_MS + 1), [(0, Some(WEEK_MS)), (WEEK_MS, None)]);
        let long = listed(0, WEEK_MS * 100);
        assert!(long.len() == 100 && long.windows(2).all(|pair| pair[0].1 == Some(pair[1].0)));
    }

    #[test]
    fn no_request_ends_in_the_middle_of_a_second() {
        let mut listens: Vec<Listen> = (0..TOGETHER as i64 - 1).map(at).collect();
        listens.extend([at(1_000), at(1_000), at(1_001)]);
        let sizes: Vec<usize> = parts(&listens).map(<[Listen]>::len).collect();
        assert_eq!(sizes, [TOGETHER + 1, 1]);
        let mut newest_first = vec![at(9), at(8), at(8)];
        whole_seconds(&mut newest_first);
        assert_eq!(newest_first, [at(9)]);
        let mut one_second = vec![at(8), at(8)];
        whole_seconds(&mut one_second);
        assert_eq!(one_second.len(), 2);
    }

    #[test]
    fn what_is_being_played_or_has_no_name_is_no_listen() {
        let read = |json: &str| listen(serde_json::from_str(json).expect("reads"));
        let playing = r#"{"name":"t","artist":{"name":"a"},"now_playing":true,"played_at":null}"#;
        assert_eq!(read(playing), None);
        let played = r#"{"name":"t","artist":{"name":"a"},"album":{"name":""},"now_playing":false,"played_at":5}"#;
        assert_eq!(read(played), Some(Listen { track: "t".to_owned(), ..at(5) }));
        assert_eq!(read(r#"{"name":"","artist":{"name":"a"},"played_at":5}"#), None);
    }
}
