//! Who is seen in a guild, and who holds an artist's crown there. Pure.

use miso_bot_store::Crown;
use miso_bot_store::facts::{CROWN_TAKEN, CrownTaken, LISTENER_LEFT, MemberForgotten, SEEN_IN_GUILD, SeenInGuild};
use miso_model::{ChannelId, UserId};
use serde::{Deserialize, Serialize};

use super::{Decision, Situation, settings};

/// Kind of a request: somebody who is linked uses a command in the guild.
pub const SEE_IN_GUILD: &str = "SeeInGuild";
/// Kind of a request: somebody left the guild.
pub const LISTENER_LEAVES: &str = "ListenerLeaves";
/// Kind of a request: somebody listens to an artist most.
pub const CLAIM_CROWN: &str = "ClaimCrown";
/// Plays that a crown needs.
pub const CROWN_PLAYS: i64 = 30;

/// Body of a [`CLAIM_CROWN`] request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimCrown {
    /// The artist.
    pub artist: String,
    /// Who listens most.
    pub user: UserId,
    /// How often they did.
    pub plays: i64,
    /// Where it came to light.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
}

pub(crate) fn seen(body: &SeenInGuild, known: bool) -> Decision {
    if known { Decision::nothing() } else { Decision::nothing().fact(SEEN_IN_GUILD, body) }
}

pub(crate) fn left(body: &MemberForgotten, known: bool) -> Decision {
    if known { Decision::nothing().fact(LISTENER_LEFT, body) } else { Decision::nothing() }
}

/// `now` is the crown as it stands. It is taken from who has it only by more plays than they took it with.
pub(crate) fn claimed(situation: Situation<'_>, body: &ClaimCrown, now: Option<&Crown>) -> Decision {
    let on = settings::settings(situation.state).switch("lastfm", "crowns");
    if !on || body.plays < CROWN_PLAYS {
        return Decision::nothing();
    }
    if now.is_some_and(|crown| crown.user == body.user || crown.plays >= body.plays) {
        return Decision::nothing();
    }
    let fact = CrownTaken {
        artist: body.artist.clone(),
        user: body.user,
        plays: body.plays,
        from: now.map(|crown| crown.user),
        channel: body.channel,
    };
    Decision::nothing().fact(CROWN_TAKEN, &fact)
}

#[cfg(test)]
mod tests {
    use miso_bot_store::AggregateState;
    use serde_json::json;

    use super::super::tests::{facts, request};
    use super::*;

    fn claim(plays: i64) -> ClaimCrown {
        ClaimCrown { artist: "HEEJIN".to_owned(), user: UserId(2), plays, channel: Some(ChannelId(5)) }
    }

    fn crown(user: u64, plays: i64) -> Crown {
        Crown { artist: "HEEJIN".to_owned(), user: UserId(user), plays, since_ms: 1 }
    }

    #[test]
    fn a_crown_goes_to_who_has_more_plays_and_enough_of_them() {
        let (request, state) = (request("guild/1", CLAIM_CROWN, &json!({})), AggregateState::default());
        let at = Situation { request: &request, state: &state, now_ms: 9 };
        assert!(claimed(at, &claim(CROWN_PLAYS - 1), None).facts.is_empty());
        let free = claimed(at, &claim(CROWN_PLAYS), None);
        assert_eq!(facts(&free)[0].1, json!({"artist": "HEEJIN", "user": "2", "plays": 30, "channel": "5"}));
        let taken = claimed(at, &claim(50), Some(&crown(3, 40)));
        assert_eq!(facts(&taken)[0].1["from"], json!("3"));
        assert!(claimed(at, &claim(50), Some(&crown(2, 40))).facts.is_empty(), "it is theirs");
        assert!(claimed(at, &claim(40), Some(&crown(3, 40))).facts.is_empty(), "not more");
    }

    #[test]
    fn a_guild_without_crowns_gives_none() {
        let request = request("guild/1", CLAIM_CROWN, &json!({}));
        let settings = json!({"lastfm": {"version": 1, "by": "", "at_ms": 0, "values": {"crowns": false}}});
        let state = AggregateState { version: 1, settings: settings.as_object().cloned().expect("an object") };
        let at = Situation { request: &request, state: &state, now_ms: 9 };
        assert!(claimed(at, &claim(90), None).facts.is_empty());
    }

    #[test]
    fn who_is_known_in_a_guild_is_said_once_and_leaves_once() {
        let (user, gone) = (SeenInGuild { user: UserId(2) }, MemberForgotten { user: UserId(2) });
        assert_eq!((seen(&user, false).facts.len(), seen(&user, true).facts.len()), (1, 0));
        assert_eq!((left(&gone, true).facts.len(), left(&gone, false).facts.len()), (1, 0));
    }
}
