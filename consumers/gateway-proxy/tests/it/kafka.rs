//! The same promises on Apache Kafka, where `MISO_TEST_KAFKA` names a broker.

use crate::resuming::{numbered, resumed};
use crate::rig::{Rig, until};
use crate::upstream::guild;

#[tokio::test(flavor = "multi_thread")]
async fn on_kafka_nothing_is_lost_or_repeated_by_crashes_of_the_proxy() {
    let guilds = [guild(0), guild(1), guild(47), guild(48)];
    let Some(mut rig) = Rig::start_on_kafka(&guilds).await else { return };
    let client = rig.member(4).await;
    let (session, mut sequence) = (client.session_id.clone(), client.sequence);
    drop(client);
    let mut seen = Vec::new();
    for round in 0..3_u64 {
        rig.upstream.spread(&guilds, round * 50..(round + 1) * 50).await;
        rig.abort_proxy().await;
        rig.start_proxy().await;
        let (mut client, missed) = resumed(&rig, &session, sequence).await;
        seen.extend(missed);
        let stop = usize::try_from(round).expect("small") * 50 + 37;
        seen.extend(client.contents(stop.saturating_sub(seen.len())).await);
        if round == 1 {
            client.heartbeat().await;
        }
        sequence = client.sequence;
    }
    rig.stop_proxy().await;
    rig.reopen().await;
    rig.start_proxy().await;
    let (mut client, missed) = resumed(&rig, &session, sequence).await;
    seen.extend(missed);
    seen.extend(client.contents(150 - seen.len()).await);
    // Partitions have no common order on Kafka: each guild's events are in theirs.
    for of_guild in 0..guilds.len() {
        let numbers: Vec<&String> = seen.iter().filter(|content| number(content) % guilds.len() == of_guild).collect();
        assert!(numbers.is_sorted_by_key(|content| number(content)), "{numbers:?}");
    }
    seen.sort_by_key(|content| number(content));
    assert_eq!(seen, numbered(0..150));
    let all = async || {
        let mut done = true;
        for &guild in &guilds {
            let partition = miso_model::slot(guild);
            done &= rig.committed(partition).await >= rig.upstream.next_offset(partition);
        }
        done
    };
    client.silent_during(until("every position", all)).await;
}

fn number(content: &str) -> usize {
    content.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("a number")
}
