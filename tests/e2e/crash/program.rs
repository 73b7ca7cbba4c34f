//! What a bot does in one channel: a seeded sequence of requests, each after the answer to the one before. Pure.

use rand::Rng as _;
use rand::rngs::StdRng;

/// Emoji for reactions; each message gets each at most once.
const EMOJI: [&str; 6] = ["🍜", "🥢", "🍲", "🥄", "🍥", "🧂"];
/// Messages of a channel that later requests choose from.
const REMEMBERED: usize = 4;

/// One change at Discord.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    Created {
        content: String,
    },
    Reacted {
        message: String,
        emoji: String,
    },
    Edited {
        message: String,
        content: String,
    },
    Deleted {
        message: String,
    },
    ThreadMade {
        name: String,
    },
    /// A message by webhook.
    Executed {
        content: String,
    },
}

impl Effect {
    /// Whether Discord's API gives no way to do it at most once after an answer was lost.
    pub(crate) fn may_be_unknown(&self) -> bool {
        matches!(self, Self::ThreadMade { .. } | Self::Executed { .. })
    }
}

/// Chooses the next request of a channel.
#[derive(Debug)]
pub(crate) struct Program {
    channel: usize,
    webhook: bool,
    number: usize,
    messages: Vec<Message>,
}

#[derive(Debug)]
struct Message {
    id: String,
    reactions: usize,
    edits: usize,
}

impl Program {
    /// `webhook`: the channel has one.
    pub(crate) fn new(channel: usize, webhook: bool) -> Self {
        Self { channel, webhook, number: 0, messages: Vec::new() }
    }

    /// A message was created.
    pub(crate) fn created(&mut self, id: &str) {
        self.messages.push(Message { id: id.to_owned(), reactions: 0, edits: 0 });
        if self.messages.len() > REMEMBERED {
            self.messages.remove(0);
        }
    }

    /// The next request.
    pub(crate) fn next(&mut self, random: &mut StdRng) -> Effect {
        self.number += 1;
        let content = format!("act {}.{}", self.channel, self.number);
        let draw = random.random_range(0..100);
        if (60..70).contains(&draw) {
            return Effect::ThreadMade { name: content };
        }
        if (52..60).contains(&draw) && self.webhook {
            return Effect::Executed { content };
        }
        if draw < 60 || self.messages.is_empty() {
            return Effect::Created { content };
        }
        let place = random.random_range(0..self.messages.len());
        let message = &mut self.messages[place];
        let id = message.id.clone();
        match draw {
            70..80 if message.reactions < EMOJI.len() => {
                message.reactions += 1;
                Effect::Reacted { message: id, emoji: EMOJI[message.reactions - 1].to_owned() }
            }
            90.. => {
                self.messages.remove(place);
                Effect::Deleted { message: id }
            }
            _ => {
                message.edits += 1;
                Effect::Edited { message: id, content: format!("{content}, edit {}", message.edits) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn a_program_uses_every_kind_and_never_a_deleted_message() {
        let mut random = StdRng::seed_from_u64(1);
        let mut program = Program::new(1, true);
        let (mut deleted, mut kinds) = (Vec::new(), std::collections::BTreeSet::new());
        for number in 0..300 {
            let effect = program.next(&mut random);
            kinds.insert(format!("{effect:?}").split([' ', '{']).next().expect("a name").to_owned());
            match effect {
                Effect::Created { .. } => program.created(&number.to_string()),
                Effect::Deleted { message } => deleted.push(message),
                Effect::Reacted { message, .. } | Effect::Edited { message, .. } => {
                    assert!(!deleted.contains(&message));
                }
                Effect::ThreadMade { .. } | Effect::Executed { .. } => {}
            }
        }
        assert_eq!(kinds.len(), 6, "{kinds:?}");
    }
}
