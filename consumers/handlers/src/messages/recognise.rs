use miso_model::UserId;

/// The prefix that was used and the line after it, if a message is a command.
///
/// A command's first word begins with a letter or a digit: `> quote` and `>:(` are none. Space
/// between is allowed after a mention, and after a prefix that ends like a word (`miso help`). A
/// mention alone asks for the prefix.
pub(crate) fn recognise<'a>(content: &'a str, prefix: &str, own: Option<UserId>) -> Option<(&'a str, &'a str)> {
    if let Some(own) = own
        && let Some(after) = after_mention(content, own)
    {
        let used = &content[..content.len() - after.len()];
        return match after.trim() {
            "" => Some((used, "prefix")),
            line => starts_like_a_word(line).then_some((used, line)),
        };
    }
    let rest = content.strip_prefix(prefix)?;
    let spaced = prefix.ends_with(char::is_alphanumeric);
    let line = if spaced { rest.trim_start() } else { rest };
    starts_like_a_word(line).then(|| (&content[..prefix.len()], line.trim_end()))
}

fn after_mention(content: &str, own: UserId) -> Option<&str> {
    let rest = content.strip_prefix("<@")?;
    let rest = rest.strip_prefix('!').unwrap_or(rest);
    let (id, after) = rest.split_once('>')?;
    (id.parse() == Ok(own)).then_some(after)
}

fn starts_like_a_word(line: &str) -> bool {
    line.starts_with(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_mentions_are_recognised_and_quotes_are_not() {
        let found = |content: &'static str, prefix| recognise(content, prefix, Some(UserId(42)));
        for (content, prefix, expected) in [
            (">ping", ">", Some((">", "ping"))),
            (">8ball why ", ">", Some((">", "8ball why"))),
            ("> quote", ">", None),
            (">>> block", ">", None),
            (">", ">", None),
            (">:(", ">", None),
            ("!ping", ">", None),
            ("miso help", "miso", Some(("miso", "help"))),
            ("misohelp", "miso", Some(("miso", "help"))),
            ("miso, help", "miso", None),
            ("hey miso", "hey ", Some(("hey ", "miso"))),
            ("<@42> help", ">", Some(("<@42>", "help"))),
            ("<@!42>help", ">", Some(("<@!42>", "help"))),
            ("<@42>", ">", Some(("<@42>", "prefix"))),
            ("<@43> help", ">", None),
            ("<@42", ">", None),
            ("héllo", "h", Some(("h", "éllo"))),
            ("", ">", None),
        ] {
            assert_eq!(found(content, prefix), expected, "{content}");
        }
        assert_eq!(recognise("<@42> help", ">", None), None, "who we are is not known yet");
    }
}
