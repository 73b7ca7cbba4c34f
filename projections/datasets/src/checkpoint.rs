//! What an export leaves beside its files: a checkpoint while it is under way, a manifest at its end.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use miso_log::Span;
use serde::{Deserialize, Serialize};

use crate::Plan;

/// Name of the checkpoint in the place of an export; it goes when the export is whole.
pub const CHECKPOINT_FILE: &str = "checkpoint.json";
/// Name of the manifest.
pub const MANIFEST_FILE: &str = "manifest.json";
/// Unreadable records that are named in the manifest, at most; all are counted.
pub(crate) const NAMED: usize = 20;

/// A finished file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDone {
    /// Below the export's place.
    pub path: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Of its bytes, hexadecimal.
    pub sha256: String,
}

/// Where a record stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// Why it is named.
    pub why: String,
}

/// Events that Discord could not give again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// The shard.
    pub shard: i32,
    /// The session that ended.
    pub session_id: String,
    /// The gap begins after this sequence.
    pub after_sequence: i64,
    /// RFC 3339.
    pub time: String,
    /// For people.
    pub reason: String,
}

/// Spans of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicSpans {
    /// Its name.
    pub topic: String,
    /// `(partition, from, to)`, half open.
    pub spans: Vec<(i32, i64, i64)>,
    /// Named by the range and gone by retention: `(partition, from, to)`.
    #[serde(default)]
    pub missing: Vec<(i32, i64, i64)>,
}

impl TopicSpans {
    /// What is to be read.
    #[must_use]
    pub fn to_read(&self) -> Vec<Span> {
        self.spans.iter().map(|&(partition, from, to)| Span { partition, from, to }).collect()
    }
}

/// How far an export is. The manifest of a finished one has the same form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// What is exported.
    pub plan: Plan,
    /// Index of the topic that is read now.
    pub topic: usize,
    /// `(partition, next offset)` of that topic; empty at its beginning.
    pub positions: Vec<(i32, i64)>,
    /// The segment that is written now.
    pub segment: u64,
    /// Records looked at.
    pub records: u64,
    /// Rows written.
    pub rows: u64,
    /// Records that could not be read.
    pub unreadable: u64,
    /// The first of them.
    pub unreadable_first: Vec<Place>,
    /// Gaps within the range.
    pub gaps: Vec<Gap>,
    /// Finished files.
    pub files: Vec<FileDone>,
}

impl Checkpoint {
    /// At the beginning of what a plan holds.
    #[must_use]
    pub fn begin(plan: Plan) -> Self {
        Self {
            plan,
            topic: 0,
            positions: Vec::new(),
            segment: 0,
            records: 0,
            rows: 0,
            unreadable: 0,
            unreadable_first: Vec::new(),
            gaps: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Bytes of the finished files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Reads the checkpoint of a place.
    ///
    /// # Errors
    /// The file system's; [`io::ErrorKind::InvalidData`] when it is no checkpoint.
    pub fn read(place: &Path) -> io::Result<Self> {
        let text = fs::read(place.join(CHECKPOINT_FILE))?;
        serde_json::from_slice(&text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    pub(crate) fn save(&self, place: &Path) -> io::Result<()> {
        self.write(place, CHECKPOINT_FILE)
    }

    /// The manifest takes the checkpoint's place.
    pub(crate) fn end(&self, place: &Path) -> io::Result<()> {
        self.write(place, MANIFEST_FILE)?;
        fs::remove_file(place.join(CHECKPOINT_FILE))
    }

    fn write(&self, place: &Path, name: &str) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        let beside = place.join(format!("{name}.part"));
        let mut file = File::create(&beside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(beside, place.join(name))?;
        File::open(place)?.sync_all()
    }

    /// Removes what was written after this checkpoint: unfinished files and files it does not know.
    pub(crate) fn remove_later(&self, place: &Path) -> io::Result<()> {
        let known: Vec<PathBuf> = self.files.iter().map(|file| place.join(&file.path)).collect();
        for folder in folders(place)? {
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let extension = self.plan.format.extension();
                let ours = name.ends_with(".part") || name.ends_with(&format!(".{extension}"));
                if path.is_file() && ours && !known.contains(&path) {
                    fs::remove_file(path)?;
                }
            }
        }
        Ok(())
    }
}

/// The place and its folders of days.
fn folders(place: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = vec![place.to_owned()];
    for entry in fs::read_dir(place)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name().to_string_lossy().starts_with("day=") {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}
