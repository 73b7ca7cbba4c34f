use std::collections::HashMap;

use miso_command_catalogue::Command;
use miso_model::{BotCommand, Snowflake};

/// Users and commands remembered, at most; at the bound those that may use theirs again are
/// forgotten, and if that does not help, all.
const REMEMBERED: usize = 10_000;

/// Whether a command may be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Allowed,
    /// Milliseconds.
    Wait(i64),
}

/// Who used what when, in memory, per owner of a partition: a restart, or another channel of another
/// partition, begins anew. Time is that of the messages, so a repeat decides alike.
#[derive(Debug, Default)]
pub(crate) struct Cooldowns {
    uses: HashMap<(u64, &'static str), Vec<(i64, u64)>>,
}

impl Cooldowns {
    /// Counts a use, unless it is one too many. The same message counts once.
    pub(crate) fn try_use(&mut self, declared: &'static Command, command: &BotCommand) -> Use {
        let Some(cooldown) = declared.cooldown else { return Use::Allowed };
        let now = Snowflake(command.message_id.0).created_ms();
        if self.uses.len() >= REMEMBERED {
            self.uses.retain(|_, uses| uses.iter().any(|(at, _)| now - at < cooldown.per_ms));
            if self.uses.len() >= REMEMBERED {
                self.uses.clear();
            }
        }
        let event = xxhash_rust::xxh3::xxh3_64(command.event_id.as_bytes());
        let uses = self.uses.entry((command.user_id.0, declared.name)).or_default();
        uses.retain(|(at, _)| now - at < cooldown.per_ms);
        if uses.iter().any(|(_, of)| *of == event) {
            return Use::Allowed;
        }
        if uses.len() >= cooldown.uses as usize {
            let oldest = uses.iter().map(|(at, _)| *at).min().unwrap_or(now);
            return Use::Wait((oldest + cooldown.per_ms - now).max(0));
        }
        uses.push((now, event));
        Use::Allowed
    }
}

#[cfg(test)]
mod tests {
    use miso_command_catalogue::CATALOGUE;
    use miso_model::{MessageId, UserId};

    use super::*;
    use crate::commands::plan::tests::said;

    fn at(ms: u64, event: &str) -> BotCommand {
        BotCommand { message_id: MessageId(ms << 22), event_id: event.to_owned(), ..said("userinfo") }
    }

    #[test]
    fn uses_count_per_user_in_the_messages_time_and_repeats_do_not() {
        let userinfo = CATALOGUE.by_name("userinfo").expect("declared");
        let mut cooldowns = Cooldowns::default();
        for (ms, event) in [(0, "a"), (1_000, "b"), (2_000, "c"), (2_000, "c")] {
            assert_eq!(cooldowns.try_use(userinfo, &at(ms, event)), Use::Allowed, "{event}");
        }
        assert_eq!(cooldowns.try_use(userinfo, &at(3_000, "d")), Use::Wait(27_000));
        let other = BotCommand { user_id: UserId(77), ..at(3_000, "e") };
        assert_eq!(cooldowns.try_use(userinfo, &other), Use::Allowed);
        assert_eq!(cooldowns.try_use(userinfo, &at(30_000, "f")), Use::Allowed);
        let ping = CATALOGUE.by_name("ping").expect("declared");
        assert_eq!(cooldowns.try_use(ping, &at(3_000, "g")), Use::Allowed);
    }

    #[test]
    fn memory_is_bounded() {
        let userinfo = CATALOGUE.by_name("userinfo").expect("declared");
        let mut cooldowns = Cooldowns::default();
        for user in 0..(REMEMBERED as u64 + 10) {
            cooldowns.try_use(userinfo, &BotCommand { user_id: UserId(user), ..at(0, "a") });
        }
        assert!(cooldowns.uses.len() <= REMEMBERED);
    }
}
