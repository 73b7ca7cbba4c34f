//! Addresses of Discord's images.

use miso_model::{GuildId, UserId};

const CDN: &str = "https://cdn.discordapp.com";
/// Pixels.
const SIZE: u32 = 1_024;

/// Animated hashes begin with `a_`.
fn extension(hash: &str) -> &'static str {
    if hash.starts_with("a_") { "gif" } else { "png" }
}

/// A user's own avatar.
pub(crate) fn avatar(user: UserId, hash: &str) -> String {
    format!("{CDN}/avatars/{user}/{hash}.{}?size={SIZE}", extension(hash))
}

/// A member's avatar in one guild.
pub(crate) fn member_avatar(guild: GuildId, user: UserId, hash: &str) -> String {
    format!("{CDN}/guilds/{guild}/users/{user}/avatars/{hash}.{}?size={SIZE}", extension(hash))
}

/// What Discord shows for a user without avatar; `discriminator` is "0" for all but old accounts.
pub(crate) fn default_avatar(user: UserId, discriminator: &str) -> String {
    let index = match discriminator.parse::<u64>() {
        Ok(number) if number > 0 => number % 5,
        Ok(_) | Err(_) => (user.0 >> 22) % 6,
    };
    format!("{CDN}/embed/avatars/{index}.png")
}

/// A user's banner.
pub(crate) fn user_banner(user: UserId, hash: &str) -> String {
    format!("{CDN}/banners/{user}/{hash}.{}?size={SIZE}", extension(hash))
}

/// A guild's icon.
pub(crate) fn icon(guild: GuildId, hash: &str) -> String {
    format!("{CDN}/icons/{guild}/{hash}.{}?size={SIZE}", extension(hash))
}

/// A guild's banner.
pub(crate) fn banner(guild: GuildId, hash: &str) -> String {
    format!("{CDN}/banners/{guild}/{hash}.{}?size={SIZE}", extension(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_follow_discords_reference() {
        assert_eq!(avatar(UserId(1), "ab"), "https://cdn.discordapp.com/avatars/1/ab.png?size=1024");
        assert!(member_avatar(GuildId(2), UserId(1), "a_b").ends_with("/guilds/2/users/1/avatars/a_b.gif?size=1024"));
        assert!(default_avatar(UserId(7 << 22), "0").ends_with("/embed/avatars/1.png"));
        assert!(default_avatar(UserId(7 << 22), "0008").ends_with("/embed/avatars/3.png"));
        assert!(
            icon(GuildId(2), "x").contains("/icons/2/x.png") && banner(GuildId(2), "x").contains("/banners/2/x.png")
        );
    }
}
