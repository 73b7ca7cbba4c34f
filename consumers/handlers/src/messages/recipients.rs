//! How often somebody is told of their words. Pure.

use std::collections::{HashMap, VecDeque};

use miso_model::{MessageId, UserId};

/// Notifications that one person gets within [`NOTIFIED_WITHIN_MS`], at most; of what is beyond they are not
/// told, and it is counted. Discord shows nobody more, and who opens floods of direct messages is cut off.
pub const NOTIFIED_PER_PERSON: usize = 10;
/// Milliseconds, of the messages' own time.
pub const NOTIFIED_WITHIN_MS: i64 = 10 * 60 * 1_000;
/// People remembered, at most; at the bound those who were not told lately are forgotten, and if that does
/// not help, all.
const REMEMBERED: usize = 20_000;

/// Who was told of which messages lately, in memory, per process: a restart begins anew.
#[derive(Debug, Default)]
pub(crate) struct Recipients(HashMap<u64, VecDeque<MessageId>>);

impl Recipients {
    /// Counts a notification, unless it is one too many. The same message counts once.
    pub(crate) fn may_tell(&mut self, user: UserId, message: MessageId) -> bool {
        let now = message.created_ms();
        let lately = |told: &MessageId| now - told.created_ms() < NOTIFIED_WITHIN_MS;
        if self.0.len() >= REMEMBERED && !self.0.contains_key(&user.0) {
            self.0.retain(|_, told| told.iter().any(lately));
            if self.0.len() >= REMEMBERED {
                self.0.clear();
            }
        }
        let told = self.0.entry(user.0).or_default();
        told.retain(lately);
        if told.contains(&message) {
            return true;
        }
        let may = told.len() < NOTIFIED_PER_PERSON;
        if may {
            told.push_back(message);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> MessageId {
        MessageId(ms << 22)
    }

    #[test]
    fn ten_in_ten_minutes_are_told_and_a_repeat_counts_once() {
        let mut recipients = Recipients::default();
        let mia = UserId(1);
        for ms in 0..10 {
            assert!(recipients.may_tell(mia, at(ms)), "{ms}");
        }
        assert!(recipients.may_tell(mia, at(9)), "a repeat");
        assert!(!recipients.may_tell(mia, at(10)));
        assert!(recipients.may_tell(UserId(2), at(10)), "others are told");
        assert!(recipients.may_tell(mia, at(NOTIFIED_WITHIN_MS.unsigned_abs())), "the first is long ago");
    }

    #[test]
    fn memory_is_bounded() {
        let mut recipients = Recipients::default();
        for user in 0..REMEMBERED as u64 + 10 {
            recipients.may_tell(UserId(user), at(0));
        }
        assert!(recipients.0.len() <= REMEMBERED);
    }
}
