use std::collections::{BTreeMap, VecDeque};

use miso_model::{BucketState, Route};
use proptest::prelude::*;

use super::*;
use crate::seen::Counted;

const NOW_MS: i64 = 1_800_000_000_000;

const fn ms(ms: u64) -> Moment {
    Duration::from_millis(ms)
}

fn scheduler() -> Scheduler {
    Scheduler::new(Limits { invalid: 10_000, edge_pause: Duration::from_secs(60) })
}

fn job(method: &str, path: &str) -> Job {
    Job::of(&Route::of(method, path, None), method, path, b"")
}

fn submit(scheduler: &mut Scheduler, method: &str, path: &str, now: Moment) -> Ticket {
    scheduler.submit(job(method, path), now, NOW_MS).expect("room")
}

fn poll(scheduler: &mut Scheduler, now: Moment) -> Vec<Decision> {
    let mut out = Vec::new();
    scheduler.poll(now, NOW_MS, &mut out);
    out
}

fn granted(scheduler: &mut Scheduler, now: Moment) -> Vec<Ticket> {
    let decisions = poll(scheduler, now);
    let tickets = decisions.into_iter().map(|decision| match decision {
        Decision::Grant(ticket) => ticket,
        other => panic!("{other:?}"),
    });
    tickets.collect()
}

fn answer(status: u16, limit: i64, remaining: i64, reset_after_ms: u64) -> Seen {
    answer_of("h", status, limit, remaining, reset_after_ms)
}

fn answer_of(hash: &str, status: u16, limit: i64, remaining: i64, reset_after_ms: u64) -> Seen {
    let counted = Counted { hash: hash.into(), limit, remaining, reset_after: ms(reset_after_ms) };
    Seen {
        status,
        counted: Some(counted),
        retry_after: (status == 429).then(|| ms(reset_after_ms)),
        scope: Scope::User,
        from_the_edge: false,
        code: None,
    }
}

fn complete(scheduler: &mut Scheduler, ticket: Ticket, seen: &Seen, now: Moment) {
    scheduler.sent(ticket, now);
    scheduler.answered(ticket, seen, now);
    scheduler.finish(ticket, now, NOW_MS);
}

#[test]
fn a_cold_burst_sends_one_probe_and_then_what_remains() {
    let mut scheduler = scheduler();
    let all: Vec<Ticket> =
        (0..6).map(|id| submit(&mut scheduler, "POST", &format!("/channels/1/x/{id}"), ms(0))).collect();
    assert_eq!(granted(&mut scheduler, ms(1)), all[..1]);
    complete(&mut scheduler, all[0], &answer(200, 4, 3, 1_000), ms(2));
    assert_eq!(granted(&mut scheduler, ms(3)), all[1..4]);
    assert!(granted(&mut scheduler, ms(4)).is_empty());
    assert!(scheduler.next_wake().expect("a timer") > ms(1_000));
}

#[test]
fn one_create_message_per_channel_is_out_and_a_429_puts_it_back_at_the_head() {
    let mut scheduler = scheduler();
    let first = submit(&mut scheduler, "POST", "/channels/1/messages", ms(0));
    let second = submit(&mut scheduler, "POST", "/channels/1/messages", ms(0));
    assert_eq!(granted(&mut scheduler, ms(0)), [first]);
    scheduler.sent(first, ms(0));
    scheduler.answered(first, &answer(429, 5, 0, 700), ms(10));
    scheduler.again(first, ms(10), ms(10), NOW_MS);
    assert!(granted(&mut scheduler, ms(700)).is_empty());
    assert_eq!(granted(&mut scheduler, ms(800)), [first], "the same one, before its successor");
    complete(&mut scheduler, first, &answer(200, 5, 4, 1_000), ms(900));
    assert_eq!(granted(&mut scheduler, ms(901)), [second]);
}

#[test]
fn a_series_goes_on_only_when_its_first_is_finished() {
    let mut scheduler = scheduler();
    let first = submit(&mut scheduler, "PATCH", "/channels/1/messages/2", ms(0));
    let second = submit(&mut scheduler, "DELETE", "/channels/1/messages/2", ms(0));
    assert_eq!(granted(&mut scheduler, ms(0)), [first]);
    scheduler.sent(first, ms(0));
    scheduler.answered(first, &answer(200, 5, 4, 1_000), ms(1));
    assert!(granted(&mut scheduler, ms(2)).is_empty(), "its outcome is not committed yet");
    scheduler.finish(first, ms(3), NOW_MS);
    assert_eq!(granted(&mut scheduler, ms(3)), [second]);
}

#[test]
fn a_blocked_bucket_stalls_no_other_and_a_global_pause_stalls_no_interaction() {
    let mut scheduler = scheduler();
    let blocked = submit(&mut scheduler, "POST", "/channels/1/messages", ms(0));
    assert_eq!(granted(&mut scheduler, ms(0)), [blocked]);
    scheduler.sent(blocked, ms(0));
    scheduler.answered(blocked, &answer(429, 5, 0, 86_400_000), ms(1));
    scheduler.again(blocked, ms(1), ms(1), NOW_MS);
    let other = submit(&mut scheduler, "POST", "/channels/2/messages", ms(2));
    assert_eq!(granted(&mut scheduler, ms(2)), [other]);
    scheduler.sent(other, ms(2));
    let global = Seen { scope: Scope::Global, counted: None, ..answer(429, 0, 0, 5_000) };
    scheduler.answered(other, &global, ms(3));
    scheduler.again(other, ms(3), ms(3), NOW_MS);
    let third = submit(&mut scheduler, "POST", "/channels/3/messages", ms(4));
    let callback = submit(&mut scheduler, "POST", "/interactions/1/t/callback", ms(4));
    assert_eq!(granted(&mut scheduler, ms(4)), [callback]);
    let resumed = granted(&mut scheduler, ms(5_100));
    assert_eq!(resumed, [other, third]);
    assert!(
        scheduler.predicted_wait(&job("POST", "/channels/1/messages"), ms(5_100), NOW_MS) > Duration::from_secs(80_000)
    );
}

#[test]
fn the_budget_is_charged_when_bytes_leave_and_given_back_when_they_do_not() {
    let mut scheduler = scheduler();
    scheduler.set_global(Some(2));
    let all: Vec<Ticket> =
        (0..4).map(|id| submit(&mut scheduler, "POST", &format!("/channels/{id}/messages"), ms(0))).collect();
    assert_eq!(granted(&mut scheduler, ms(0)), all[..2]);
    scheduler.unsent(all[0], ms(1));
    scheduler.again(all[0], ms(1), ms(1), NOW_MS);
    assert_eq!(granted(&mut scheduler, ms(1)), all[..1]);
    for ticket in &all[..2] {
        complete(&mut scheduler, *ticket, &answer(200, 5, 4, 100), ms(5));
    }
    assert!(granted(&mut scheduler, ms(900)).is_empty());
    assert_eq!(granted(&mut scheduler, ms(1_036)), all[2..]);
}

#[test]
fn what_expires_while_it_waits_is_told_and_never_granted() {
    let mut scheduler = scheduler();
    let holder = submit(&mut scheduler, "POST", "/interactions/1/t/callback", ms(0));
    let mut late = job("POST", "/interactions/1/t/callback");
    late.expires = Some(ms(3_000));
    let late = scheduler.submit(late, ms(0), NOW_MS).expect("room");
    assert_eq!(poll(&mut scheduler, ms(0)), [Decision::Grant(holder)]);
    assert_eq!(poll(&mut scheduler, ms(3_000)), [Decision::Expired(late)]);
    scheduler.finish(late, ms(3_000), NOW_MS);
    complete(&mut scheduler, holder, &answer(200, 5, 4, 100), ms(3_001));
    assert_eq!((poll(&mut scheduler, ms(3_001)), scheduler.open()), (Vec::new(), 0));
}

#[test]
fn a_refused_token_holds_the_bots_requests_and_no_webhooks() {
    let mut scheduler = scheduler();
    let first = submit(&mut scheduler, "POST", "/channels/1/messages", ms(0));
    assert_eq!(granted(&mut scheduler, ms(0)), [first]);
    scheduler.sent(first, ms(0));
    scheduler.answered(first, &Seen { counted: None, ..answer(401, 0, 0, 0) }, ms(1));
    scheduler.again(first, ms(1), ms(1), NOW_MS);
    let webhook = submit(&mut scheduler, "POST", "/webhooks/1/t", ms(2));
    assert_eq!(granted(&mut scheduler, ms(2)), [webhook]);
    assert!(scheduler.halted());
    let second = submit(&mut scheduler, "POST", "/channels/2/messages", ms(2));
    let retried = granted(&mut scheduler, ms(1) + TOKEN_RETRY);
    assert_eq!(retried, [first], "one tries whether the token is good again");
    scheduler.token_changed();
    assert_eq!(granted(&mut scheduler, ms(3) + TOKEN_RETRY), [second]);
}

#[test]
fn cloudflares_refusals_pause_everything_ever_longer() {
    let mut scheduler = scheduler();
    let edge = Seen { counted: None, from_the_edge: true, ..answer(429, 0, 0, 1_000) };
    let first = submit(&mut scheduler, "POST", "/interactions/1/t/callback", ms(0));
    let mut now = ms(0);
    for pause in [60, 120, 240] {
        assert_eq!(granted(&mut scheduler, now), [first]);
        scheduler.sent(first, now);
        scheduler.answered(first, &edge, now);
        scheduler.again(first, now, now, NOW_MS);
        let pause = Duration::from_secs(pause);
        assert!(granted(&mut scheduler, now + pause - ms(1)).is_empty());
        now += pause;
    }
}

#[test]
fn the_invalid_budget_counts_requests_that_are_still_out() {
    let mut scheduler = Scheduler::new(Limits { invalid: 3, edge_pause: ms(1) });
    let all: Vec<Ticket> =
        (0..5).map(|id| submit(&mut scheduler, "POST", &format!("/channels/{id}/messages"), ms(0))).collect();
    assert_eq!(granted(&mut scheduler, ms(0)), all[..3]);
    complete(&mut scheduler, all[0], &answer(403, 5, 4, 100), ms(1));
    assert!(granted(&mut scheduler, ms(2)).is_empty(), "one invalid and two that may be");
    complete(&mut scheduler, all[1], &answer(200, 5, 4, 100), ms(3));
    assert_eq!(granted(&mut scheduler, ms(4)), [all[3]]);
}

#[test]
fn a_full_bucket_refuses_and_others_do_not() {
    let mut scheduler = scheduler();
    for _ in 0..MAX_QUEUED {
        submit(&mut scheduler, "POST", "/channels/1/messages", ms(0));
    }
    assert_eq!(scheduler.submit(job("POST", "/channels/1/messages"), ms(0), NOW_MS), Err(QueueFull));
    submit(&mut scheduler, "POST", "/channels/2/messages", ms(0));
    let first = granted(&mut scheduler, ms(0))[0];
    complete(&mut scheduler, first, &answer(200, 5, 4, 100), ms(1));
    submit(&mut scheduler, "POST", "/channels/1/messages", ms(0));
}

#[test]
fn idle_buckets_make_room_and_blocked_ones_stay() {
    let mut scheduler = scheduler();
    let blocked = submit(&mut scheduler, "POST", "/channels/0/messages", ms(0));
    granted(&mut scheduler, ms(0));
    complete(&mut scheduler, blocked, &answer(429, 5, 0, 86_400_000), ms(0));
    for id in 1..MAX_BUCKETS {
        let ticket = submit(&mut scheduler, "POST", &format!("/interactions/1/{id}/callback"), ms(1));
        granted(&mut scheduler, ms(1));
        complete(&mut scheduler, ticket, &answer(200, 5, 4, 100), ms(1));
    }
    assert_eq!(scheduler.by_key.len(), MAX_BUCKETS);
    submit(&mut scheduler, "POST", "/interactions/1/one-more/callback", ms(5_000));
    assert_eq!(scheduler.by_key.len(), 2);
    assert!(scheduler.predicted_wait(&job("POST", "/channels/0/messages"), ms(5_000), NOW_MS) > ms(1_000_000));
}

#[test]
fn two_routes_that_prove_to_be_one_counter_are_merged_in_order() {
    let mut scheduler = scheduler();
    let first = submit(&mut scheduler, "POST", "/channels/1/a", ms(0));
    let second = submit(&mut scheduler, "POST", "/channels/1/b", ms(0));
    assert_eq!(granted(&mut scheduler, ms(0)), [first, second], "same hash alone proves nothing yet");
    complete(&mut scheduler, first, &answer(200, 5, 4, 10_000), ms(1));
    complete(&mut scheduler, second, &answer(200, 5, 3, 10_000), ms(1));
    let third = submit(&mut scheduler, "POST", "/channels/1/a", ms(2));
    let fourth = submit(&mut scheduler, "POST", "/channels/1/b", ms(2));
    assert_eq!(granted(&mut scheduler, ms(2)).len(), 2);
    // The window was open by our count of each, and yet:
    scheduler.sent(third, ms(2));
    scheduler.answered(third, &answer(429, 5, 0, 1_000), ms(3));
    scheduler.again(third, ms(3), ms(3), NOW_MS);
    complete(&mut scheduler, fourth, &answer(200, 5, 0, 10_000), ms(3));
    let fifth = submit(&mut scheduler, "POST", "/channels/1/b", ms(4));
    assert!(granted(&mut scheduler, ms(500)).is_empty());
    assert_eq!(granted(&mut scheduler, ms(1_100)), [third], "one probe for both");
    complete(&mut scheduler, third, &answer(200, 5, 4, 1_000), ms(1_101));
    assert_eq!(granted(&mut scheduler, ms(1_102)), [fifth]);
}

#[test]
fn the_hash_learned_late_or_changed_loses_no_waiter_and_no_order() {
    let mut scheduler = scheduler();
    let all: Vec<Ticket> = (0..6).map(|_| submit(&mut scheduler, "POST", "/channels/1/x", ms(0))).collect();
    let mut order = Vec::new();
    let hashes = ["one", "two", "three", "four", "five", "six"];
    for (step, hash) in hashes.into_iter().enumerate() {
        let now = ms(10 * u64::try_from(step).expect("small"));
        let out = granted(&mut scheduler, now);
        order.extend(out.iter().copied());
        for ticket in out {
            complete(&mut scheduler, ticket, &answer_of(hash, 200, 5, 1, 10_000), now);
        }
    }
    assert_eq!(order, all);
}

#[test]
fn a_restored_bucket_waits_for_its_window() {
    let mut scheduler = scheduler();
    let known = BucketState {
        route: "POST /channels/{channel}/messages".to_owned(),
        major: "channel/1".to_owned(),
        hash: None,
        limit: 5,
        remaining: 0,
        resets_ms: NOW_MS + 4_000,
    };
    scheduler.restore_bucket(&known, 0, ms(0), NOW_MS);
    let ticket = submit(&mut scheduler, "POST", "/channels/1/messages", ms(0));
    assert!(granted(&mut scheduler, ms(3_999)).is_empty());
    assert_eq!(granted(&mut scheduler, ms(4_000)), [ticket]);
    assert_eq!(scheduler.spent_buckets(0, ms(0), NOW_MS).len(), 1);
}

/// Discord, as far as counters go: fixed windows that begin with the first request.
struct Discord {
    limits: BTreeMap<u64, (i64, u64)>,
    windows: BTreeMap<u64, (i64, Moment)>,
    global: (u32, VecDeque<Moment>),
    refused: usize,
}

impl Discord {
    fn receive(&mut self, channel: u64, now: Moment) -> Seen {
        let (limit, window) = self.limits[&channel];
        self.global.1.push_back(now);
        while self.global.1.front().is_some_and(|at| *at + ms(1_000) <= now) {
            self.global.1.pop_front();
        }
        let (used, ends) =
            self.windows.get(&channel).copied().filter(|(_, ends)| *ends > now).unwrap_or((0, now + ms(window)));
        let left = ends - now;
        let left_ms =
            u64::try_from(left.as_millis()).expect("small") + u64::from(!left.subsec_nanos().is_multiple_of(1_000_000));
        if self.global.1.len() > self.global.0 as usize || used >= limit {
            self.refused += 1;
            return answer(429, limit, 0, left_ms);
        }
        self.windows.insert(channel, (used + 1, ends));
        answer(200, limit, limit - used - 1, left_ms)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Any mix of channels, limits, latencies: all is sent, in order, and Discord refuses nothing.
    #[test]
    fn discord_refuses_nothing_and_order_is_kept(
        limits in proptest::collection::vec((1_i64..6, 50_u64..2_000), 1..6),
        jobs in proptest::collection::vec((any::<prop::sample::Index>(), 0_u64..200), 1..80),
        latencies in proptest::collection::vec(1_u64..400, 1..20),
        global in 3_u32..50,
    ) {
        let mut scheduler = scheduler();
        scheduler.set_global(Some(global));
        let numbered = limits.iter().enumerate().map(|(index, limit)| (u64::try_from(index).expect("small"), *limit));
        let mut discord = Discord { limits: numbered.collect(), windows: BTreeMap::new(), global: (global, VecDeque::new()), refused: 0 };
        let mut arrivals: VecDeque<(Moment, u64)> = VecDeque::new();
        let mut at = ms(0);
        for (channel, pause) in &jobs {
            at += ms(*pause);
            arrivals.push_back((at, u64::try_from(channel.index(limits.len())).expect("small")));
        }
        let mut flying: BTreeMap<(Moment, Ticket), Seen> = BTreeMap::new();
        let mut channel_of = HashMap::new();
        let mut received: BTreeMap<u64, Vec<Ticket>> = BTreeMap::new();
        let mut submitted: BTreeMap<u64, Vec<Ticket>> = BTreeMap::new();
        let (mut now, mut count, mut done) = (ms(0), 0, 0);
        while done < jobs.len() {
            let next = [arrivals.front().map(|(at, _)| *at), flying.keys().next().map(|(at, _)| *at), scheduler.next_wake()];
            let next = next.into_iter().flatten().min();
            prop_assert!(next.is_some(), "nothing will ever happen again");
            now = now.max(next.unwrap_or_default());
            prop_assert!(now < Duration::from_secs(3_600), "it never ends");
            while let Some((_, channel)) = arrivals.front().copied().filter(|(at, _)| *at <= now) {
                arrivals.pop_front();
                let ticket = submit(&mut scheduler, "POST", &format!("/channels/{channel}/messages"), now);
                channel_of.insert(ticket, channel);
                submitted.entry(channel).or_default().push(ticket);
            }
            while let Some((&(at, ticket), _)) = flying.first_key_value().filter(|((at, _), _)| *at <= now) {
                let seen = flying.remove(&(at, ticket)).expect("there");
                scheduler.answered(ticket, &seen, now);
                if seen.status == 429 {
                    scheduler.again(ticket, now, now, NOW_MS);
                } else {
                    scheduler.finish(ticket, now, NOW_MS);
                    done += 1;
                }
            }
            for ticket in granted(&mut scheduler, now) {
                scheduler.sent(ticket, now);
                let channel = channel_of[&ticket];
                let seen = discord.receive(channel, now);
                if seen.status == 200 {
                    received.entry(channel).or_default().push(ticket);
                }
                count += 1;
                flying.insert((now + ms(latencies[count % latencies.len()]), ticket), seen);
            }
        }
        prop_assert_eq!(discord.refused, 0);
        prop_assert_eq!(received, submitted);
        prop_assert_eq!(scheduler.open(), 0);
        prop_assert_eq!(scheduler.in_flight(), 0);
    }
}
