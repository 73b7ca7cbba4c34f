//! Pickers: a real `<select>`, which scripts turn into a combobox that filters.

use std::collections::BTreeSet;

use maud::{Markup, html};
use miso_command_catalogue::Permissions;
use serde_json::Value;

use super::Choices;
use crate::clients::{Channel, Role};

/// Discord's type of a category.
const CATEGORY: u8 = 4;
/// Announcement channels.
const NEWS: u8 = 5;

/// The select around options.
pub(crate) struct Select<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) described_by: &'a str,
    pub(crate) invalid: bool,
    pub(crate) disabled: bool,
    /// How many may be picked; 1: a plain choice that may be empty.
    pub(crate) max: usize,
    /// What is shown where nothing is picked.
    pub(crate) nothing: &'a str,
    /// Where to search for more.
    pub(crate) search: Option<&'a str>,
}

impl Select<'_> {
    pub(crate) fn with(&self, options: &Markup) -> Markup {
        let multiple = self.max > 1;
        html! {
            miso-picker data-nothing=(self.nothing) data-max=(self.max) data-search=[self.search] {
                select #(self.id) name=(self.name) multiple[multiple] disabled[self.disabled]
                    aria-describedby=(self.described_by) aria-invalid=[self.invalid.then_some("true")] {
                    @if !multiple { option value="" { (self.nothing) } }
                    (options)
                }
            }
        }
    }
}

/// Ids that are picked: of a single value or of a list.
pub(crate) fn picked(value: &Value) -> BTreeSet<&str> {
    match value {
        Value::String(id) => BTreeSet::from([id.as_str()]),
        Value::Array(ids) => ids.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

fn gone(id: &str, what: &str) -> Markup {
    html! { option value=(id) selected data-note="not there any more" { "deleted " (what) (id) } }
}

/// Channels by category, in Discord's order.
pub(crate) fn channels(choices: &Choices, value: &Value, types: &[u8], needs: Permissions) -> Markup {
    let picked = picked(value);
    let fits = |channel: &&Channel| types.contains(&channel.kind);
    let parent = |channel: &Channel| channel.parent_id.clone().filter(|id| choices.channel(id).is_some());
    let under = |of: Option<&str>| -> Vec<&Channel> {
        choices.channels.iter().filter(fits).filter(|channel| parent(channel).as_deref() == of).collect()
    };
    let one = |channel: &Channel| {
        let missing = channel.bot_permissions.missing(needs).names();
        let note = (!missing.is_empty()).then(|| format!("{} missing", missing.join(", ")));
        let icon = if channel.kind == NEWS { "megaphone" } else { "hash" };
        html! {
            option value=(channel.id) selected[picked.contains(channel.id.as_str())] data-icon=(icon)
                data-note=[note.as_deref()] data-state=[note.as_ref().map(|_| "warn")] { (channel.name) }
        }
    };
    html! {
        @for id in picked.iter().filter(|id| choices.channel(id).is_none()) { (gone(id, "#")) }
        @for channel in under(None) { (one(channel)) }
        @for category in choices.channels.iter().filter(|channel| channel.kind == CATEGORY) {
            @if !under(Some(&category.id)).is_empty() {
                optgroup label=(category.name) { @for channel in under(Some(&category.id)) { (one(channel)) } }
            }
        }
    }
}

/// Roles, highest first. Those that the bot cannot give, or not for this visitor, are disabled with the
/// reason where it must give them (`gives`).
pub(crate) fn roles(choices: &Choices, value: &Value, gives: bool) -> Markup {
    let picked = picked(value);
    let one = |role: &Role| {
        let chosen = picked.contains(role.id.as_str());
        let reason = match (gives, role.assignable) {
            (true, false) => Some(role.reason.as_deref().unwrap_or("Miso cannot give it")),
            (true, true) if choices.out_of_reach.contains(&role.id) => Some("not below your own highest role"),
            _ => None,
        };
        html! {
            option value=(role.id) selected[chosen] disabled[reason.is_some() && !chosen] data-note=[reason]
                data-state=[reason.map(|_| "warn")] data-colour=(format!("#{:06x}", role.color)) {
                (role.name.trim_start_matches('@'))
            }
        }
    };
    let everyone = |role: &Role| role.id == choices.guild.id;
    html! {
        @for id in picked.iter().filter(|id| choices.role(id).is_none()) { (gone(id, "role ")) }
        @for role in choices.roles.iter().filter(|role| !everyone(role) || picked.contains(role.id.as_str())) { (one(role)) }
    }
}

/// Members: those picked, then as many as were fetched; scripts search for others.
pub(crate) fn members(choices: &Choices, value: &Value) -> Markup {
    let picked = picked(value);
    html! {
        @for id in picked.iter().filter(|id| !choices.members.iter().any(|member| member.id == **id)) {
            option value=(id) selected { (choices.names.user_shown(id)) }
        }
        @for member in &choices.members {
            option value=(member.id) selected[picked.contains(member.id.as_str())] data-note=(member.username) {
                (member.shown())
            }
        }
    }
}

/// Emoji that are offered before the guild's own.
const COMMON: &[(&str, &str)] = &[
    ("⭐", "star"),
    ("🌟", "glowing star"),
    ("💫", "dizzy"),
    ("❤️", "red heart"),
    ("👍", "thumbs up"),
    ("🔥", "fire"),
    ("😂", "tears of joy"),
    ("🎉", "party popper"),
    ("📌", "pushpin"),
    ("💯", "hundred points"),
];

/// Unicode emoji that are used much, then the guild's.
pub(crate) fn emojis(choices: &Choices, value: &Value) -> Markup {
    let picked = value.as_str().unwrap_or_default();
    let own = choices.emojis.iter().filter_map(|emoji| Some((emoji.name.as_deref()?, emoji.id.as_deref()?)));
    let own: Vec<(String, &str)> = own.map(|(name, id)| (format!("{name}:{id}"), name)).collect();
    let known = COMMON.iter().any(|(emoji, _)| *emoji == picked) || own.iter().any(|(value, _)| value == picked);
    html! {
        @if !known && !picked.is_empty() { option value=(picked) selected { (picked) } }
        @for (emoji, name) in COMMON { option value=(emoji) selected[*emoji == picked] { (emoji) " " (name) } }
        @if !own.is_empty() {
            optgroup label="This server" {
                @for (value, name) in &own { option value=(value) selected[value == picked] { ":" (name) ":" } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clients::Guild;

    fn choices() -> Choices {
        let channel = |id: &str, kind, parent: Option<&str>, permissions| Channel {
            id: id.to_owned(),
            name: format!("c{id}"),
            kind,
            parent_id: parent.map(str::to_owned),
            bot_permissions: permissions,
            ..Channel::default()
        };
        Choices {
            guild: Guild { id: "1".to_owned(), ..Guild::default() },
            channels: vec![
                channel("10", 4, None, Permissions::ALL),
                channel("11", 0, Some("10"), Permissions::VIEW_CHANNEL),
                channel("12", 2, None, Permissions::ALL),
                channel("13", 0, None, Permissions::ALL),
            ],
            roles: vec![
                Role {
                    id: "7".to_owned(),
                    name: "Top".to_owned(),
                    reason: Some("above Miso's role".to_owned()),
                    ..Role::default()
                },
                Role { id: "8".to_owned(), name: "Low".to_owned(), assignable: true, color: 0xff, ..Role::default() },
                Role { id: "1".to_owned(), name: "@everyone".to_owned(), ..Role::default() },
            ],
            ..Choices::default()
        }
    }

    #[test]
    fn channels_stand_under_their_category_and_name_what_is_missing() {
        let html = channels(&choices(), &json!("99"), &[0, 5], Permissions::SEND_MESSAGES).into_string();
        assert!(html.contains("deleted #99") && html.contains("<optgroup label=\"c10\">"), "{html}");
        assert!(html.contains("Send Messages missing") && !html.contains("c12"), "{html}");
    }

    #[test]
    fn a_role_that_cannot_be_given_is_disabled_with_its_reason() {
        let html = roles(&choices(), &json!(["8"]), true).into_string();
        assert!(
            html.contains("disabled data-note=\"above Miso's role\"")
                || html.contains("disabled data-note=\"above Miso&#39;s role\""),
            "{html}"
        );
        assert!(
            html.contains("value=\"8\" selected") && html.contains("#0000ff") && !html.contains("everyone"),
            "{html}"
        );
        assert!(!roles(&choices(), &json!([]), false).into_string().contains("disabled"));
    }
}
