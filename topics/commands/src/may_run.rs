//! Whether a command may be run, by a guild's settings and by permissions, and why not. Pure: the bot
//! and the panel's test box ask the same question.

use miso_model::{ChannelId, UserId};
use miso_settings::Settings;
use serde_json::{Map, Value as Json};

use crate::{Command, Cooldown, Group, Permissions};

/// Who wants to run a command, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker<'a> {
    /// Who.
    pub user: UserId,
    /// Roles of theirs; `@everyone` aside.
    pub roles: &'a [u64],
    /// In which channel or thread; none where no channel is meant.
    pub channel: Option<ChannelId>,
    /// Of a thread, its channel: what holds there holds in the thread.
    pub parent: Option<ChannelId>,
    /// What they may do there.
    pub permissions: Permissions,
    /// What the bot may do there.
    pub bot_permissions: Permissions,
}

/// What decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nothing stands against it.
    Nothing,
    /// No command works for this member.
    IgnoredMember,
    /// No command works in this channel.
    IgnoredChannel,
    /// It is turned off.
    TurnedOff,
    /// It works in other channels.
    NotHere,
    /// It is for members with a role.
    NotForYou,
    /// The caller lacks these.
    CallerLacks(Permissions),
    /// The bot lacks these.
    BotLacks(Permissions),
}

/// Whether a command may be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether.
    pub allowed: bool,
    /// For people: `off in this server`.
    pub because: String,
    /// Where that was said, for people: `Commands → fun`, `Discord`.
    pub source: String,
    /// The same for code.
    pub reason: Reason,
}

impl Verdict {
    fn no(reason: Reason, because: impl Into<String>, source: impl Into<String>) -> Self {
        Self { allowed: false, because: because.into(), source: source.into(), reason }
    }
}

/// Decides. Who may manage the guild is never locked out of configuration by the rules of commands.
#[must_use]
pub fn may_run(command: &Command, settings: &Settings, asker: &Asker<'_>) -> Verdict {
    let manages = asker.permissions.cover(Permissions::MANAGE_GUILD);
    let row = Row::of(&names(command), settings);
    if !(manages && command.group == Group::Configuration)
        && let Some(verdict) = by_settings(settings, row.as_ref(), asker)
    {
        return verdict;
    }
    let lacks = asker.permissions.missing(command.permissions);
    if lacks != Permissions::NONE {
        let because = format!("you need the permission {}", lacks.names().join(", "));
        return Verdict::no(Reason::CallerLacks(lacks), because, "Discord");
    }
    let lacks = asker.bot_permissions.missing(command.bot_permissions);
    if lacks != Permissions::NONE {
        let because = format!("I need the permission {}", lacks.names().join(", "));
        return Verdict::no(Reason::BotLacks(lacks), because, "Discord");
    }
    let source = row.map_or_else(|| "default".to_owned(), |row| row.source());
    Verdict { allowed: true, because: "nothing stands against it".to_owned(), source, reason: Reason::Nothing }
}

/// The cooldown that a guild's rules put on a command for each member, and where it was said.
#[must_use]
pub fn rule_cooldown(command: &Command, settings: &Settings) -> Option<(Cooldown, String)> {
    row_cooldown(&names(command), settings)
}

/// As [`may_run`] for a command of the guild's own, which needs no permissions: a row of the rules may name it.
#[must_use]
pub fn may_run_own(name: &str, settings: &Settings, asker: &Asker<'_>) -> Verdict {
    let row = Row::of(&[name], settings);
    by_settings(settings, row.as_ref(), asker).unwrap_or_else(|| {
        let source = row.map_or_else(|| "default".to_owned(), |row| row.source());
        Verdict { allowed: true, because: "nothing stands against it".to_owned(), source, reason: Reason::Nothing }
    })
}

/// As [`rule_cooldown`] for a command of the guild's own.
#[must_use]
pub fn own_rule_cooldown(name: &str, settings: &Settings) -> Option<(Cooldown, String)> {
    row_cooldown(&[name], settings)
}

/// By which names the rules may mean a command, the nearest first.
fn names(command: &Command) -> Vec<&'static str> {
    [Some(command.name), command.words().0, Some(command.group.name())].into_iter().flatten().collect()
}

fn row_cooldown(names: &[&str], settings: &Settings) -> Option<(Cooldown, String)> {
    let row = Row::of(names, settings)?;
    let seconds = row.values.get("cooldown_s").and_then(Json::as_i64).filter(|seconds| *seconds > 0)?;
    Some((Cooldown { uses: 1, per_ms: seconds.saturating_mul(1_000) }, row.source()))
}

fn by_settings(settings: &Settings, row: Option<&Row>, asker: &Asker<'_>) -> Option<Verdict> {
    if settings.ids("commands", "ignored_members").contains(&asker.user.0) {
        return Some(Verdict::no(
            Reason::IgnoredMember,
            "no command works for this member",
            "Commands → ignored members",
        ));
    }
    if here(asker, &settings.ids("commands", "ignored_channels")) {
        return Some(Verdict::no(
            Reason::IgnoredChannel,
            "no command works in this channel",
            "Commands → ignored channels",
        ));
    }
    let row = row?;
    if row.values.get("enabled").and_then(Json::as_bool) == Some(false) {
        return Some(Verdict::no(Reason::TurnedOff, "off in this server", row.source()));
    }
    let channels = row.ids("channels");
    if !channels.is_empty() && !here(asker, &channels) {
        let names: Vec<String> = channels.iter().map(|id| format!("<#{id}>")).collect();
        return Some(Verdict::no(Reason::NotHere, format!("it works in {} only", names.join(", ")), row.source()));
    }
    let roles = row.ids("roles");
    if !roles.is_empty() && !roles.iter().any(|role| asker.roles.contains(role)) {
        let names: Vec<String> = roles.iter().map(|id| format!("<@&{id}>")).collect();
        return Some(Verdict::no(
            Reason::NotForYou,
            format!("it is for members with {} only", names.join(" or ")),
            row.source(),
        ));
    }
    None
}

fn here(asker: &Asker<'_>, channels: &[u64]) -> bool {
    [asker.channel, asker.parent].into_iter().flatten().any(|channel| channels.contains(&channel.0))
}

/// The row of the rules that holds for a command: its own, else its family's, else its group's.
struct Row {
    values: Map<String, Json>,
}

impl Row {
    fn of(names: &[&str], settings: &Settings) -> Option<Self> {
        let mut rows = settings.rows("commands", "rules");
        names.iter().find_map(|name| {
            let is = |row: &Map<String, Json>| {
                row.get("command").and_then(Json::as_str).is_some_and(|named| named.trim().eq_ignore_ascii_case(name))
            };
            let at = rows.iter().position(is)?;
            Some(Self { values: rows.swap_remove(at) })
        })
    }

    fn source(&self) -> String {
        let name = self.values.get("command").and_then(Json::as_str).unwrap_or_default();
        format!("Commands → {}", name.trim().to_lowercase())
    }

    fn ids(&self, field: &str) -> Vec<u64> {
        let ids = self.values.get(field).and_then(Json::as_array).into_iter().flatten();
        ids.filter_map(|id| id.as_str()?.parse().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::CATALOGUE;

    const MEMBER: Asker<'_> = Asker {
        user: UserId(1),
        roles: &[10],
        channel: Some(ChannelId(20)),
        parent: None,
        permissions: Permissions::SEND_MESSAGES,
        bot_permissions: Permissions::SEND_MESSAGES,
    };

    fn asked(name: &str, values: &Json, asker: &Asker<'_>) -> (bool, String) {
        let settings = Settings::of(
            json!({"commands": {"version": 1, "by": "user/1", "at_ms": 0, "values": values}})
                .as_object()
                .cloned()
                .expect("an object"),
        );
        let verdict = may_run(CATALOGUE.by_name(name).expect("declared"), &settings, asker);
        assert_eq!(verdict.allowed, verdict.reason == Reason::Nothing);
        (verdict.allowed, format!("{}, set in {}", verdict.because, verdict.source))
    }

    #[test]
    fn rules_are_inherited_and_say_where_they_come_from() {
        let off = |name: &str| json!({"rules": [{"command": name, "enabled": false}]});
        let own = json!({"rules": [{"command": "fun", "enabled": false}, {"command": "ship", "enabled": true}]});
        for (name, values, expected) in [
            ("ship", json!({}), (true, "nothing stands against it, set in default")),
            ("ship", off("ship"), (false, "off in this server, set in Commands → ship")),
            ("ship", off("Fun"), (false, "off in this server, set in Commands → fun")),
            ("ship", off("activity"), (true, "nothing stands against it, set in default")),
            ("ship", own, (true, "nothing stands against it, set in Commands → ship")),
            ("notification add", off("notification"), (false, "off in this server, set in Commands → notification")),
            ("notification add", off("Notifications"), (false, "off in this server, set in Commands → notifications")),
            (
                "ship",
                json!({"ignored_channels": ["20"]}),
                (false, "no command works in this channel, set in Commands → ignored channels"),
            ),
            (
                "ship",
                json!({"ignored_members": ["1"]}),
                (false, "no command works for this member, set in Commands → ignored members"),
            ),
            (
                "ship",
                json!({"ignored_members": ["2"], "ignored_channels": ["21"]}),
                (true, "nothing stands against it, set in default"),
            ),
            (
                "ship",
                json!({"rules": [{"command": "ship", "channels": ["21", "22"]}]}),
                (false, "it works in <#21>, <#22> only, set in Commands → ship"),
            ),
            (
                "ship",
                json!({"rules": [{"command": "ship", "channels": ["20"]}]}),
                (true, "nothing stands against it, set in Commands → ship"),
            ),
            (
                "ship",
                json!({"rules": [{"command": "ship", "roles": ["11"]}]}),
                (false, "it is for members with <@&11> only, set in Commands → ship"),
            ),
            (
                "ship",
                json!({"rules": [{"command": "ship", "roles": ["11", "10"]}]}),
                (true, "nothing stands against it, set in Commands → ship"),
            ),
            ("greeter toggle", json!({}), (false, "you need the permission Manage Server, set in Discord")),
        ] {
            let (allowed, because) = asked(name, &values, &MEMBER);
            assert_eq!((allowed, because.as_str()), expected, "{name} {values}");
        }
    }

    #[test]
    fn a_guilds_own_command_follows_the_rules_that_name_it() {
        let rules = json!({"commands": {"values": {"rules": [
            {"command": "Tea", "channels": ["21"], "cooldown_s": 9}, {"command": "configuration", "enabled": false},
        ]}}});
        let settings = Settings::of(rules.as_object().cloned().expect("an object"));
        assert_eq!(may_run_own("tea", &settings, &MEMBER).reason, Reason::NotHere);
        assert!(may_run_own("coffee", &settings, &MEMBER).allowed);
        let cooldown = own_rule_cooldown("tea", &settings).map(|(cooldown, _)| cooldown.per_ms);
        assert_eq!((cooldown, own_rule_cooldown("coffee", &settings)), (Some(9_000), None));
    }

    #[test]
    fn a_thread_follows_its_channel() {
        let thread = Asker { channel: Some(ChannelId(99)), parent: Some(ChannelId(20)), ..MEMBER };
        assert!(!asked("ship", &json!({"ignored_channels": ["20"]}), &thread).0);
        assert!(asked("ship", &json!({"rules": [{"command": "ship", "channels": ["20"]}]}), &thread).0);
    }

    #[test]
    fn managers_are_not_locked_out_and_the_bot_needs_its_permissions() {
        let manager = Asker { permissions: Permissions::MANAGE_GUILD, ..MEMBER };
        let off = json!({"rules": [{"command": "configuration", "enabled": false}], "ignored_channels": ["20"]});
        assert!(asked("greeter toggle", &off, &manager).0);
        assert!(!asked("ship", &off, &manager).0);
        let (allowed, because) = asked("autorole add", &json!({}), &manager);
        assert!(!allowed && because.starts_with("I need the permission Manage Roles"), "{because}");
        let able = Asker { bot_permissions: Permissions::ADMINISTRATOR, ..manager };
        assert!(asked("autorole add", &json!({}), &able).0);
    }

    #[test]
    fn a_rule_may_slow_a_command_down() {
        let rules = json!({"commands": {"values": {"rules": [{"command": "fun", "cooldown_s": 30}]}}});
        let settings = Settings::of(rules.as_object().cloned().expect("an object"));
        let of = |name: &str| rule_cooldown(CATALOGUE.by_name(name).expect("declared"), &settings);
        assert_eq!(of("ship"), Some((Cooldown { uses: 1, per_ms: 30_000 }, "Commands → fun".to_owned())));
        assert_eq!(of("ping"), None);
    }
}
