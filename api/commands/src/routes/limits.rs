use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use miso_model::UserId;

/// What a user may ask at once of one instance.
pub const USER_BURST: u32 = 1_200;
/// And on and on, per second.
pub const USER_PER_SECOND: u32 = 20;
/// What all services together may ask at once of one instance, when they act for nobody.
pub const SERVICE_BURST: u32 = 20_000;
/// And on and on, per second.
pub const SERVICE_PER_SECOND: u32 = 10_000;
/// Users whose use is remembered; beyond it the ones that were longest idle are forgotten.
pub const LIMITED_USERS: usize = 10_000;

/// How much was asked lately, by whom: token buckets, of one instance, in memory.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    buckets: Mutex<HashMap<Option<UserId>, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// What is left, at `at`.
    left: f64,
    at: Instant,
}

impl Limits {
    /// Takes one for a user, or for a service; otherwise how long to wait.
    pub(crate) fn take(&self, who: Option<UserId>, now: Instant) -> Result<(), Duration> {
        let (burst, per_second) =
            if who.is_some() { (USER_BURST, USER_PER_SECOND) } else { (SERVICE_BURST, SERVICE_PER_SECOND) };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > LIMITED_USERS && !buckets.contains_key(&who) {
            forget(&mut buckets);
        }
        let bucket = buckets.entry(who).or_insert(Bucket { left: f64::from(burst), at: now });
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.left = (bucket.left + passed * f64::from(per_second)).min(f64::from(burst));
        bucket.at = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - bucket.left) / f64::from(per_second)))
    }
}

/// Half of them: it happens rarely then.
fn forget(buckets: &mut HashMap<Option<UserId>, Bucket>) {
    let mut times: Vec<Instant> = buckets.values().map(|bucket| bucket.at).collect();
    let middle = times.len() / 2;
    let (_, limit, _) = times.select_nth_unstable(middle);
    let limit = *limit;
    buckets.retain(|who, bucket| who.is_none() || bucket.at > limit);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_who_asks_too_much_waits_and_others_do_not() {
        let (limits, start) = (Limits::default(), Instant::now());
        let (one, other) = (Some(UserId(1)), Some(UserId(2)));
        for _ in 0..USER_BURST {
            assert_eq!(limits.take(one, start), Ok(()));
        }
        let wait = limits.take(one, start).expect_err("too much");
        assert_eq!(wait.as_millis(), u128::from(1_000 / USER_PER_SECOND));
        assert_eq!((limits.take(other, start), limits.take(None, start)), (Ok(()), Ok(())));
        assert!(limits.take(one, start + wait).is_ok());
        assert!(limits.take(one, start + wait).is_err());
    }

    #[test]
    fn the_longest_idle_are_forgotten() {
        let (limits, start) = (Limits::default(), Instant::now());
        for user in 0..LIMITED_USERS as u64 * 2 {
            let _ = limits.take(Some(UserId(user)), start + Duration::from_millis(user));
        }
        let buckets = limits.buckets.lock().expect("whole");
        assert!(
            buckets.len() <= LIMITED_USERS + 1 && buckets.contains_key(&Some(UserId(LIMITED_USERS as u64 * 2 - 1)))
        );
    }
}
