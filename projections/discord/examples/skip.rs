//! How many message events a second the fold passes over: most of what flows.
//! `cargo run -p miso-discord-state --example skip`

use std::time::Instant;

use miso_discord_state::Partition;
use miso_model::{ChannelId, EventView, GuildId, UserId};

const EVENTS: usize = 5_000_000;

fn main() {
    let d = format!(r#"{{"content":"{}"}}"#, "x".repeat(1_180));
    let record = EventView {
        shard: 0,
        shard_count: 1,
        session_id: "0123456789abcdef0123456789abcdef",
        sequence: 123_456,
        epoch: 1,
        received_at_ms: 1_770_000_000_000,
        event_type: "MESSAGE_CREATE",
        guild_id: Some(GuildId(1_099_511_627_776_000_003)),
        channel_id: Some(ChannelId(1_099_511_627_776_000_002)),
        user_id: Some(UserId(175_928_847_299_117_063)),
        d: d.as_bytes(),
    }
    .encode();
    let started = Instant::now();
    let skipped =
        (0..EVENTS).filter(|_| !Partition::concerns(std::hint::black_box(&record)).expect("a record")).count();
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{skipped} of {EVENTS} skipped: {:.0} a second, {:.0} ns each",
        EVENTS as f64 / seconds,
        seconds * 1e9 / EVENTS as f64
    );
}
