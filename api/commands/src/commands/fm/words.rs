//! What was typed after a command of Last.fm's, in any order. Pure.

use miso_model::UserId;

/// A time frame that Last.fm counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Period {
    Week,
    Month,
    Quarter,
    HalfYear,
    Year,
    All,
}

impl Period {
    /// As people type it.
    pub(super) fn read(word: &str) -> Option<Self> {
        Some(match word.to_lowercase().as_str() {
            "7day" | "7days" | "7d" | "week" | "weekly" | "w" => Self::Week,
            "month" | "1month" | "monthly" | "30day" | "30days" | "1m" | "m" => Self::Month,
            "3month" | "3months" | "quarter" | "3m" => Self::Quarter,
            "6month" | "6months" | "halfyear" | "6m" => Self::HalfYear,
            "year" | "12month" | "12months" | "yearly" | "12m" | "y" => Self::Year,
            "alltime" | "overall" | "all" | "total" => Self::All,
            _ => return None,
        })
    }

    /// As the middleware reads it.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Week => "7d",
            Self::Month => "1m",
            Self::Quarter => "3m",
            Self::HalfYear => "6m",
            Self::Year => "12m",
            Self::All => "all",
        }
    }

    /// For people.
    pub(super) fn shown(self) -> &'static str {
        match self {
            Self::Week => "the last 7 days",
            Self::Month => "the last month",
            Self::Quarter => "the last 3 months",
            Self::HalfYear => "the last 6 months",
            Self::Year => "the last year",
            Self::All => "all time",
        }
    }
}

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Words {
    /// The first one who is mentioned.
    pub(super) target: Option<UserId>,
    pub(super) period: Option<Period>,
    /// Columns and rows.
    pub(super) size: Option<(u32, u32)>,
    /// What is left, in order.
    pub(super) rest: Vec<String>,
}

fn mention(word: &str) -> Option<UserId> {
    let id = word.strip_prefix("<@")?.strip_suffix('>')?;
    id.strip_prefix('!').unwrap_or(id).parse().ok().map(UserId)
}

fn size(word: &str) -> Option<(u32, u32)> {
    let (width, height) = word.split_once(['x', 'X', '×'])?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

/// Reads the words of a list or a chart.
pub(super) fn of_list(text: &str) -> Words {
    let mut words = Words::default();
    for word in text.split_whitespace() {
        match (mention(word), Period::read(word), size(word)) {
            (Some(user), ..) => words.target = words.target.or(Some(user)),
            (None, Some(period), _) if words.period.is_none() => words.period = Some(period),
            (None, None, Some(size)) if words.size.is_none() => words.size = Some(size),
            _ => words.rest.push(word.to_owned()),
        }
    }
    words
}

/// What is asked about by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// Whatever is being listened to.
    Playing,
    /// A name alone: an artist, or a title whose artist has to be found.
    Name(String),
    /// A title and its artist.
    Of { title: String, artist: String },
}

/// Reads a name: `np`, `x`, `x | artist`, `x by artist`; and the first one who is mentioned.
pub(super) fn of_name(text: &str) -> (Option<UserId>, Asked) {
    let mut target = None;
    let words: Vec<&str> = text
        .split_whitespace()
        .filter(|word| {
            let user = mention(word);
            target = target.or(user);
            user.is_none()
        })
        .collect();
    let name = words.join(" ");
    if name.is_empty() || name.eq_ignore_ascii_case("np") {
        return (target, Asked::Playing);
    }
    let parts = name.split_once('|').or_else(|| by(&name));
    let asked = match parts.map(|(title, artist)| (title.trim(), artist.trim())) {
        Some((title, artist)) if !title.is_empty() && !artist.is_empty() => {
            Asked::Of { title: title.to_owned(), artist: artist.to_owned() }
        }
        Some(_) | None => Asked::Name(name.trim_matches(['|', ' ']).to_owned()),
    };
    (target, asked)
}

/// At the last ` by `: titles have it more often than artists.
fn by(name: &str) -> Option<(&str, &str)> {
    let at = name.to_ascii_lowercase().rfind(" by ")?;
    Some((&name[..at], &name[at + 4..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_list_come_in_any_order() {
        let words = of_list("4x5 artist <@!7> month padded <@8> week");
        assert_eq!((words.target, words.period, words.size), (Some(UserId(7)), Some(Period::Month), Some((4, 5))));
        assert_eq!(words.rest, ["artist", "padded", "week"]);
        assert_eq!(of_list(""), Words::default());
        for word in ["7day", "week", "month", "3month", "6month", "year", "alltime", "ALLTIME"] {
            assert!(Period::read(word).is_some(), "{word}");
        }
    }

    #[test]
    fn a_name_may_have_its_artist_behind_a_bar_or_by() {
        let asked = |text| of_name(text).1;
        let of = |title: &str, artist: &str| Asked::Of { title: title.to_owned(), artist: artist.to_owned() };
        assert_eq!(asked(""), Asked::Playing);
        assert_eq!(asked("NP"), Asked::Playing);
        assert_eq!(of_name("np <@5>"), (Some(UserId(5)), Asked::Playing));
        assert_eq!(asked("Vivid | HEEJIN"), of("Vivid", "HEEJIN"));
        assert_eq!(asked("Stand by Me by Ben E. King"), of("Stand by Me", "Ben E. King"));
        assert_eq!(asked("  Stand   by"), Asked::Name("Stand by".to_owned()));
        assert_eq!(asked("Vivid |"), Asked::Name("Vivid".to_owned()));
        assert_eq!(asked("İ by ı"), of("İ", "ı"));
    }
}
