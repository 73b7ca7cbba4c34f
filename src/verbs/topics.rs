//! `miso topics`.

use std::process::ExitCode;

use clap::Args;
use miso_log::{Kept, Topic, catalogue};

use crate::config::Config;

/// Lists the topics and what they hold now; reads only, also while a process writes.
#[derive(Debug, Args)]
pub(crate) struct Topics {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

impl Topics {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let log = miso_log::open_reader(&config.log, "miso topics").await?;
        if !self.json {
            println!(
                "{:<20} {:>10} {:<10} {:>14} {:<16} holds",
                "topic", "partitions", "kept", "offsets", "written by"
            );
        }
        for &topic in catalogue::ALL {
            let mut offsets = 0;
            for partition in 0..topic.partitions {
                let bounds = log.bounds(topic, partition).await?;
                offsets += bounds.latest - bounds.earliest;
            }
            if self.json {
                let line = serde_json::json!({
                    "topic": topic.name, "partitions": topic.partitions, "kept": kept(topic), "offsets": offsets,
                    "partition_by": topic.partition_by, "records": topic.records, "owner": topic.owner,
                    "readers": topic.readers, "holds": topic.holds,
                });
                println!("{line}");
            } else {
                println!(
                    "{:<20} {:>10} {:<10} {offsets:>14} {:<16} {}",
                    topic.name,
                    topic.partitions,
                    kept(topic),
                    topic.owner,
                    topic.holds
                );
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Retention for people.
pub(crate) fn kept(topic: Topic) -> String {
    const HOUR: i64 = 3_600_000;
    match topic.kept {
        Kept::Compacted => "compacted".into(),
        Kept::Forever => "for ever".into(),
        Kept::For(ms) if ms % (24 * HOUR) == 0 => format!("{} days", ms / (24 * HOUR)),
        Kept::For(ms) => format!("{} hours", ms / HOUR),
    }
}
