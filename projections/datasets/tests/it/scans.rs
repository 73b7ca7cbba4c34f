use miso_datasets::{Scan, Step, line};
use miso_log::{Range, RangeError, Span, catalogue};
use serde_json::json;

use crate::given::{BEGIN_MS, GUILD, Given, ROUNDS, at, event};

fn range(text: &str) -> Range {
    Range::parse(text, BEGIN_MS, &jiff::tz::TimeZone::UTC).expect(text)
}

#[tokio::test]
async fn a_range_of_time_gives_the_records_of_that_time_and_no_others() {
    let given = Given::new().await;
    let (log, _) = given.reader().await;
    let text = format!("@{}:{}", at(10), at(12));
    let spans = range(&text).resolve(&*log, catalogue::GATEWAY_EVENTS, &[]).await.expect("resolves");
    let mut scan = Scan::new(&log, catalogue::GATEWAY_EVENTS, &spans.spans);
    let mut times = Vec::new();
    while let Some(step) = scan.next().await.expect("reads") {
        let Step::Records(batch) = step else { panic!("retention") };
        times.extend(batch.iter().filter(|r| scan.wants(r.partition, r.offset)).map(|r| r.timestamp_ms));
    }
    // Round 10 has a bulk deletion beside its three events, round 11 has not.
    assert_eq!(times.len(), 4 + 3);
    assert!(times.iter().all(|time| (at(10)..at(12)).contains(time)));
}

#[tokio::test]
async fn a_scan_ends_at_its_range_while_the_log_grows_and_gives_one_order() {
    let given = Given::new().await;
    let (log, _) = given.reader().await;
    let spans = range("start").resolve(&*log, catalogue::GATEWAY_EVENTS, &[]).await.expect("resolves");
    given.log.append(vec![event(ROUNDS, 0, "TYPING_START", &json!({}))]).await.expect("appended");
    let mut orders = Vec::new();
    for _ in 0..2 {
        let mut scan = Scan::new(&log, catalogue::GATEWAY_EVENTS, &spans.spans);
        let mut order = Vec::new();
        while let Some(step) = scan.next().await.expect("reads") {
            let Step::Records(batch) = step else { panic!("retention") };
            order.extend(batch.iter().filter(|r| scan.wants(r.partition, r.offset)).map(|r| (r.partition, r.offset)));
        }
        orders.push(order);
    }
    assert_eq!(orders[0].len() as u64, 3 * ROUNDS + ROUNDS / 10);
    assert_eq!(orders[0], orders[1]);
}

#[tokio::test]
async fn ranges_that_do_not_exist_say_what_does() {
    let given = Given::new().await;
    let (log, _) = given.reader().await;
    let beyond = range("99999999").resolve(&*log, catalogue::BOT_FACTS, &[]).await.expect_err("beyond");
    assert!(beyond.to_string().contains("beyond the end of bot.facts"), "{beyond}");
    let partition = range("start").resolve(&*log, catalogue::BOT_FACTS, &[12]).await.expect_err("no partition");
    assert!(matches!(partition, RangeError::NoPartition { last: 11, .. }), "{partition}");
    let nothing = range("end").resolve(&*log, catalogue::BOT_FACTS, &[]).await.expect("resolves");
    assert!(nothing.is_empty());
    let last = range("-1").resolve(&*log, catalogue::BOT_FACTS, &[2]).await.expect("resolves");
    assert!(matches!(last.spans[..], [Span { partition: 2, from, to }] if to == from + 1), "{last}");
}

#[tokio::test]
async fn a_line_has_the_envelope_beside_the_data_and_masks_it() {
    let given = Given::new().await;
    let (log, schemas) = given.reader().await;
    let spans = range("start").resolve(&*log, catalogue::GATEWAY_EVENTS, &[]).await.expect("resolves");
    let mut scan = Scan::new(&log, catalogue::GATEWAY_EVENTS, &spans.spans);
    let Some(Step::Records(batch)) = scan.next().await.expect("reads") else { panic!("records") };
    let record = batch.iter().next().expect("a record");
    let shown = line(catalogue::GATEWAY_EVENTS, record, &schemas, false).json;
    assert_eq!(shown["event"], "MESSAGE_CREATE");
    assert_eq!(shown["guild"], GUILD.to_string());
    assert_eq!(shown["id"], "session/0");
    assert_eq!(shown["data"]["content"], "‹5 chars›");
    assert_eq!(line(catalogue::GATEWAY_EVENTS, record, &schemas, true).json["data"]["content"], "hello");
}
