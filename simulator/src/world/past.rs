//! A world that has been lived in: messages with ids of their time, and stars on some of them.

use serde_json::json;

use super::messages::{Author, Message};
use super::reactions::parse_emoji;
use super::{BOT_ID, MAX_MESSAGES_PER_CHANNEL, World};
use crate::history::plan;
use crate::snowflake::DISCORD_EPOCH_MS;

/// Discord's type of a text channel.
const TEXT: u64 = 0;
/// One message in so many is a good one.
const STARRED: u64 = 60;
const LINES: [&str; 40] = [
    "good morning",
    "has anybody tried the new record?",
    "it is raining again",
    "who is up for a game tonight?",
    "I made soup, it turned out too salty",
    "that chorus has been in my head for days",
    "brb",
    "the train was late, of course",
    "look at this sunset",
    "same here",
    "does anybody know how to descale a kettle?",
    "vinegar, then a lot of water",
    "thank you, that helped!",
    "I finished the book, no spoilers",
    "what are you listening to?",
    "the live version is better, and I will not argue",
    "welcome!",
    "my cat has learned to open doors",
    "please tell me there are pictures",
    "there are pictures",
    "I am so tired, why did I stay up",
    "coffee first",
    "tea first",
    "happy birthday 🎂",
    "the concert was unreal",
    "we should do a listening party on Saturday",
    "Saturday works",
    "I can bring snacks",
    "what time, and in which zone?",
    "seven in the evening, mine",
    "I moved the bass up, sounds much better",
    "this playlist is exactly right for work",
    "I keep coming back to side B",
    "new keyboard day",
    "loud?",
    "very",
    "good night",
    "sleep well 🌙",
    "is the bot down or am I",
    "it is you",
];

impl World {
    /// Fills every guild's text channels with the `days` before `now_ms`, oldest first, without events.
    /// Answers how many messages there are now more.
    pub(crate) fn live_through(&mut self, days: u32, seed: u64, now_ms: u64) -> usize {
        let guilds: Vec<u64> = self.guilds.keys().copied().collect();
        guilds.into_iter().map(|guild| self.live_in(guild, days, seed, now_ms)).sum()
    }

    fn live_in(&mut self, guild: u64, days: u32, seed: u64, now_ms: u64) -> usize {
        let Some(entry) = self.guilds.get(&guild) else { return 0 };
        let people: Vec<u64> = entry.members.keys().copied().filter(|user| *user != BOT_ID).collect();
        let is_text = |id: &&u64| self.channels.get(*id).is_some_and(|channel| channel.fields["type"] == TEXT);
        let channels: Vec<u64> = entry.channels.iter().filter(is_text).copied().collect();
        let star = parse_emoji("⭐").ok();
        let mut made = 0;
        for (number, said) in plan(people.len(), channels.len(), seed ^ guild, days, now_ms).iter().enumerate() {
            let (Some(&user), Some(&channel)) = (people.get(said.user), channels.get(said.channel)) else { continue };
            let id = (said.at_ms.saturating_sub(DISCORD_EPOCH_MS) << 22) | (number as u64 & 0xFFF);
            let line = LINES[usize::try_from(said.line % LINES.len() as u64).unwrap_or(0)];
            let body = json!({"content": line});
            let Ok(object) = self.build_message(id, channel, &Author::User(user), &body, &[], said.at_ms) else {
                continue;
            };
            let Some(entry) = self.channels.get_mut(&channel) else { continue };
            entry.messages.insert(id, Message { object, author: user, reactions: Vec::new() });
            if let Some((newest, _)) = entry.messages.last_key_value() {
                entry.fields.insert("last_message_id".to_owned(), json!(newest.to_string()));
            }
            while entry.messages.len() > MAX_MESSAGES_PER_CHANNEL {
                entry.messages.pop_first();
            }
            made += 1;
            if let Some(star) = star.as_ref().filter(|_| said.line.is_multiple_of(STARRED)) {
                let fans = 2 + usize::try_from(said.line % 5).unwrap_or(0);
                for fan in people.iter().filter(|fan| **fan != user).take(fans) {
                    let _ = self.react(channel, id, *fan, star);
                }
            }
        }
        // What the stars would have told is the past too.
        self.take_events();
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SimulatorConfig;
    use crate::snowflake::made_ms;

    #[test]
    fn messages_are_of_their_time_and_nobody_is_told() {
        let now_ms = 1_795_516_200_000;
        let mut world = World::from_seed(&SimulatorConfig::default());
        let made = world.live_through(30, 1, now_ms);
        assert!(world.take_events().is_empty());
        let all: Vec<u64> = world.channels.values().flat_map(|channel| channel.messages.keys().copied()).collect();
        assert!(made > 3_000, "{made}");
        assert_eq!(all.len(), made);
        assert!(all.iter().all(|id| made_ms(*id) < now_ms && made_ms(*id) + 31 * 86_400_000 > now_ms));
        let starred = world.channels.values().flat_map(|channel| channel.messages.values());
        assert!(starred.filter(|message| !message.reactions.is_empty()).count() > 20);
    }
}
