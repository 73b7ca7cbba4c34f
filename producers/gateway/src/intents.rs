//! Which intents `auto` means. Pure.

/// Every intent that needs no permission of Discord's: all documented bits but the three privileged.
const UNPRIVILEGED: u64 = bits(&[0, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 16, 20, 21, 24, 25]);
const GUILD_MEMBERS: u64 = 1 << 1;
const MESSAGE_CONTENT: u64 = 1 << 15;

/// Application flags that allow an intent, for large bots and (`_LIMITED`) for others.
const FLAG_GUILD_MEMBERS: u64 = 1 << 14 | 1 << 15;
const FLAG_MESSAGE_CONTENT: u64 = 1 << 18 | 1 << 19;

const fn bits(list: &[u8]) -> u64 {
    let mut all = 0;
    let mut index = 0;
    while index < list.len() {
        all |= 1 << list[index];
        index += 1;
    }
    all
}

/// All unprivileged intents and those that the application's flags allow; presences never, they are
/// most of Discord's traffic and few bots read them.
#[must_use]
pub(crate) fn auto(application_flags: u64) -> u64 {
    let mut intents = UNPRIVILEGED;
    if application_flags & FLAG_GUILD_MEMBERS != 0 {
        intents |= GUILD_MEMBERS;
    }
    if application_flags & FLAG_MESSAGE_CONTENT != 0 {
        intents |= MESSAGE_CONTENT;
    }
    intents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileged_intents_follow_the_applications_flags_and_presences_stay_off() {
        assert_eq!(auto(0) & (1 << 1 | 1 << 8 | 1 << 15), 0);
        assert_eq!(auto(1 << 15) & (1 << 1 | 1 << 15), 1 << 1);
        assert_eq!(auto(u64::MAX) & (1 << 1 | 1 << 8 | 1 << 15), 1 << 1 | 1 << 15);
    }
}
