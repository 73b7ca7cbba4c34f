//! What a member may do with a guild's settings: decided anew for every request from Discord's state
//! and the module `access`, never remembered from the login.

use serde_json::Value;

use crate::clients::{GuildMe, GuildSettings};

/// How far a member may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// See the settings.
    Read,
    /// Change them.
    Write,
}

/// None: neither.
pub(crate) fn level(me: &GuildMe, settings: &GuildSettings) -> Option<Level> {
    let of = |field: &str| {
        let listed = settings.value("access", field);
        let roles = listed.as_array().into_iter().flatten().filter_map(Value::as_str);
        roles.into_iter().any(|role| me.roles.iter().any(|mine| mine == role))
    };
    if me.may_manage || of("write") {
        Some(Level::Write)
    } else if of("read") {
        Some(Level::Read)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn managers_change_and_others_do_what_their_roles_are_listed_for() {
        let settings: GuildSettings = serde_json::from_value(json!({"modules": {
            "access": {"version": 1, "values": {"read": ["1", "2"], "write": ["2"]}},
        }}))
        .expect("reads");
        let me = |manage: bool, roles: &[&str]| GuildMe {
            permissions: miso_command_catalogue::Permissions::NONE,
            may_manage: manage,
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        };
        assert_eq!(level(&me(true, &[]), &settings), Some(Level::Write));
        assert_eq!(level(&me(false, &["9", "2"]), &settings), Some(Level::Write));
        assert_eq!(level(&me(false, &["1"]), &settings), Some(Level::Read));
        assert_eq!(level(&me(false, &["9"]), &settings), None);
        assert_eq!(level(&me(false, &["1"]), &GuildSettings::default()), None);
    }
}
