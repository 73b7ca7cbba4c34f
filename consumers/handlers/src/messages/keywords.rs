//! Words that people want to be told of. Pure.
//!
//! A keyword is found where it stands as whole words, in any case, with or without an s at its end. To
//! look a message up costs one table look-up per word of it, whatever the number of keywords; what several
//! wait for is looked for once.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use miso_model::{GuildId, UserId};

/// A word or a few that a user wants to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keyword {
    user: UserId,
    /// Only there; everywhere if none.
    guild: Option<GuildId>,
    phrase: Phrase,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Phrase {
    /// In lower case, with single spaces.
    folded: Box<str>,
    /// Its first run of letters and digits, in lower case: the key of the table.
    key: Box<str>,
    /// What stands before that: `#` of `#1`.
    before: Box<str>,
}

impl Keyword {
    /// `None` for a text without any letter or digit.
    pub(crate) fn new(user: UserId, guild: Option<GuildId>, text: &str) -> Option<Self> {
        let spaced = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let first = words(&spaced).next()?;
        let before = spaced[..first.start].into();
        let phrase = Phrase { folded: fold(&spaced).into(), key: fold(&spaced[first]).into(), before };
        Some(Self { user, guild, phrase })
    }
}

/// Where a user's keywords stand in a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) user: UserId,
    /// The first that was found.
    pub(crate) keyword: String,
    /// Bytes of the text, in order, not overlapping. Shared by those who wait for the same.
    pub(crate) at: Arc<Vec<Range<usize>>>,
}

/// A phrase and all who wait for it: it is looked for once, however many they are.
#[derive(Debug)]
struct Wanted {
    phrase: Phrase,
    /// Each with the only guild where they want to know of it.
    by: Vec<(UserId, Option<GuildId>)>,
}

/// All keywords, by their first word.
#[derive(Debug, Default)]
pub(crate) struct Keywords {
    by_word: HashMap<Box<str>, Vec<Wanted>>,
    of_user: HashMap<u64, Vec<Box<str>>>,
}

impl Keywords {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_word.is_empty()
    }

    /// A user's keywords are these now.
    pub(crate) fn set(&mut self, user: UserId, keywords: Vec<Keyword>) {
        for key in self.of_user.remove(&user.0).unwrap_or_default() {
            if let Some(phrases) = self.by_word.get_mut(&key) {
                for wanted in phrases.iter_mut() {
                    wanted.by.retain(|(by, _)| *by != user);
                }
                phrases.retain(|wanted| !wanted.by.is_empty());
                if phrases.is_empty() {
                    self.by_word.remove(&key);
                }
            }
        }
        if keywords.is_empty() {
            return;
        }
        let mut keys = Vec::with_capacity(keywords.len());
        for Keyword { user, guild, phrase } in keywords {
            keys.push(phrase.key.clone());
            let phrases = self.by_word.entry(phrase.key.clone()).or_default();
            match phrases.iter_mut().find(|wanted| wanted.phrase == phrase) {
                Some(wanted) => wanted.by.push((user, guild)),
                None => phrases.push(Wanted { phrase, by: vec![(user, guild)] }),
            }
        }
        self.of_user.insert(user.0, keys);
    }

    /// Who is to be told of a message in a guild, in the order of the text; the first `limit` of them.
    pub(crate) fn find(&self, text: &str, guild: GuildId, limit: usize) -> Vec<Match> {
        let mut found: Vec<Match> = Vec::new();
        let mut index: HashMap<u64, usize> = HashMap::new();
        for (wanted, at) in self.phrases(text) {
            let at = Arc::new(at);
            let here = wanted.by.iter().filter(|(_, only)| only.is_none_or(|only| only == guild));
            for (user, _) in here {
                match index.get(&user.0) {
                    Some(&known) => merge(Arc::make_mut(&mut found[known].at), &at),
                    None if found.len() < limit => {
                        index.insert(user.0, found.len());
                        let keyword = wanted.phrase.folded.to_string();
                        found.push(Match { user: *user, keyword, at: Arc::clone(&at) });
                    }
                    None => {}
                }
            }
        }
        found
    }

    /// The phrases that stand in a text, each with all its places.
    fn phrases(&self, text: &str) -> Vec<(&Wanted, Vec<Range<usize>>)> {
        let mut found: Vec<(&Wanted, Vec<Range<usize>>)> = Vec::new();
        let mut index: HashMap<(&str, usize), usize> = HashMap::new();
        let mut folded = String::new();
        for word in words(text) {
            fold_into(&text[word.clone()], &mut folded);
            let singular = folded.strip_suffix('s');
            for key in [Some(folded.as_str()), singular].into_iter().flatten() {
                let Some((key, phrases)) = self.by_word.get_key_value(key) else { continue };
                for (number, wanted) in phrases.iter().enumerate() {
                    let Some(at) = wanted.phrase.at(text, word.start) else { continue };
                    let known = *index.entry((key, number)).or_insert_with(|| {
                        found.push((wanted, Vec::new()));
                        found.len() - 1
                    });
                    let places = &mut found[known].1;
                    if places.last().is_none_or(|last| last.end <= at.start) {
                        places.push(at);
                    }
                }
            }
        }
        found
    }
}

/// Puts places between others, in order; those that overlap are left out.
fn merge(into: &mut Vec<Range<usize>>, more: &[Range<usize>]) {
    into.extend_from_slice(more);
    into.sort_unstable_by_key(|at| (at.start, std::cmp::Reverse(at.end)));
    let mut end = 0;
    into.retain(|at| {
        let free = at.start >= end;
        if free {
            end = at.end;
        }
        free
    });
}

impl Phrase {
    /// Where it stands in the text, its first word beginning at `word`.
    fn at(&self, text: &str, word: usize) -> Option<Range<usize>> {
        let start = word.checked_sub(self.before.len())?;
        if text.get(start..word)? != &*self.before || text[..start].ends_with(char::is_alphanumeric) {
            return None;
        }
        let mut rest = text[start..].char_indices().peekable();
        let mut wanted = self.folded.chars().peekable();
        while let Some(expected) = wanted.peek().copied() {
            let (_, c) = rest.next()?;
            if c.is_whitespace() && expected == ' ' {
                wanted.next();
                while rest.next_if(|(_, c)| c.is_whitespace()).is_some() {}
                continue;
            }
            for lower in c.to_lowercase() {
                if wanted.next() != Some(lower) {
                    return None;
                }
            }
        }
        let _plural = rest.next_if(|(_, c)| matches!(c, 's' | 'S'));
        let end = rest.peek().map_or(text.len(), |(at, _)| start + at);
        let ends_a_word = text[..end].ends_with(char::is_alphanumeric);
        let goes_on = ends_a_word && rest.peek().is_some_and(|(_, c)| c.is_alphanumeric());
        (!goes_on).then_some(start..end)
    }
}

/// In lower case, character by character, as messages are compared.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

fn fold_into(text: &str, folded: &mut String) {
    folded.clear();
    if text.is_ascii() {
        folded.push_str(text);
        folded.make_ascii_lowercase();
    } else {
        folded.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// Runs of letters and digits.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(char::is_alphanumeric)?;
        let end = text[start..].find(|c: char| !c.is_alphanumeric()).map_or(text.len(), |length| start + length);
        at = end;
        Some(start..end)
    })
}

/// The text with what was found in bold.
pub(crate) fn bold(text: &str, at: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len() + 4 * at.len());
    let mut from = 0;
    for range in at {
        out.push_str(&text[from..range.start]);
        out.push_str("**");
        out.push_str(&text[range.clone()]);
        out.push_str("**");
        from = range.end;
    }
    out.push_str(&text[from..]);
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const GUILD: GuildId = GuildId(1);

    fn keywords(of: &[(u64, &str)]) -> Keywords {
        let mut keywords = Keywords::default();
        let mut by_user: BTreeMap<u64, Vec<Keyword>> = BTreeMap::new();
        for (user, word) in of {
            by_user.entry(*user).or_default().extend(Keyword::new(UserId(*user), None, word));
        }
        for (user, words) in by_user {
            keywords.set(UserId(user), words);
        }
        keywords
    }

    fn bolded(word: &str, text: &str) -> Option<String> {
        let found = keywords(&[(7, word)]).find(text, GUILD, 9);
        found.first().map(|found| bold(text, &found.at))
    }

    #[test]
    fn whole_words_are_found_in_any_case_and_in_the_plural() {
        for (word, text, expected) in [
            ("cat", "a Cat sat", Some("a **Cat** sat")),
            ("cat", "CATS!", Some("**CATS**!")),
            ("cats", "cats", Some("**cats**")),
            ("cat", "concat category cat5", None),
            ("cat", "cat, cat-like, cat's", Some("**cat**, **cat**-like, **cat**'s")),
            ("new york", "in New  York now", Some("in **New  York** now")),
            ("new york", "newyork new yorker", None),
            ("boss", "boss bosss", Some("**boss** **bosss**")),
            ("c++", "I like C++.", Some("I like **C++**.")),
            ("#1", "we are #1", Some("we are **#1**")),
            ("#1", "we are 1 #12", None),
            ("straße", "STRASSE Straße", Some("STRASSE **Straße**")),
            ("İstanbul", "İSTANBUL", Some("**İSTANBUL**")),
            ("miso soup", "miso", None),
            ("no", "", None),
        ] {
            assert_eq!(bolded(word, text).as_deref(), expected, "{word} in {text}");
        }
        assert_eq!(Keyword::new(UserId(1), None, " ?! "), None);
    }

    #[test]
    fn each_user_is_told_once_of_all_their_words_and_of_their_guild_only() {
        let mut all = keywords(&[(7, "cat"), (7, "dog"), (8, "dog")]);
        all.set(UserId(9), Keyword::new(UserId(9), Some(GuildId(2)), "cat").into_iter().collect());
        let found = all.find("dog and cat and dog", GUILD, 9);
        assert_eq!(found.iter().map(|found| (found.user.0, found.at.len())).collect::<Vec<_>>(), [(7, 3), (8, 2)]);
        let elsewhere: Vec<u64> = all.find("cat", GuildId(2), 9).iter().map(|found| found.user.0).collect();
        assert_eq!(elsewhere, [7, 9]);
        all.set(UserId(7), Vec::new());
        assert_eq!(all.find("dog and cat", GUILD, 9).len(), 1);
        all.set(UserId(8), Vec::new());
        all.set(UserId(9), Vec::new());
        assert!(all.is_empty() && all.of_user.is_empty());
    }

    #[test]
    fn a_word_that_thousands_wait_for_is_looked_for_once_and_the_first_are_told() {
        let mut all = Keywords::default();
        for user in 0..5_000 {
            all.set(UserId(user), Keyword::new(UserId(user), None, "tea").into_iter().collect());
        }
        assert_eq!(all.by_word["tea"].len(), 1, "one phrase");
        let text = "tea ".repeat(1_000);
        let found = all.find(&text, GUILD, 1_000);
        assert_eq!((found.len(), found[999].at.len()), (1_000, 1_000));
        assert!(found.iter().all(|one| Arc::ptr_eq(&one.at, &found[0].at)), "one list of places");
        all.set(UserId(7), Keyword::new(UserId(7), None, "green tea").into_iter().collect());
        let found = all.find("tea, green tea", GUILD, 5_000);
        let of = |user: u64| found.iter().find(|one| one.user.0 == user).map(|one| bold("tea, green tea", &one.at));
        assert_eq!(of(6).as_deref(), Some("**tea**, green **tea**"));
        assert_eq!(of(7).as_deref(), Some("tea, **green tea**"));
    }

    proptest! {
        #[test]
        fn no_text_and_no_keyword_is_too_strange(word in ".{1,12}", text in "\\PC{0,60}", around in ".{0,3}") {
            let _ = bolded(&word, &text);
            let text = format!("{around} {word} {around}");
            if let Some(bolded) = bolded(&word, &text) {
                prop_assert_eq!(bolded.replace("**", ""), text.replace("**", ""));
            }
        }

        #[test]
        fn a_plain_word_is_found_wherever_it_stands_alone(word in "[a-z]{2,8}", before in "[A-Z .!]{0,9}", after in "[ .!][A-Z .!]{0,9}") {
            let before = if before.is_empty() { before } else { format!("{before} ") };
            let text = format!("{before}{}{after}", word.to_uppercase());
            prop_assert!(bolded(&word, &text).is_some());
        }
    }
}
