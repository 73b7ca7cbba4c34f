//! How many messages that are no commands one core looks at: decoding the envelope and telling that
//! the content begins with no prefix. `cargo run --release -p miso-handlers --example message_rate`
//!
//! Measured 2026-11-24 on one core of a 2-core virtual machine, records of 1.4 kB: 2.5 million a second.

use std::hint::black_box;
use std::time::Instant;

use miso_handlers::may_be_command;
use miso_model::{ChannelId, EventView, GuildId, UserId};

const ROUNDS: u32 = 2_000_000;

fn main() {
    let filler = "lorem ipsum ".repeat(60);
    let d = format!(
        r#"{{"type":0,"tts":false,"timestamp":"2026-11-24T07:00:00.000000+00:00","pinned":false,"nonce":"1","mentions":[],"mention_roles":[],"mention_everyone":false,"member":{{"roles":["1","2","3"],"premium_since":null,"pending":false,"nick":null,"mute":false,"joined_at":"2020-01-01T00:00:00.000000+00:00","flags":0,"deaf":false,"avatar":null}},"id":"1300000000000000000","flags":0,"embeds":[],"edited_timestamp":null,"content":"{filler}","components":[],"channel_id":"1200000000000000000","author":{{"username":"someone","id":"1100000000000000000","global_name":"Someone","discriminator":"0","avatar":"0123456789abcdef"}},"attachments":[],"guild_id":"1000000000000000000"}}"#
    );
    let event = EventView {
        shard: 0,
        shard_count: 1,
        session_id: "0123456789abcdef0123456789abcdef",
        sequence: 1,
        epoch: 1,
        received_at_ms: 1,
        event_type: "MESSAGE_CREATE",
        guild_id: Some(GuildId(1)),
        channel_id: Some(ChannelId(2)),
        user_id: Some(UserId(3)),
        d: d.as_bytes(),
    };
    let record = event.encode();
    let began = Instant::now();
    let mut commands = 0_u32;
    for _ in 0..ROUNDS {
        let event = EventView::decode(black_box(&record)).ok().flatten().expect("an event");
        commands += u32::from(event.event_type == "MESSAGE_CREATE" && may_be_command(event.d, b">"));
    }
    let rate = f64::from(ROUNDS) / began.elapsed().as_secs_f64();
    println!("{} bytes a record, {commands} commands, {rate:.0} messages/s", record.len());
}
