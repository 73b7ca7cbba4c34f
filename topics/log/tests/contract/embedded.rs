//! The embedded engine.

use std::sync::{Arc, Mutex, Weak};

use async_trait::async_trait;
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::{SharedLog, Topic};
use tempfile::TempDir;

use crate::engine::Engine;

pub(crate) struct Embedded {
    folder: TempDir,
    opened: Mutex<Weak<EmbeddedLog>>,
}

impl Embedded {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder"), opened: Mutex::default() }
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("log.db")
    }

    pub(crate) fn config(&self, catalogue: &[Topic]) -> EmbeddedConfig {
        let mut config = EmbeddedConfig::new(self.path());
        config.catalogue = catalogue.to_vec();
        config.tombstone_grace_ms = 0;
        config
    }

    async fn sweep(&self) {
        let log = self.opened.lock().expect("lock").upgrade().expect("an open log");
        log.sweep().await.expect("swept");
    }
}

#[async_trait]
impl Engine for Embedded {
    async fn open(&self, catalogue: &[Topic]) -> SharedLog {
        let log = Arc::new(EmbeddedLog::open(self.config(catalogue)).await.expect("opens"));
        *self.opened.lock().expect("lock") = Arc::downgrade(&log);
        log
    }

    async fn compact(&self, _log: &SharedLog, _topic: Topic) {
        self.sweep().await;
    }

    async fn expire(&self, _log: &SharedLog, _topic: Topic, _partition: i32, _before: i64) {
        self.sweep().await;
    }
}
