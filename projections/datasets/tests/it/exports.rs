use miso_datasets::{CHECKPOINT_FILE, Checkpoint, Dataset, ExportError, Filter, Format, Jq, Source, export};
use miso_log::{Append, OffsetCommit, catalogue};
use miso_model::GuildId;
use serde_json::{Value, json};

use crate::given::{GUILD, Given, ROUNDS, event, exported, files, gaps, lines, wanted};

const MESSAGES: Source = Source::Dataset(Dataset::Messages);

#[tokio::test]
async fn two_exports_of_one_range_give_the_same_bytes() {
    let given = Given::new().await;
    let (log, schemas) = given.reader().await;
    let sources = Dataset::ALL.map(Source::Dataset).into_iter().chain([Source::Topic(catalogue::BOT_FACTS)]);
    for source in sources {
        for format in [Format::Ndjson, Format::Csv, Format::Parquet] {
            let mut plan = wanted(&log, source, format, "start").await;
            plan.by_day = true;
            let (one, two) = (
                given.place(&format!("{}-{format:?}-1", source.name())),
                given.place(&format!("{}-{format:?}-2", source.name())),
            );
            let manifest = exported(&log, &schemas, &one, plan.clone()).await;
            exported(&log, &schemas, &two, plan).await;
            assert!(manifest.rows >= ROUNDS && manifest.unreadable == 0, "{source:?}: {} rows", manifest.rows);
            let (one, two) = (files(&one), files(&two));
            assert!(one.len() > 2 && one == two, "{source:?} {format:?}");
            for file in &manifest.files {
                assert_eq!(one[&file.path].len() as u64, file.bytes);
                assert!(file.path.starts_with("day=2096-11-0"), "{}", file.path);
            }
            assert!(!one.keys().any(|name| name.ends_with(".part") || name == CHECKPOINT_FILE), "{:?}", one.keys());
        }
    }
}

#[tokio::test]
async fn an_export_that_is_cut_off_anywhere_goes_on_with_the_same_bytes() {
    let given = Given::new().await;
    let (log, schemas) = given.reader().await;
    for (format, source) in [(Format::Ndjson, MESSAGES), (Format::Parquet, Source::Dataset(Dataset::Actions))] {
        let mut plan = wanted(&log, source, format, "start").await;
        plan.segment_records = 37;
        let whole = given.place(&format!("whole-{format:?}"));
        let manifest = exported(&log, &schemas, &whole, plan.clone()).await;
        assert!(manifest.segment > 5, "the export has several segments");
        let place = given.place(&format!("cut-{format:?}"));
        let (mut cuts, mut checkpoint) = (0, Checkpoint::begin(plan));
        loop {
            // Dropped at whatever await it stands, once it has looked at some records more than before.
            let until = checkpoint.segment + 1;
            let filter = Filter::default();
            let ended = {
                let going = export(&log, &schemas, &place, checkpoint, &filter, |_| {});
                tokio::pin!(going);
                std::future::poll_fn(|context| {
                    let polled = going.as_mut().poll(context);
                    let reached = Checkpoint::read(&place).is_ok_and(|kept| kept.segment >= until);
                    match polled {
                        std::task::Poll::Ready(ended) => std::task::Poll::Ready(Some(ended)),
                        std::task::Poll::Pending if reached => std::task::Poll::Ready(None),
                        std::task::Poll::Pending => std::task::Poll::Pending,
                    }
                })
                .await
            };
            if let Some(ended) = ended {
                ended.expect("exported");
                break;
            }
            cuts += 1;
            std::fs::write(place.join("99999-00.ndjson.part"), b"half a file").expect("written");
            checkpoint = Checkpoint::read(&place).expect("a checkpoint");
        }
        assert_eq!(files(&place), files(&whole), "{format:?}");
        assert!(cuts > 0, "the export was cut off");
    }
}

#[tokio::test]
async fn what_people_wrote_is_masked_to_its_length_unless_asked_for() {
    let given = Given::new().await;
    let (log, schemas) = given.reader().await;
    for source in Dataset::ALL.map(Source::Dataset).into_iter().chain([Source::Topic(catalogue::REST_ACTIONS)]) {
        let place = given.place(&format!("masked-{}", source.name()));
        exported(&log, &schemas, &place, wanted(&log, source, Format::Ndjson, "start").await).await;
        let text = files(&place).into_values().map(|bytes| String::from_utf8(bytes).expect("text")).collect::<String>();
        for secret in ["hello", "secret", "tea or cake", "\"welcome\""] {
            assert!(!text.contains(secret), "{secret} stands in {source:?}");
        }
    }
    let mut plan = wanted(&log, MESSAGES, Format::Ndjson, "start").await;
    plan.masked = false;
    let place = given.place("unmasked");
    exported(&log, &schemas, &place, plan).await;
    let lines = lines(&place);
    assert_eq!(lines[0]["content"], "hello");
    let masked = given.place("masked-messages");
    assert_eq!(crate::given::lines(&masked)[0]["content"], "‹5 chars›");
}

#[tokio::test]
async fn rows_have_ids_as_strings_and_times_in_utc() {
    let given = Given::new().await;
    let (log, schemas) = given.reader().await;
    let place = given.place("rows");
    exported(&log, &schemas, &place, wanted(&log, MESSAGES, Format::Ndjson, "start").await).await;
    let lines = lines(&place);
    let deleted: Vec<&Value> = lines.iter().filter(|line| line["event"] == "deleted").collect();
    assert_eq!(lines.len() as u64, ROUNDS + 2 * ROUNDS / 10);
    assert_eq!(deleted.len() as u64, 2 * ROUNDS / 10, "a row for each message of a bulk");
    let first = &lines[0];
    assert_eq!(first["time"], "2096-11-03T23:00:00.000Z");
    assert_eq!(first["guild_id"], GUILD.to_string());
    assert_eq!(first["mentions"], 2);
    assert_eq!(first["reply_to"], "5");
    assert_eq!(lines[2]["reply_to"], Value::Null, "the second round's message answers none");
    assert_eq!(first["event_id"], "session/0");
}

#[tokio::test]
async fn the_end_of_a_range_is_fixed_when_the_export_begins() {
    let given = Given::new().await;
    let (log, schemas) = given.reader().await;
    let plan = wanted(&log, MESSAGES, Format::Ndjson, "start").await;
    let late = event(ROUNDS + 1, 0, "MESSAGE_CREATE", &json!({ "id": "99", "content": "late" }));
    given.log.append(vec![late]).await.expect("appended");
    let place = given.place("fixed");
    exported(&log, &schemas, &place, plan).await;
    assert!(!lines(&place).iter().any(|line| line["message_id"] == "99"));
}

#[tokio::test]
async fn unreadable_records_are_counted_and_named_and_gaps_are_told_once() {
    let given = Given::new().await;
    let bad = Append::new(catalogue::GATEWAY_EVENTS, 5, &b"no record"[..], 1);
    let broken = event(ROUNDS, 0, "MESSAGE_CREATE", &json!({ "content": "without an id" }));
    let mut all = vec![bad, broken];
    all.extend(gaps());
    let offsets = given.log.append(all).await.expect("appended");
    let (log, schemas) = given.reader().await;
    let place = given.place("unreadable");
    let manifest = exported(&log, &schemas, &place, wanted(&log, MESSAGES, Format::Csv, "start").await).await;
    assert_eq!(manifest.unreadable, 2);
    let named: Vec<(i32, i64)> =
        manifest.unreadable_first.iter().map(|place| (place.partition, place.offset)).collect();
    assert_eq!(named[0], (5, offsets[0]));
    assert_eq!(named[1].1, offsets[1]);
    assert!(manifest.unreadable_first[1].why.contains("Discord's JSON"), "{:?}", manifest.unreadable_first);
    assert_eq!(manifest.gaps.len(), 1);
    assert_eq!((manifest.gaps[0].after_sequence, manifest.gaps[0].reason.as_str()), (12, "session invalidated"));
}

#[tokio::test]
async fn filters_leave_out_what_is_not_wanted_before_and_after_it_is_read() {
    let given = Given::new().await;
    let (log, schemas) = given.reader().await;
    let filter = |change: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        filter
    };
    let by_guild = filter(&|filter| filter.guild = Some(GuildId(GUILD)));
    let by_condition = filter(&|filter| filter.condition = Jq::new(".content_chars > 5").ok());
    for (name, filter, rows) in
        [("guild", by_guild, ROUNDS / 5 + 2 * ROUNDS / 10), ("condition", by_condition, ROUNDS / 4)]
    {
        let place = given.place(name);
        let checkpoint = Checkpoint::begin(wanted(&log, MESSAGES, Format::Ndjson, "start").await);
        let manifest = export(&log, &schemas, &place, checkpoint, &filter, |_| {}).await.expect("exported");
        assert_eq!(manifest.rows, rows, "{name}");
    }
}

#[tokio::test]
async fn an_export_moves_no_position_and_joins_no_group() {
    let given = Given::new().await;
    let commit = |partition| OffsetCommit {
        group: "handlers.messages".to_owned(),
        topic: catalogue::GATEWAY_EVENTS,
        partition,
        next: 3,
    };
    given.log.commit((0..4).map(commit).collect()).await.expect("committed");
    let before = (given.log.groups().await.expect("groups"), given.log.lag("handlers.messages").await.expect("lag"));
    let (log, schemas) = given.reader().await;
    exported(&log, &schemas, &given.place("quiet"), wanted(&log, MESSAGES, Format::Parquet, "start").await).await;
    let after = (given.log.groups().await.expect("groups"), given.log.lag("handlers.messages").await.expect("lag"));
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named_and_what_is_finished_stays() {
    let given = Given::new().await;
    let (log, schemas) = given.reader().await;
    let place = given.place("blocked");
    let mut plan = wanted(&log, MESSAGES, Format::Ndjson, "start").await;
    plan.by_day = true;
    // A file stands where the second day's folder must be.
    std::fs::write(place.join("day=2096-11-04"), b"in the way").expect("written");
    let failed = export(&log, &schemas, &place, Checkpoint::begin(plan.clone()), &Filter::default(), |_| {}).await;
    let Err(ExportError::Write(error)) = failed else { panic!("{failed:?}") };
    assert!(error.to_string().contains("day=2096-11-04"), "{error}");
    let kept = Checkpoint::read(&place).expect("a checkpoint");
    std::fs::remove_file(place.join("day=2096-11-04")).expect("removed");
    export(&log, &schemas, &place, kept, &Filter::default(), |_| {}).await.expect("goes on");
    let whole = given.place("unblocked");
    exported(&log, &schemas, &whole, plan).await;
    assert_eq!(files(&place), files(&whole));
}
