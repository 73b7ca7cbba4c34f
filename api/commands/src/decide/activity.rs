use std::collections::HashMap;

use miso_bot_store::Activity;
use miso_bot_store::facts::{ACTIVITY_COUNTED, ActivityCounted, LEVEL_REACHED, LevelReached, MemberCounted};
use miso_command_catalogue::Problem;
use miso_model::{ChannelId, UserId};
use serde::{Deserialize, Serialize};

use super::{Decision, invalid};

/// Experience that a member gets in one window, at most; the rest of what they write gives nothing.
pub const WINDOW_XP: i64 = 150;
/// Length of a window, milliseconds.
pub const WINDOW_MS: i64 = 5 * 60 * 1_000;
/// Members in one request, at most.
pub const OBSERVED_MEMBERS: usize = 2_000;
/// Messages of one member in one request, at most; more are a mistake.
const OBSERVED_MESSAGES: i64 = 100_000;

/// Body of an `ActivityObserved` request: members of a guild wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityObserved {
    /// Who; a member may be there several times.
    pub members: Vec<MemberObserved>,
}

/// What a member wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberObserved {
    /// Who.
    pub user: UserId,
    /// Experience it is worth, before the cap.
    pub xp: i64,
    /// Number of messages.
    pub messages: i64,
    /// Hour of the day, UTC, 0–23.
    pub hour: i64,
    /// Where the last of them was.
    #[serde(default)]
    pub channel: Option<ChannelId>,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// The level that experience amounts to: `floor(0.05·(1+√5)·√xp) + 1`.
pub(crate) fn level(xp: i64) -> i64 {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "far below 2^52 for centuries")]
    let level = (0.05 * (1.0 + 5_f64.sqrt()) * (xp.max(0) as f64).sqrt()).floor() as i64;
    level + 1
}

/// The least experience of a level.
pub(crate) fn xp_of(wanted: i64) -> i64 {
    if wanted <= 1 {
        return 0;
    }
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "far below 2^52 for centuries")]
    let mut xp = ((wanted - 1) as f64 / (0.05 * (1.0 + 5_f64.sqrt()))).powi(2).floor() as i64;
    // The formula above may be off by a rounding.
    while level(xp) < wanted {
        xp += 1;
    }
    xp
}

/// `known` is what the members have so far.
pub(crate) fn observed(body: &ActivityObserved, known: &HashMap<UserId, Activity>) -> Result<Decision, Problem> {
    if body.members.len() > OBSERVED_MEMBERS {
        return Err(invalid(format!("One request holds {OBSERVED_MEMBERS} members at most.")));
    }
    let mut after: HashMap<UserId, Activity> = known.clone();
    let (mut members, mut reached) = (Vec::with_capacity(body.members.len()), Vec::new());
    for seen in &body.members {
        if !((0..24).contains(&seen.hour) && (0..=OBSERVED_MESSAGES).contains(&seen.messages) && seen.xp >= 0) {
            return Err(invalid("A member has an hour from 0 to 23, and no negative experience or messages."));
        }
        let of = after.entry(seen.user).or_default();
        let window_ms = seen.at_ms - seen.at_ms.rem_euclid(WINDOW_MS);
        // What is told late counts in the window of now.
        if window_ms > of.window_ms {
            (of.window_ms, of.window_xp) = (window_ms, 0);
        }
        let xp_added = seen.xp.min(WINDOW_XP - of.window_xp).max(0);
        let before = of.level;
        of.window_xp += xp_added;
        of.xp += xp_added;
        of.messages += seen.messages;
        of.level = level(of.xp);
        members.push(MemberCounted {
            user: seen.user,
            xp_added,
            xp: of.xp,
            level: of.level,
            messages_added: seen.messages,
            messages: of.messages,
            hour: seen.hour,
            window_ms: of.window_ms,
            window_xp: of.window_xp,
        });
        let levels = before + 1..=of.level;
        reached.extend(levels.map(|level| LevelReached { user: seen.user, level, channel: seen.channel }));
    }
    if members.is_empty() {
        return Ok(Decision::nothing());
    }
    let mut decision = Decision::nothing().fact(ACTIVITY_COUNTED, &ActivityCounted { members });
    for level in &reached {
        decision = decision.fact(LEVEL_REACHED, level);
    }
    Ok(decision)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::facts;
    use super::*;

    fn seen(user: u64, xp: i64, at_ms: i64) -> MemberObserved {
        MemberObserved { user: UserId(user), xp, messages: 1, hour: 3, channel: Some(ChannelId(9)), at_ms }
    }

    fn decide(members: Vec<MemberObserved>, known: &HashMap<UserId, Activity>) -> Decision {
        observed(&ActivityObserved { members }, known).expect("accepted")
    }

    fn counted(decision: &Decision) -> Vec<MemberCounted> {
        let counted: ActivityCounted = serde_json::from_slice(&decision.facts[0].1).expect("reads");
        counted.members
    }

    #[test]
    fn levels_follow_the_formula_and_their_thresholds() {
        assert_eq!([0, 38, 39, 152, 153, 10_000].map(level), [1, 1, 2, 2, 3, 17]);
        for wanted in 2..400 {
            let xp = xp_of(wanted);
            assert_eq!((level(xp - 1), level(xp)), (wanted - 1, wanted), "level {wanted} from {xp}");
        }
        assert_eq!((xp_of(1), level(-5)), (0, 1));
    }

    #[test]
    fn experience_is_capped_in_each_window_of_five_minutes() {
        let mut known = HashMap::new();
        let decision = decide(vec![seen(1, 100, 1_000), seen(1, 100, 2_000), seen(2, 10, 2_000)], &known);
        let members = counted(&decision);
        assert_eq!(
            members.iter().map(|member| (member.xp_added, member.xp)).collect::<Vec<_>>(),
            [(100, 100), (50, 150), (10, 10)]
        );
        assert_eq!((members[1].window_xp, members[1].messages), (WINDOW_XP, 2));
        known.insert(UserId(1), Activity { xp: 150, level: 2, messages: 2, window_ms: 0, window_xp: 150 });
        assert_eq!(counted(&decide(vec![seen(1, 40, WINDOW_MS - 1)], &known))[0].xp_added, 0);
        let next = counted(&decide(vec![seen(1, 40, WINDOW_MS)], &known))[0].clone();
        assert_eq!((next.xp_added, next.xp, next.window_ms, next.window_xp), (40, 190, WINDOW_MS, 40));
    }

    #[test]
    fn what_is_told_late_opens_no_new_window() {
        let full = Activity { xp: 150, level: 2, messages: 9, window_ms: 2 * WINDOW_MS, window_xp: 150 };
        let known = HashMap::from([(UserId(1), full)]);
        assert_eq!(counted(&decide(vec![seen(1, 50, 5)], &known))[0].xp_added, 0);
    }

    #[test]
    fn every_level_that_is_passed_is_a_fact_once() {
        let known =
            HashMap::from([(UserId(1), Activity { xp: 30, level: 1, messages: 1, window_ms: 0, window_xp: 0 })]);
        let decision = decide(vec![seen(1, 150, 1), seen(1, 150, 2), seen(2, 38, 3)], &known);
        let reached: Vec<_> = facts(&decision).into_iter().skip(1).collect();
        assert_eq!(
            reached,
            [
                (LEVEL_REACHED, json!({"user": "1", "level": 2, "channel": "9"})),
                (LEVEL_REACHED, json!({"user": "1", "level": 3, "channel": "9"})),
            ]
        );
    }

    #[test]
    fn nonsense_is_refused_and_nobody_is_nothing() {
        let wrong =
            |member: MemberObserved| observed(&ActivityObserved { members: vec![member] }, &HashMap::new()).is_err();
        assert!(wrong(seen(1, -1, 1)));
        assert!(wrong(MemberObserved { hour: 24, ..seen(1, 1, 1) }));
        assert!(wrong(MemberObserved { messages: -1, ..seen(1, 1, 1) }));
        let many = ActivityObserved { members: vec![seen(1, 1, 1); OBSERVED_MEMBERS + 1] };
        assert!(observed(&many, &HashMap::new()).is_err());
        assert_eq!(decide(vec![], &HashMap::new()), Decision::nothing());
    }
}
