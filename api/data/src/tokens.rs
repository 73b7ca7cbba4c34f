//! Which tokens are let in, which are refused, and which Discord is asked about. Pure: the time comes in.

use std::sync::Arc;

use crate::bounded::{Bounded, TokenHash};
use crate::discord::OwnUser;

/// Tokens whose user is remembered; beyond it the oldest is asked for again.
pub const MAX_TOKENS: usize = 10_000;
/// How long Discord's word on whose token it is counts, milliseconds.
pub const TOKEN_TRUST_MS: i64 = 300_000;
/// Tokens that Discord may refuse in ten minutes; from then on tokens that it never accepted get 429, the others
/// go on. Discord shuts an address out at 10,000 invalid requests.
pub const MAX_REFUSED_TOKENS: u32 = 500;
/// The ten minutes, milliseconds. A refused token is remembered as long, and is not asked about again.
const REFUSED_WINDOW_MS: i64 = 600_000;

/// What is to be done about a token.
#[derive(Debug)]
pub(crate) enum Standing {
    /// It is this user's.
    Known(Arc<OwnUser>),
    /// Discord has just refused it.
    Refused,
    /// Too many were refused: it may be tried again in so many seconds.
    Wait(u32),
    /// Discord must be asked.
    Unknown,
}

/// What is known of tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    users: Bounded<Arc<OwnUser>>,
    refused: Bounded<()>,
    refusals: Refusals,
}

impl Default for Tokens {
    fn default() -> Self {
        let refused = Bounded::new(MAX_REFUSED_TOKENS as usize);
        let refusals = Refusals::new(MAX_REFUSED_TOKENS, REFUSED_WINDOW_MS);
        Self { users: Bounded::new(MAX_TOKENS), refused, refusals }
    }
}

impl Tokens {
    pub(crate) fn standing(&self, token: TokenHash, now_ms: i64) -> Standing {
        if let Some(user) = self.users.get(token, now_ms) {
            return Standing::Known(user);
        }
        if self.refused.get(token, now_ms).is_some() {
            return Standing::Refused;
        }
        match self.refusals.wait_s(now_ms) {
            // One that was good once does not wait for those who guess.
            Some(seconds) if !self.users.remembers(token) => Standing::Wait(seconds),
            Some(_) | None => Standing::Unknown,
        }
    }

    /// Discord has told whose it is.
    pub(crate) fn accepted(&mut self, token: TokenHash, user: Arc<OwnUser>, now_ms: i64) {
        self.users.put(token, user, now_ms + TOKEN_TRUST_MS);
    }

    /// Discord has refused it.
    pub(crate) fn refused(&mut self, token: TokenHash, now_ms: i64) {
        self.users.remove(token);
        self.refused.put(token, (), now_ms + REFUSED_WINDOW_MS);
        self.refusals.count(now_ms);
    }

    /// It was revoked.
    pub(crate) fn forget(&mut self, token: TokenHash) {
        self.users.remove(token);
    }
}

/// How many tokens Discord may refuse in a window: each is an invalid request of this address, and
/// Discord shuts out an address that makes too many.
#[derive(Debug)]
struct Refusals {
    bound: u32,
    window_ms: i64,
    began_ms: i64,
    count: u32,
}

impl Refusals {
    fn new(bound: u32, window_ms: i64) -> Self {
        Self { bound, window_ms, began_ms: 0, count: 0 }
    }

    /// Seconds until another unknown token may be tried; `None`: at once.
    fn wait_s(&self, now_ms: i64) -> Option<u32> {
        let left_ms = self.began_ms + self.window_ms - now_ms;
        (self.count >= self.bound && left_ms > 0).then(|| u32::try_from(left_ms / 1_000 + 1).unwrap_or(u32::MAX))
    }

    /// Discord refused a token.
    fn count(&mut self, now_ms: i64) {
        if self.count == 0 || now_ms - self.began_ms >= self.window_ms {
            (self.began_ms, self.count) = (now_ms, 0);
        }
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use miso_model::UserId;

    use super::*;

    fn token(n: u32) -> TokenHash {
        TokenHash::of(&n.to_be_bytes())
    }

    fn somebody() -> Arc<OwnUser> {
        Arc::new(OwnUser { id: UserId(1), fields: serde_json::Map::new() })
    }

    #[test]
    fn who_guesses_tokens_shuts_out_unknown_ones_and_nobody_whom_discord_has_accepted() {
        let (mut tokens, good, stolen) = (Tokens::default(), token(1_000_000), token(1_000_001));
        tokens.accepted(good, somebody(), 0);
        tokens.accepted(stolen, somebody(), 0);
        let later = TOKEN_TRUST_MS + 1;
        for n in 0..MAX_REFUSED_TOKENS {
            assert!(matches!(tokens.standing(token(n), later), Standing::Unknown));
            tokens.refused(token(n), later);
        }
        assert!(matches!(tokens.standing(token(MAX_REFUSED_TOKENS), later), Standing::Wait(601)));
        assert!(matches!(tokens.standing(good, later), Standing::Unknown), "its time is over: it is asked about");
        tokens.accepted(good, somebody(), later);
        assert!(matches!(tokens.standing(good, later), Standing::Known(_)));
        // Discord's word counts, also on what it had accepted.
        tokens.refused(stolen, later);
        assert!(matches!(tokens.standing(stolen, later), Standing::Refused));
        assert!(matches!(tokens.standing(token(5), later + REFUSED_WINDOW_MS), Standing::Unknown));
    }

    #[test]
    fn one_wrong_token_said_again_and_again_is_asked_about_and_counted_once() {
        let mut tokens = Tokens::default();
        let mut asked = 0;
        for now_ms in 0..i64::from(MAX_REFUSED_TOKENS) * 2 {
            if matches!(tokens.standing(token(7), now_ms), Standing::Unknown) {
                asked += 1;
                tokens.refused(token(7), now_ms);
            }
        }
        assert_eq!(asked, 1);
        assert!(matches!(tokens.standing(token(8), 0), Standing::Unknown));
    }

    #[test]
    fn too_many_refused_tokens_close_the_door_until_the_window_ends() {
        let mut refusals = Refusals::new(2, 10_000);
        refusals.count(5_000);
        assert_eq!(refusals.wait_s(5_000), None);
        refusals.count(6_000);
        assert_eq!(refusals.wait_s(6_000), Some(10));
        assert_eq!(refusals.wait_s(15_000), None);
        refusals.count(15_000);
        assert_eq!(refusals.wait_s(15_000), None, "a new window");
    }
}
