use miso_bot_store::facts::{COUNTS_ADDED, CountsAdded};
use miso_command_catalogue::Problem;

use super::{Decision, invalid};

/// Hours in one request, at most.
pub const COUNTED_HOURS: usize = 1_000;
/// What may have happened in one hour, at most.
const AN_HOUR: i64 = 1_000_000_000;

/// What handlers counted is added to what was counted before.
pub(crate) fn observed(body: &CountsAdded) -> Result<Decision, Problem> {
    if body.counts.len() > COUNTED_HOURS {
        return Err(invalid(format!("One request holds {COUNTED_HOURS} hours at most.")));
    }
    for counts in &body.counts {
        let numbers = [counts.messages, counts.joins, counts.leaves, counts.commands];
        let fits = is_day(&counts.day)
            && (0..24).contains(&counts.hour)
            && numbers.iter().all(|number| (0..=AN_HOUR).contains(number));
        if !fits {
            return Err(invalid("A count has a day like 2026-11-24, an hour from 0 to 23, and no negative number."));
        }
    }
    if body.counts.is_empty() {
        return Ok(Decision::nothing());
    }
    Ok(Decision::nothing().fact(COUNTS_ADDED, body))
}

/// `2026-11-24`.
fn is_day(text: &str) -> bool {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| text.get(from..to).and_then(|digits| digits.parse::<u8>().ok());
    bytes.len() == 10
        && bytes
            .iter()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() })
        && number(5, 7).is_some_and(|month| (1..=12).contains(&month))
        && number(8, 10).is_some_and(|day| (1..=31).contains(&day))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::facts;
    use super::*;

    fn decide(counts: &serde_json::Value) -> Result<Decision, Problem> {
        observed(&serde_json::from_value(json!({"counts": counts})).expect("reads"))
    }

    #[test]
    fn counts_become_a_fact_as_they_are() {
        let counts = json!([{"day": "2026-11-24", "hour": 23, "messages": 3, "joins": 0, "leaves": 0, "commands": 1}]);
        assert_eq!(facts(&decide(&counts).expect("accepted")), [(COUNTS_ADDED, json!({"counts": counts}))]);
        assert_eq!(decide(&json!([])), Ok(Decision::nothing()));
    }

    #[test]
    fn what_is_no_hour_or_negative_is_refused() {
        for (day, hour, messages) in [
            ("2026-11-24", 24, 1),
            ("2026-11-24", -1, 1),
            ("2026-11-24", 1, -1),
            ("2026-13-24", 1, 1),
            ("2026-11-00", 1, 1),
            ("24.11.2026", 1, 1),
            ("2026-11-2é", 1, 1),
            ("", 1, 1),
        ] {
            assert!(decide(&json!([{"day": day, "hour": hour, "messages": messages}])).is_err(), "{day} {hour}");
        }
        let many: Vec<_> = (0..=COUNTED_HOURS).map(|_| json!({"day": "2026-11-24", "hour": 1})).collect();
        assert!(decide(&json!(many)).is_err());
    }
}
