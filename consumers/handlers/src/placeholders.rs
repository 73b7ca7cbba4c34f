//! Texts of admins with placeholders in braces. Pure.

use std::borrow::Cow;

/// What the placeholders stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values<'a> {
    /// `{mention}`: of the member.
    pub(crate) mention: Cow<'a, str>,
    /// `{user}`: the name that Discord shows.
    pub(crate) user: Cow<'a, str>,
    /// `{username}`: the account's name.
    pub(crate) username: Cow<'a, str>,
    /// `{id}`: of the user.
    pub(crate) id: Cow<'a, str>,
    /// `{server}`, `{guild}`: the guild's name.
    pub(crate) server: Cow<'a, str>,
    /// `{count}`: its members.
    pub(crate) count: Cow<'a, str>,
}

impl Values<'_> {
    fn of(&self, name: &str) -> Option<&str> {
        Some(match name {
            "mention" => &self.mention,
            "user" => &self.user,
            "username" => &self.username,
            "id" => &self.id,
            "server" | "guild" => &self.server,
            "count" => &self.count,
            _ => return None,
        })
    }
}

/// The text with its placeholders filled in. What is no placeholder stays as it is; what is filled in is
/// not looked at again: a name may hold braces.
pub(crate) fn render(template: &str, values: &Values<'_>) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let filled = rest[1..].find(['{', '}']).filter(|end| rest[1 + end..].starts_with('}'));
        match filled.and_then(|end| Some((end, values.of(&rest[1..=end])?))) {
            Some((end, value)) => {
                out.push_str(value);
                rest = &rest[end + 2..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> Values<'static> {
        Values {
            mention: "<@7>".into(),
            user: "Mia".into(),
            username: "mia".into(),
            id: "7".into(),
            server: "Kitchen".into(),
            count: "12".into(),
        }
    }

    #[test]
    fn placeholders_are_filled_in_and_everything_else_stays() {
        for (template, expected) in [
            (
                "Welcome {mention} to {server}! You are member number {count}.",
                "Welcome <@7> to Kitchen! You are member number 12.",
            ),
            ("{user} {username} {id} {guild}", "Mia mia 7 Kitchen"),
            ("{user}{user}", "MiaMia"),
            ("{nothing} {} { user } {USER}", "{nothing} {} { user } {USER}"),
            ("{{user}} {user", "{Mia} {user"),
            ("a } b { c", "a } b { c"),
            ("{é} é{user}é", "{é} éMiaé"),
            ("", ""),
        ] {
            assert_eq!(render(template, &values()), expected, "{template}");
        }
    }

    #[test]
    fn what_was_filled_in_is_not_filled_in_again() {
        let hostile = Values { user: "{server}{mention}".into(), ..values() };
        assert_eq!(render("{user}", &hostile), "{server}{mention}");
    }

    proptest! {
        #[test]
        fn a_text_without_placeholders_stays_itself(text in "[^a-z]{0,40}") {
            prop_assert_eq!(render(&text, &values()), text);
        }
    }
}
