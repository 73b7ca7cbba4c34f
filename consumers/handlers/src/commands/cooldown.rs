use std::collections::HashMap;

use miso_command_catalogue::{Command, Cooldown, GLOBAL_COOLDOWN};
use miso_model::{BotCommand, Snowflake};

/// Users and commands remembered, at most; at the bound those that may use theirs again are
/// forgotten, and if that does not help, all.
const REMEMBERED: usize = 10_000;
/// A cooldown lasts so long, at most: what `cooldown_s` of a guild's rules may be, milliseconds.
const LONGEST_MS: i64 = 86_400_000;

/// Whether a command may be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Allowed,
    /// Milliseconds; the first refusal of the time.
    Wait(i64),
    /// It was said already.
    Told,
}

/// What is counted: the user; the guild, where a guild's rule says so; and the command by a hash of its name,
/// 0 for all commands.
type Counted = (u64, Option<u64>, u64);

/// Who used what when, in memory, per owner of a partition: a restart, or another channel of another
/// partition, begins anew. Time is that of the messages, so a repeat decides alike.
#[derive(Debug)]
pub(crate) struct Cooldowns {
    /// Of all commands together; 0 uses: none.
    global: Cooldown,
    uses: HashMap<Counted, Uses>,
}

impl Default for Cooldowns {
    fn default() -> Self {
        Self::new(GLOBAL_COOLDOWN)
    }
}

#[derive(Debug, Default)]
struct Uses {
    /// When and by which event.
    at: Vec<(i64, u64)>,
    /// Until when the refusal was told, and by which event.
    told: Option<(i64, u64)>,
    /// How long the oldest use matters.
    per_ms: i64,
}

impl Cooldowns {
    pub(crate) fn new(global: Cooldown) -> Self {
        Self { global, uses: HashMap::new() }
    }

    /// Counts a use, unless it is one too many: of all commands, of this one, or of this one by a
    /// guild's `rule`. The same event counts once.
    pub(crate) fn try_use(&mut self, declared: &Command, rule: Option<Cooldown>, command: &BotCommand) -> Use {
        self.charge(declared.name, declared.cooldown, rule, command)
    }

    /// The same for a command of a guild's own.
    pub(crate) fn try_own(&mut self, name: &str, rule: Option<Cooldown>, command: &BotCommand) -> Use {
        self.charge(&format!("own/{name}"), None, rule, command)
    }

    /// The same for what is no command that can be carried out: it is answered no more often.
    pub(crate) fn try_any(&mut self, command: &BotCommand) -> Use {
        self.charge("", None, None, command)
    }

    fn charge(&mut self, name: &str, own: Option<Cooldown>, rule: Option<Cooldown>, command: &BotCommand) -> Use {
        let now = Snowflake(command.message_id.0).created_ms();
        let event = xxhash_rust::xxh3::xxh3_64(command.event_id.as_bytes());
        self.make_room(now);
        let user = command.user_id.0;
        let guild = command.guild_id.map(|guild| guild.0);
        let name = xxhash_rust::xxh3::xxh3_64(name.as_bytes());
        let counted = [
            Some(((user, None, 0), self.global)).filter(|(_, global)| global.uses > 0),
            own.map(|cooldown| ((user, None, name), cooldown)),
            rule.map(|cooldown| ((user, guild, name), cooldown)),
        ];
        for (counted, cooldown) in counted.iter().flatten() {
            let uses = self.uses.entry(*counted).or_default();
            uses.per_ms = cooldown.per_ms.min(LONGEST_MS);
            uses.at.retain(|(at, _)| now - at < uses.per_ms);
            if uses.at.iter().any(|(_, of)| *of == event) || uses.at.len() < cooldown.uses as usize {
                continue;
            }
            let oldest = uses.at.iter().map(|(at, _)| *at).min().unwrap_or(now);
            let free_at = oldest + uses.per_ms;
            if uses.told.is_some_and(|(until, by)| now < until && by != event) {
                return Use::Told;
            }
            // Of what nobody typed, nobody is told.
            if !command.prefix.is_empty() {
                uses.told = Some((free_at, event));
            }
            return Use::Wait((free_at - now).max(0));
        }
        for (counted, _) in counted.iter().flatten() {
            if let Some(uses) = self.uses.get_mut(counted)
                && !uses.at.iter().any(|(_, of)| *of == event)
            {
                uses.at.push((now, event));
            }
        }
        Use::Allowed
    }

    fn make_room(&mut self, now: i64) {
        if self.uses.len() < REMEMBERED {
            return;
        }
        self.uses.retain(|_, uses| uses.at.iter().any(|(at, _)| now - at < uses.per_ms));
        if self.uses.len() >= REMEMBERED {
            self.uses.clear();
        }
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

    fn declared(name: &str) -> &'static Command {
        CATALOGUE.by_name(name).expect("declared")
    }

    #[test]
    fn uses_count_per_user_in_the_messages_time_and_repeats_do_not() {
        let userinfo = declared("userinfo");
        let mut cooldowns = Cooldowns::default();
        for (ms, event) in [(0, "a"), (1_000, "b"), (2_000, "c"), (2_000, "c")] {
            assert_eq!(cooldowns.try_use(userinfo, None, &at(ms, event)), Use::Allowed, "{event}");
        }
        assert_eq!(cooldowns.try_use(userinfo, None, &at(3_000, "d")), Use::Wait(27_000));
        assert_eq!(cooldowns.try_use(userinfo, None, &at(3_000, "d")), Use::Wait(27_000), "a repeat");
        assert_eq!(cooldowns.try_use(userinfo, None, &at(4_000, "e")), Use::Told, "said once");
        let other = BotCommand { user_id: UserId(77), ..at(3_000, "e") };
        assert_eq!(cooldowns.try_use(userinfo, None, &other), Use::Allowed);
        assert_eq!(cooldowns.try_use(userinfo, None, &at(30_000, "f")), Use::Allowed);
        assert_eq!(cooldowns.try_use(declared("ping"), None, &at(3_000, "g")), Use::Allowed);
    }

    #[test]
    fn all_commands_together_have_a_bound_and_a_guild_may_set_its_own() {
        let mut cooldowns = Cooldowns::default();
        for n in 0..GLOBAL_COOLDOWN.uses {
            let (name, event) = (["ping", "help"][n as usize % 2], n.to_string());
            assert_eq!(cooldowns.try_use(declared(name), None, &at(u64::from(n), &event)), Use::Allowed, "{n}");
        }
        assert_eq!(cooldowns.try_use(declared("rng"), None, &at(1_000, "x")), Use::Wait(59_000));
        let mut unbounded = Cooldowns::new(Cooldown { uses: 0, ..GLOBAL_COOLDOWN });
        for n in 0..100 {
            assert_eq!(unbounded.try_use(declared("ping"), None, &at(n, &n.to_string())), Use::Allowed, "{n}");
        }
        let rule = Some(Cooldown { uses: 1, per_ms: 30_000 });
        let mut cooldowns = Cooldowns::default();
        assert_eq!(cooldowns.try_use(declared("ship"), rule, &at(0, "a")), Use::Allowed);
        assert_eq!(cooldowns.try_use(declared("ship"), rule, &at(1_000, "b")), Use::Wait(29_000));
        let elsewhere = BotCommand { guild_id: Some(miso_model::GuildId(2)), ..at(1_000, "c") };
        assert_eq!(cooldowns.try_use(declared("ship"), rule, &elsewhere), Use::Allowed);
    }

    #[test]
    fn refusals_and_a_guilds_own_commands_count_with_all_others() {
        let mut cooldowns = Cooldowns::default();
        for n in 0..u64::from(GLOBAL_COOLDOWN.uses) {
            let said = at(n, &n.to_string());
            let used = if n % 2 == 0 { cooldowns.try_any(&said) } else { cooldowns.try_own("tea", None, &said) };
            assert_eq!(used, Use::Allowed, "{n}");
        }
        let unasked = BotCommand { prefix: String::new(), ..at(500, "u") };
        assert_eq!(cooldowns.try_use(declared("embed"), None, &unasked), Use::Wait(59_500));
        assert_eq!(cooldowns.try_own("tea", None, &at(1_000, "x")), Use::Wait(59_000), "nobody was told before");
        assert_eq!(cooldowns.try_any(&at(2_000, "y")), Use::Told);
        let mut cooldowns = Cooldowns::default();
        let rule = Some(Cooldown { uses: 1, per_ms: 9_000 });
        assert_eq!(cooldowns.try_own("tea", rule, &at(0, "a")), Use::Allowed);
        assert_eq!(cooldowns.try_own("tea", rule, &at(1_000, "b")), Use::Wait(8_000));
        assert_eq!(cooldowns.try_own("coffee", rule, &at(1_000, "c")), Use::Allowed);
    }

    #[test]
    fn memory_is_bounded() {
        let mut cooldowns = Cooldowns::default();
        for user in 0..(REMEMBERED as u64 + 10) {
            cooldowns.try_use(declared("userinfo"), None, &BotCommand { user_id: UserId(user), ..at(0, "a") });
        }
        assert!(cooldowns.uses.len() <= REMEMBERED + 2);
    }
}
