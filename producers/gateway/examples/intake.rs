//! How many frames a second one core scans and encodes: what the gateway does with each dispatch
//! before the log has it. `cargo run -p miso-gateway --example intake`

use std::time::Instant;

use miso_gateway::route::route;
use miso_gateway::scan::scan;
use miso_model::EventView;

const FRAMES: usize = 1_000_000;

fn main() {
    let author = r#"{"id":"175928847299117063","username":"somebody","avatar":"8342729096ea3675442027381ff50dfe","discriminator":"0","public_flags":0,"flags":0,"banner":null,"accent_color":null,"global_name":"Somebody","avatar_decoration_data":null,"collectibles":null,"display_name_styles":null,"banner_color":null,"clan":null,"primary_guild":null}"#;
    let member = r#"{"roles":["175928847299117064","175928847299117065"],"premium_since":null,"pending":false,"nick":null,"mute":false,"joined_at":"2020-04-30T11:18:25.796000+00:00","flags":0,"deaf":false,"communication_disabled_until":null,"banner":null,"avatar":null}"#;
    let frame = format!(
        r#"{{"t":"MESSAGE_CREATE","s":12345,"op":0,"d":{{"type":0,"tts":false,"timestamp":"2026-04-30T11:18:25.796000+00:00","pinned":false,"nonce":"1099511627776","mentions":[],"mention_roles":[],"mention_everyone":false,"member":{member},"id":"1099511627776000001","flags":0,"embeds":[],"edited_timestamp":null,"content":"{}","components":[],"channel_type":0,"channel_id":"1099511627776000002","author":{author},"attachments":[],"guild_id":"1099511627776000003"}}}}"#,
        "some words that a member wrote ".repeat(7)
    );
    let started = Instant::now();
    let mut bytes = 0;
    for _ in 0..FRAMES {
        let found = scan(std::hint::black_box(&frame)).expect("a frame");
        let event_type = found.t.unwrap_or_default();
        let place = route(event_type, &found.routing);
        let record = EventView {
            shard: 0,
            shard_count: 1,
            session_id: "0123456789abcdef0123456789abcdef",
            sequence: found.s.unwrap_or_default(),
            epoch: 1,
            received_at_ms: 1_770_000_000_000,
            event_type,
            guild_id: place.guild_id,
            channel_id: place.channel_id,
            user_id: place.user_id,
            d: found.d.as_bytes(),
        }
        .encode();
        bytes += std::hint::black_box(record).len();
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{FRAMES} frames of {} bytes: {:.0} a second, {:.2} µs each, {:.0} MB/s",
        frame.len(),
        FRAMES as f64 / seconds,
        seconds * 1e6 / FRAMES as f64,
        bytes as f64 / seconds / 1e6
    );
}
