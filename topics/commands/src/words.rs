/// Quotes that open a phrase, and what closes it.
const QUOTES: [(char, char); 4] = [('"', '"'), ('“', '”'), ('„', '“'), ('«', '»')];

/// A word, or a phrase in quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    /// As it was typed, quotes included.
    pub(crate) typed: &'a str,
    /// What it says.
    pub(crate) text: String,
    /// Where it begins in the line, bytes.
    pub(crate) start: usize,
}

/// A phrase begins and does not end; holds what follows the quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unclosed<'a>(pub(crate) &'a str);

/// Splits at white space. Quotes hold a phrase together where they open a word; a backslash before a
/// quote or a backslash takes its meaning away. Apostrophes are letters.
pub(crate) fn words(line: &str) -> Result<Vec<Word<'_>>, Unclosed<'_>> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(skip) = line[at..].find(|c: char| !c.is_whitespace()) {
        let start = at + skip;
        let first = line[start..].chars().next().unwrap_or_default();
        let closing = QUOTES.iter().find(|(open, _)| *open == first).map(|(_, close)| *close);
        let (text, end) = match closing {
            Some(close) => {
                let inside = start + first.len_utf8();
                let (text, length) = phrase(&line[inside..], close).ok_or(Unclosed(&line[inside..]))?;
                (text, inside + length)
            }
            None => bare(&line[start..]),
        };
        let end = if closing.is_some() { end } else { start + end };
        words.push(Word { typed: &line[start..end], text, start });
        at = end;
    }
    Ok(words)
}

/// What stands before the closing quote, and how long it is with it.
fn phrase(rest: &str, close: char) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if chars.peek().is_some_and(|&(_, next)| next == close || next == '\\') => {
                text.extend(chars.next().map(|(_, escaped)| escaped));
            }
            c if c == close => return Some((text, at + c.len_utf8())),
            c => text.push(c),
        }
    }
    None
}

/// A word without quotes, and its length.
fn bare(rest: &str) -> (String, usize) {
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let typed = &rest[..end];
    let text = if let Some(after) = typed.strip_prefix('\\')
        && after.starts_with(|c: char| QUOTES.iter().any(|(open, _)| *open == c))
    {
        after.to_owned()
    } else {
        typed.to_owned()
    };
    (text, end)
}

/// The rest of a line as one text: trimmed, and quotes that stand around all of it taken off.
pub(crate) fn whole(rest: &str) -> String {
    let trimmed = rest.trim();
    match words(trimmed).as_deref() {
        Ok([only]) => only.text.clone(),
        _ => trimmed.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(line: &str) -> Vec<String> {
        words(line).expect("closed").into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn quotes_hold_phrases_together_and_backslashes_take_their_meaning_away() {
        assert_eq!(texts(r#"a "b c"  d"#), ["a", "b c", "d"]);
        assert_eq!(texts(r#""say \"hi\" \\ now""#), [r#"say "hi" \ now"#]);
        assert_eq!(texts("“b c” «d e»"), ["b c", "d e"]);
        assert_eq!(texts("don't 'stop now'"), ["don't", "'stop", "now'"]);
        assert_eq!(texts(r#"5" \"x"#), ["5\"", "\"x"]);
        assert_eq!(texts(r#""" x"#), ["", "x"]);
        assert_eq!(words("a \"b c"), Err(Unclosed("b c")));
    }

    #[test]
    fn a_rest_keeps_its_inner_quotes_and_loses_those_around_it() {
        assert_eq!(whole(r#"  say "hi" now "#), r#"say "hi" now"#);
        assert_eq!(whole(r#""miso ""#), "miso ");
        assert_eq!(whole(r#""a" "b""#), r#""a" "b""#);
        assert_eq!(whole("\"open"), "\"open");
    }

    proptest! {
        #[test]
        fn any_line_splits_into_slices_of_itself_in_order(line in "[ \"a\\\\“”é]{0,20}") {
            if let Ok(words) = words(&line) {
                let mut end = 0;
                for word in words {
                    prop_assert!(word.start >= end);
                    prop_assert_eq!(&line[word.start..word.start + word.typed.len()], word.typed);
                    end = word.start + word.typed.len();
                }
            }
        }
    }
}
