//! How fast the log is scanned, filtered and exported: records and megabytes of the log a second, beside the
//! log's own scan rate in the same run. `cargo run --release -p miso-datasets --example export_rate [RECORDS]`.

use std::path::Path;
use std::time::Instant;

use miso_datasets::{Checkpoint, Dataset, Filter, Format, Plan, SEGMENT_RECORDS, Scan, Source, Step, export, plan};
use miso_log::{Append, Range, Schemas, SharedLog, Topic, catalogue};
use miso_model::{ChannelId, EventView, GuildId, UserId, slot};

const TOPIC: Topic = catalogue::GATEWAY_EVENTS;
/// Appended at once.
const TOGETHER: u64 = 1_000;
/// One message, of 1.2 kB as they are.
const MESSAGE: &str = r#""type":0,"tts":false,"timestamp":"2026-11-24T05:12:09.412000+00:00","pinned":false,"nonce":"1309871234567890123","mentions":[{"username":"somebody","public_flags":0,"id":"80351110224678912","global_name":"Somebody","discriminator":"0","avatar":"8342729096ea3675442027381ff50dfe","avatar_decoration_data":null,"clan":null,"primary_guild":null,"bot":false}],"mention_roles":[],"mention_everyone":false,"member":{"roles":["813847887657123841","813847887657123842","813847887657123843"],"premium_since":null,"pending":false,"nick":null,"mute":false,"joined_at":"2021-02-23T18:20:11.151000+00:00","flags":0,"deaf":false,"communication_disabled_until":null,"banner":null,"avatar":null},"flags":0,"embeds":[],"edited_timestamp":null,"content":"What do you think of the record that came out last week? I have heard it four times by now and it grows.","components":[],"channel_type":0,"attachments":[],"author":{"username":"ann","public_flags":0,"primary_guild":null,"id":"80351110224678913","global_name":"Ann","discriminator":"0","clan":null,"avatar_decoration_data":null,"avatar":"8342729096ea3675442027381ff50dff"}"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let records = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(500_000);
    let folder = tempfile::tempdir()?;
    let address = format!("file:{}", folder.path().join("log.db").display());
    let log = miso_log::open(&address, "export_rate").await?;
    fill(&log, records).await?;
    log.close().await;
    let log = miso_log::open_reader(&address, "export_rate").await?;
    let schemas = Schemas::open(SharedLog::clone(&log)).await?;
    let bytes = scan(&log, None, &schemas).await?;
    println!("{records} MESSAGE_CREATEs, {} bytes each", bytes / records);
    let began = Instant::now();
    scan(&log, None, &schemas).await?;
    let own = report("scan", records, bytes, began, None);
    let began = Instant::now();
    let filter = Filter { guild: Some(GuildId(1 << 22)), ..Filter::default() };
    scan(&log, Some(&filter), &schemas).await?;
    report("filter by guild", records, bytes, began, Some(own));
    for (format, name) in
        [(Format::Ndjson, "export NDJSON"), (Format::Csv, "export CSV"), (Format::Parquet, "export Parquet")]
    {
        let place = folder.path().join(name);
        std::fs::create_dir_all(&place)?;
        let began = Instant::now();
        let written = exported(&log, &schemas, format, &place).await?;
        report(name, records, bytes, began, Some(own));
        println!("{:>24}{} MB in {} rows", "", written.bytes() / 1_000_000, written.rows);
    }
    Ok(())
}

async fn fill(log: &SharedLog, records: u64) -> Result<(), Box<dyn std::error::Error>> {
    let mut batch = Vec::new();
    for number in 0..records {
        let guild = GuildId((number % 128) << 22);
        let d = format!(
            "{{\"id\":\"{}\",\"channel_id\":\"5\",\"guild_id\":\"{guild}\",{MESSAGE}}}",
            1_309_871_234_567_890_123 + number
        );
        let view = EventView {
            shard: 0,
            shard_count: 1,
            session_id: "0123456789abcdef0123456789abcdef",
            sequence: i64::try_from(number)?,
            epoch: 1,
            received_at_ms: 1_795_521_600_000 + i64::try_from(number)?,
            event_type: "MESSAGE_CREATE",
            guild_id: Some(guild),
            channel_id: Some(ChannelId(5)),
            user_id: Some(UserId(80_351_110_224_678_913)),
            d: d.as_bytes(),
        };
        batch.push(Append::new(TOPIC, slot(guild), view.encode(), view.received_at_ms));
        if batch.len() as u64 == TOGETHER || number + 1 == records {
            log.append(std::mem::take(&mut batch)).await?;
        }
    }
    Ok(())
}

/// Reads everything; answers the bytes of the records.
async fn scan(log: &SharedLog, filter: Option<&Filter>, schemas: &Schemas) -> Result<u64, Box<dyn std::error::Error>> {
    let spans = Range::all().resolve(&**log, TOPIC, &[]).await?;
    let mut scan = Scan::new(log, TOPIC, &spans.spans);
    let (mut bytes, mut found) = (0, 0_u64);
    while let Some(step) = scan.next().await? {
        let Step::Records(batch) = step else { continue };
        for record in batch.iter().filter(|record| scan.wants(record.partition, record.offset)) {
            bytes += record.value.as_ref().map_or(0, |value| value.len() as u64);
            if let Some(filter) = filter {
                found += u64::from(filter.accepts(TOPIC, record, schemas)?);
            }
        }
    }
    std::hint::black_box(found);
    Ok(bytes)
}

async fn exported(
    log: &SharedLog,
    schemas: &Schemas,
    format: Format,
    place: &Path,
) -> Result<Checkpoint, Box<dyn std::error::Error>> {
    let source = Source::Dataset(Dataset::Messages);
    let plan = Plan {
        source: source.name().to_owned(),
        range: "start".to_owned(),
        topics: plan(log, source, &Range::all(), &[]).await?,
        format,
        columns: source.columns().iter().map(|column| column.name.to_owned()).collect(),
        by_day: false,
        masked: false,
        filter: String::new(),
        condition: None,
        segment_records: SEGMENT_RECORDS,
    };
    Ok(export(log, schemas, place, Checkpoint::begin(plan), &Filter::default(), |_| {}).await?)
}

/// Prints a line; answers the records a second.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn report(name: &str, records: u64, bytes: u64, began: Instant, own: Option<f64>) -> f64 {
    let seconds = began.elapsed().as_secs_f64();
    let rate = records as f64 / seconds;
    let share = own.map_or_else(String::new, |own| format!("   {:.2} of the scan", rate / own));
    println!("{name:<24}{rate:>12.0} records/s{:>9.0} MB/s{share}", bytes as f64 / seconds / 1e6);
    rate
}
