use miso_command_catalogue::Permissions;
use miso_discord_state::DiscordState;
use miso_model::{GuildId, UserId};
use serde::Deserialize;
use serde_json::Value;

/// What a member may do in a guild, channels' overwrites aside: everything for its owner, else what
/// `@everyone` and the member's roles give. In a direct message, everything.
pub(crate) fn permissions(state: &DiscordState, guild: Option<GuildId>, user: UserId, member: &Value) -> Permissions {
    let Some(guild) = guild else { return Permissions::ALL };
    let owner = state.guild(guild).and_then(|json| owner_of(&json));
    if owner == Some(user) {
        return Permissions::ALL;
    }
    let of_role = |role: u64| state.role(guild, role).and_then(|json| granted_by(&json)).unwrap_or_default();
    let bits = roles(member).fold(of_role(guild.0), |bits, role| bits | of_role(role));
    Permissions(bits)
}

fn roles(member: &Value) -> impl Iterator<Item = u64> {
    member.get("roles").and_then(Value::as_array).into_iter().flatten().filter_map(|role| role.as_str()?.parse().ok())
}

fn owner_of(guild: &[u8]) -> Option<UserId> {
    #[derive(Deserialize)]
    struct Guild {
        owner_id: UserId,
    }
    serde_json::from_slice::<Guild>(guild).ok().map(|guild| guild.owner_id)
}

fn granted_by(role: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Role {
        permissions: Value,
    }
    let role: Role = serde_json::from_slice(role).ok()?;
    role.permissions.as_str().and_then(|bits| bits.parse().ok()).or_else(|| role.permissions.as_u64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_bits_are_read_as_discord_writes_them() {
        let member = serde_json::json!({"roles": ["5", "x", "6"]});
        assert_eq!(roles(&member).collect::<Vec<_>>(), [5, 6]);
        assert_eq!(roles(&Value::Null).count(), 0);
        assert_eq!(granted_by(br#"{"id":"1","permissions":"32"}"#), Some(32));
        assert_eq!(granted_by(br#"{"permissions":8}"#), Some(8));
        assert_eq!(granted_by(br#"{}"#), None);
        assert_eq!(owner_of(br#"{"name":"x","owner_id":"7"}"#), Some(UserId(7)));
    }
}
