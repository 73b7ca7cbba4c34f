//! `miso backup` and `miso restore`: copies of the embedded log and store.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::operator::{Acts, act, put_on_record};
use crate::verbs::progress;
use crate::verbs::{NEEDS_YES, UsageError};

const MANIFEST: &str = "backup.json";
const LOG: &str = "log.db";
const STORE: &str = "store.db";
/// Bytes read at once to be hashed.
const CHUNK: usize = 1 << 20;

/// Copies the embedded log and store into a folder while Miso runs
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  miso backup --to /backup/2026-11-24\n  miso restore /backup/2026-11-24\n\n\
    The store is copied first: what the log holds beyond it is projected when Miso starts. Kafka and PostgreSQL are\n\
    backed up with their own tools.")]
pub(crate) struct Backup {
    /// A new or empty folder
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// Print the manifest
    #[arg(long)]
    json: bool,
}

/// Puts a backup in the place of the embedded log and store
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The folder of the backup
    from: PathBuf,
    /// Also where a log or a store is already: it is replaced
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    version: String,
    taken: String,
    files: Vec<Copied>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Copied {
    name: String,
    bytes: u64,
    sha256: String,
}

/// The files of the embedded engines.
fn files(config: &Config) -> anyhow::Result<(PathBuf, PathBuf)> {
    let path = |url: &str, what: &str, tool: &str| match url.strip_prefix("file:") {
        Some(path) => Ok(PathBuf::from(path.trim_start_matches("//"))),
        None => Err(UsageError(format!("the {what} is not an embedded one: back it up with {tool}"))),
    };
    let log = path(&config.log, "log", "Kafka's own tools (MirrorMaker, or its brokers' disks)")?;
    let store = path(&config.store.0, "store", "pg_dump; or not at all, since it can be rebuilt from the log")?;
    Ok((log, store))
}

impl Backup {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let (log, store) = files(config)?;
        if fs::read_dir(&self.to).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(UsageError(format!("{} is not empty: choose a new folder", self.to.display())).into());
        }
        put_on_record(config, Acts { acts: vec![act("BackedUp", "log and store", "", false)], records: Vec::new() })
            .await?;
        fs::create_dir_all(&self.to).with_context(|| format!("the folder {} cannot be made", self.to.display()))?;
        let mut copied = Vec::new();
        if store.exists() {
            miso_bot_store::copy_embedded(&store, &self.to.join(STORE)).await?;
            copied.push(STORE);
        }
        miso_log::embedded::copy(&log, &self.to.join(LOG)).await?;
        copied.push(LOG);
        let mut manifest = Manifest {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            taken: super::tail::rfc3339(super::now_ms()),
            files: Vec::new(),
        };
        for name in copied {
            let (bytes, sha256) = hash(&self.to.join(name))?;
            manifest.files.push(Copied { name: name.to_owned(), bytes, sha256 });
        }
        // Last: a backup without its manifest is not whole, and is not restored.
        let text = serde_json::to_vec_pretty(&manifest)?;
        fs::write(self.to.join(MANIFEST), &text).context("the manifest cannot be written")?;
        File::open(self.to.join(MANIFEST)).and_then(|file| file.sync_all()).context("the manifest is not on disk")?;
        if self.json {
            println!("{}", String::from_utf8_lossy(&text));
        }
        let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
        eprintln!("backed up {} files, {}, to {}", manifest.files.len(), progress::bytes(bytes), self.to.display());
        Ok(ExitCode::SUCCESS)
    }
}

impl Restore {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let (log, store) = files(config)?;
        let from = self.from.display();
        let text = fs::read(self.from.join(MANIFEST))
            .map_err(|error| UsageError(format!("{from} holds no whole backup: {MANIFEST}: {error}")))?;
        let manifest: Manifest = serde_json::from_slice(&text)
            .map_err(|error| UsageError(format!("{MANIFEST} in {from} is broken: {error}")))?;
        for file in &manifest.files {
            let (bytes, sha256) = hash(&self.from.join(&file.name))?;
            if (bytes, sha256.as_str()) != (file.bytes, file.sha256.as_str()) {
                anyhow::bail!(
                    "{} in {from} is not what was backed up: its hash differs; nothing was restored",
                    file.name
                );
            }
        }
        let there: Vec<String> =
            [&log, &store].into_iter().filter(|path| path.exists()).map(|path| path.display().to_string()).collect();
        if !there.is_empty() && !self.yes {
            eprintln!("this would replace {}", there.join(" and "));
            eprintln!("miso: nothing is done without --yes");
            return Ok(ExitCode::from(NEEDS_YES));
        }
        // Whoever writes the log keeps it: opening it for writing is refused while another does.
        if log.exists() {
            let held = miso_log::open(&config.log, "miso restore").await?;
            held.close().await;
        }
        // The store first: it is built anew from a log that is newer, never the other way round.
        let places = [(STORE, &store), (LOG, &log)];
        let taken = |name: &str| manifest.files.iter().any(|file| file.name == name);
        for (name, path) in places.iter().filter(|(name, _)| taken(name)) {
            copy(&self.from.join(name), path)?;
        }
        // Both copies are on disk: only now what is there goes.
        for (name, path) in places {
            for suffix in ["", "-wal", "-shm"] {
                let old = with_suffix(path, suffix);
                if old.exists() {
                    fs::remove_file(&old)?;
                }
            }
            if taken(name) {
                fs::rename(with_suffix(path, RESTORING), path)?;
            }
        }
        let restored = act("Restored", "log and store", &manifest.taken, false);
        put_on_record(config, Acts { acts: vec![restored], records: Vec::new() }).await?;
        eprintln!("restored what was backed up at {}", manifest.taken);
        Ok(ExitCode::SUCCESS)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What stands behind a file's name until it is put in its place.
const RESTORING: &str = ".restoring";

/// Copies beside its place, onto the disk.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    }
    let beside = with_suffix(to, RESTORING);
    fs::copy(from, &beside).with_context(|| format!("{} cannot be written", to.display()))?;
    File::open(&beside)?.sync_all()?;
    Ok(())
}

/// Size and SHA-256 of a file.
fn hash(path: &Path) -> anyhow::Result<(u64, String)> {
    let mut file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let (mut hash, mut bytes, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        bytes += read as u64;
    }
    Ok((bytes, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}
