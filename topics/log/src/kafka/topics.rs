//! Topics at the broker, from the catalogue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;

use super::client::{Clients, QUESTION_TIMEOUT};
use crate::{Kept, LogError, Topic};

/// A batch around the largest record of a topic.
const BATCH_OVERHEAD_BYTES: usize = 64 * 1_024;
/// A closed segment can be removed or compacted; this is the longest that one stays open.
const SEGMENT_MS: i64 = 60 * 60 * 1_000;
/// A tombstone stays this long, so that slow folds see it.
const TOMBSTONE_MS: i64 = 24 * 60 * 60 * 1_000;

/// Pause before the broker is asked again for topics that were just created.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

type Settings = Vec<(&'static str, String)>;

/// Settings of a topic at the broker.
fn settings(topic: Topic) -> Settings {
    let mut settings = vec![
        ("max.message.bytes", (topic.max_record_bytes + BATCH_OVERHEAD_BYTES).to_string()),
        // Times are the writers'; a clock that is ahead must not make a record unwritable.
        ("message.timestamp.after.max.ms", i64::MAX.to_string()),
    ];
    match topic.kept {
        Kept::For(ms) => settings.extend([
            ("cleanup.policy", "delete".to_owned()),
            ("retention.ms", ms.to_string()),
            ("retention.bytes", "-1".to_owned()),
            ("segment.ms", SEGMENT_MS.min(ms).to_string()),
        ]),
        Kept::Compacted => settings.extend([
            ("cleanup.policy", "compact".to_owned()),
            ("segment.ms", SEGMENT_MS.to_string()),
            ("min.cleanable.dirty.ratio", "0.1".to_owned()),
            ("delete.retention.ms", TOMBSTONE_MS.to_string()),
        ]),
        Kept::Forever => settings.extend([
            ("cleanup.policy", "delete".to_owned()),
            ("retention.ms", "-1".to_owned()),
            ("retention.bytes", "-1".to_owned()),
        ]),
    }
    settings
}

/// Creates the topics that are not there. One that is there with another number of partitions is
/// refused: slots would move.
pub(super) async fn create(clients: &Clients) -> Result<(), LogError> {
    let admin: AdminClient<DefaultClientContext> =
        clients.admin().create().map_err(|error| clients.log_error(&error))?;
    let admin = Arc::new(admin);
    let there = existing(clients, &admin).await?;
    let config = clients.config();

    let mut wanted: Vec<(String, i32, Settings)> =
        config.catalogue.iter().map(|&topic| (clients.topic(topic), topic.partitions, settings(topic))).collect();
    // One for each partition that somebody may own.
    let owned = config.catalogue.iter().map(|topic| topic.partitions).max().unwrap_or(1);
    wanted.push((clients.fence_topic(), owned, vec![("cleanup.policy", "delete".to_owned())]));

    let mut wrong = Vec::new();
    let mut new = Vec::new();
    for (name, partitions, settings) in &mut wanted {
        match there.get(name.as_str()) {
            Some(found) if found != partitions => {
                wrong.push(format!("topic {name} has {found} partitions at the broker, not {partitions}"));
            }
            Some(_) => {}
            None => {
                let mut topic = NewTopic::new(name, *partitions, TopicReplication::Fixed(config.replication));
                for (key, value) in settings {
                    topic = topic.set(key, value);
                }
                for (key, value) in &config.topic_settings {
                    topic = topic.set(key, value);
                }
                new.push(topic);
            }
        }
    }
    if !wrong.is_empty() {
        return Err(LogError::Refused(format!(
            "the log was created with other numbers of partitions: {}. They cannot change; use another topic prefix or another cluster",
            wrong.join(", ")
        )));
    }
    if new.is_empty() {
        return Ok(());
    }
    let options =
        AdminOptions::new().operation_timeout(Some(QUESTION_TIMEOUT)).request_timeout(Some(4 * QUESTION_TIMEOUT));
    let results = admin.create_topics(&new, &options).await.map_err(|error| clients.log_error(&error))?;
    drop(new);
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                return Err(LogError::Refused(format!("topic {name} could not be created: {code}")));
            }
        }
    }
    // A member that joins before its topic is known would be given nothing for a while.
    let until = Instant::now() + QUESTION_TIMEOUT;
    loop {
        let there = existing(clients, &admin).await?;
        match wanted.iter().find(|(name, partitions, _)| there.get(name) != Some(partitions)) {
            None => return Ok(()),
            Some((name, ..)) if Instant::now() > until => {
                return Err(LogError::Unavailable(
                    clients.unavailable(format!("topic {name} was created and is not known yet")),
                ));
            }
            Some(_) => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

async fn existing(
    clients: &Clients,
    admin: &Arc<AdminClient<DefaultClientContext>>,
) -> Result<BTreeMap<String, i32>, LogError> {
    let (clients, admin) = (clients.clone(), Arc::clone(admin));
    tokio::task::spawn_blocking(move || ask(&clients, &admin)).await.map_err(|_| LogError::Closed)?
}

fn ask(clients: &Clients, admin: &AdminClient<DefaultClientContext>) -> Result<BTreeMap<String, i32>, LogError> {
    let metadata = admin.inner().fetch_metadata(None, QUESTION_TIMEOUT).map_err(|error| clients.log_error(&error))?;
    Ok(metadata
        .topics()
        .iter()
        .filter(|topic| topic.error().is_none())
        .map(|topic| (topic.name().to_owned(), i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    #[test]
    fn every_topic_takes_its_largest_record_and_only_compacted_ones_are_compacted() {
        for &topic in catalogue::ALL {
            let settings: BTreeMap<_, _> = settings(topic).into_iter().collect();
            let bytes: usize = settings["max.message.bytes"].parse().expect("a number");
            assert!(bytes > topic.max_record_bytes, "{topic:?}");
            assert_eq!(settings["cleanup.policy"] == "compact", topic.kept == Kept::Compacted, "{topic:?}");
        }
    }
}
