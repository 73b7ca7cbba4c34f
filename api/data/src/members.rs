//! Finding members by name. A guild's names are read once and kept lowercased, with the offset of the
//! event that last changed each member: afterwards only what changed is read again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use miso_discord_state::DiscordState;
use miso_model::{GuildId, UserId, slot};
use serde::Deserialize;

/// Members of an answer, at most.
pub const MAX_PAGE: usize = 100;
/// Members whose names are kept, over all guilds; beyond it the guild that was searched longest ago is read
/// again when it is searched again.
pub const MAX_INDEXED: usize = 1_000_000;
/// Members read at once: so long the fold of their partition waits.
const READ_AT_ONCE: usize = 1_000;

/// A search's next page begins after it: how well the last one fitted, and who it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cursor {
    fit: u8,
    user: u64,
}

impl Cursor {
    /// `fit-user`, or a user's id.
    pub(crate) fn read(text: &str) -> Option<Self> {
        match text.split_once('-') {
            Some((fit, user)) => Some(Self { fit: fit.parse().ok()?, user: user.parse().ok()? }),
            None => Some(Self { fit: 0, user: text.parse().ok()? }),
        }
    }

    fn written(self) -> String {
        format!("{}-{}", self.fit, self.user)
    }
}

/// A page of members: the best fits first, then by id.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) users: Vec<UserId>,
    /// Where the next page begins.
    pub(crate) next: Option<String>,
}

/// One member's names.
#[derive(Debug, Clone)]
struct Entry {
    user: u64,
    /// Offset of the event that last changed them.
    at: i64,
    /// Nick, display name and user name, lowercased, a line each.
    names: Arc<str>,
}

impl Entry {
    /// 0: a name or the id is what was asked for; 1: a name begins so; 2: it is somewhere in a name.
    fn fit(&self, query: &str) -> Option<u8> {
        if query.is_empty() || query.parse() == Ok(self.user) {
            return Some(0);
        }
        if !self.names.contains(query) {
            return None;
        }
        let fits = self.names.lines().map(|name| match name.strip_prefix(query) {
            Some("") => 0,
            Some(_) => 1,
            None => 2,
        });
        // A query with a line break spans two names: no name has it.
        fits.min().filter(|_| !query.contains('\n'))
    }
}

#[derive(Debug, Default)]
struct Index {
    /// Where the fold stood when it was read.
    folded: i64,
    /// By id.
    entries: Vec<Entry>,
}

/// The names of the guilds that were searched.
#[derive(Debug, Default)]
pub(crate) struct Indexes(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    clock: u64,
    guilds: HashMap<GuildId, (u64, Arc<Index>)>,
}

impl Indexes {
    /// Members whose names or id fit, `limit` at most, after the cursor.
    pub(crate) fn find(
        &self,
        state: &DiscordState,
        guild: GuildId,
        query: &str,
        after: Option<Cursor>,
        limit: usize,
    ) -> Page {
        let query = query.trim().to_lowercase();
        page(&self.current(state, guild).entries, &query, after, limit)
    }

    fn current(&self, state: &DiscordState, guild: GuildId) -> Arc<Index> {
        let folded = state.folded(slot(guild));
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).take(guild);
        let index = match known {
            Some(index) if index.folded == folded => index,
            known => Arc::new(read(state, guild, folded, known.as_deref())),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keep(guild, Arc::clone(&index));
        index
    }
}

impl Kept {
    fn take(&mut self, guild: GuildId) -> Option<Arc<Index>> {
        self.guilds.get(&guild).map(|(_, index)| Arc::clone(index))
    }

    fn keep(&mut self, guild: GuildId, index: Arc<Index>) {
        self.clock += 1;
        self.guilds.insert(guild, (self.clock, index));
        let mut members: usize = self.guilds.values().map(|(_, index)| index.entries.len()).sum();
        while members > MAX_INDEXED && self.guilds.len() > 1 {
            let Some((&oldest, _)) = self.guilds.iter().min_by_key(|(_, (used, _))| *used) else { break };
            members -= self.guilds.remove(&oldest).map_or(0, |(_, index)| index.entries.len());
        }
    }
}

/// Reads a guild's members; those that did not change are taken over.
fn read(state: &DiscordState, guild: GuildId, folded: i64, known: Option<&Index>) -> Index {
    let old = known.map_or(&[][..], |index| &index.entries);
    let mut at_old = 0;
    let mut entries = Vec::with_capacity(state.known_members(guild));
    let mut after = None;
    loop {
        let last = state.visit_members(guild, after, READ_AT_ONCE, |user, at, json| {
            while old.get(at_old).is_some_and(|entry| entry.user < user.0) {
                at_old += 1;
            }
            entries.push(match old.get(at_old) {
                Some(entry) if entry.user == user.0 && entry.at == at => entry.clone(),
                _ => Entry { user: user.0, at, names: names(json) },
            });
        });
        if last.is_none() {
            return Index { folded, entries };
        }
        after = last;
    }
}

fn names(json: &str) -> Arc<str> {
    #[derive(Deserialize)]
    struct User {
        #[serde(default)]
        username: Option<String>,
        #[serde(default)]
        global_name: Option<String>,
    }
    #[derive(Deserialize)]
    struct Member {
        #[serde(default)]
        nick: Option<String>,
        user: User,
    }
    let Ok(member) = serde_json::from_str::<Member>(json) else { return "".into() };
    let names = [member.nick, member.user.global_name, member.user.username];
    let lowercased: Vec<String> =
        names.into_iter().flatten().map(|name| name.to_lowercase().replace('\n', " ")).collect();
    lowercased.join("\n").into()
}

fn page(entries: &[Entry], query: &str, after: Option<Cursor>, limit: usize) -> Page {
    let limit = limit.clamp(1, MAX_PAGE);
    let fitting = entries.iter().filter_map(|entry| Some(Cursor { fit: entry.fit(query)?, user: entry.user }));
    let mut found: Vec<Cursor> = fitting.filter(|cursor| after.is_none_or(|after| *cursor > after)).collect();
    let more = found.len() > limit;
    if more {
        found.select_nth_unstable(limit);
        found.truncate(limit);
    }
    found.sort_unstable();
    let next = found.last().filter(|_| more).map(|last| last.written());
    Page { users: found.into_iter().map(|cursor| UserId(cursor.user)).collect(), next }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(all: &[(u64, &str)]) -> Vec<Entry> {
        all.iter().map(|(user, names)| Entry { user: *user, at: 0, names: (*names).into() }).collect()
    }

    fn found(entries: &[Entry], query: &str) -> Vec<u64> {
        page(entries, query, None, 100).users.into_iter().map(|user| user.0).collect()
    }

    #[test]
    fn the_best_fits_come_first_whatever_the_script() {
        let all =
            entries(&[(1, "joanna\nmari"), (2, "anna\nx"), (3, "annabel\ny"), (4, "älva\n名前"), (5, "z\nşeyma")]);
        assert_eq!(found(&all, "anna"), [2, 3, 1]);
        assert_eq!(found(&all, "älv"), [4]);
        assert_eq!(found(&all, "名"), [4]);
        assert_eq!(found(&all, "şey"), [5]);
        assert_eq!(found(&all, "3"), [3], "an id");
        assert_eq!(found(&all, "anna\nx"), [] as [u64; 0]);
        assert_eq!(found(&all, ""), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn pages_follow_each_other_without_a_gap_or_a_repeat() {
        let all: Vec<Entry> = (0..250)
            .map(|user| Entry { user, at: 0, names: if user % 3 == 0 { "x an".into() } else { "an x".into() } })
            .collect();
        for query in ["", "an"] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = page(&all, query, after, 40);
                seen.extend(page.users.iter().map(|user| user.0));
                let Some(next) = page.next else { break };
                after = Cursor::read(&next);
                assert!(after.is_some());
            }
            let mut sorted = seen.clone();
            sorted.sort_unstable();
            assert_eq!((sorted, seen.len()), ((0..250).collect::<Vec<_>>(), 250), "{query}");
        }
        assert_eq!(Cursor::read("x"), None);
        assert_eq!(Cursor::read("1-y"), None);
        assert_eq!(Cursor::read("7"), Some(Cursor { fit: 0, user: 7 }));
    }

    #[test]
    fn names_are_read_of_nick_display_and_user_name() {
        let json = r#"{"nick":"Ännä","user":{"id":"1","username":"anna","global_name":"ANNA\nB"}}"#;
        assert_eq!(&*names(json), "ännä\nanna b\nanna");
        assert_eq!(&*names(r#"{"user":{"id":"1"}}"#), "");
        assert_eq!(&*names("[]"), "");
    }

    #[test]
    fn at_the_bound_the_guild_that_was_searched_longest_ago_goes() {
        let index = |count: usize| {
            let entry = Entry { user: 0, at: 0, names: "".into() };
            Arc::new(Index { folded: 0, entries: vec![entry; count] })
        };
        let mut kept = Kept::default();
        kept.keep(GuildId(1), index(MAX_INDEXED / 2));
        kept.keep(GuildId(2), index(MAX_INDEXED / 2));
        kept.keep(GuildId(1), index(MAX_INDEXED / 2));
        kept.keep(GuildId(3), index(1));
        assert!(kept.take(GuildId(2)).is_none() && kept.take(GuildId(1)).is_some() && kept.take(GuildId(3)).is_some());
    }
}
