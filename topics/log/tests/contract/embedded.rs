//! The embedded engine.

use async_trait::async_trait;
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::{SharedLog, Topic};
use std::sync::Arc;
use tempfile::TempDir;

use crate::engine::Engine;

pub(crate) struct Embedded {
    pub(crate) folder: TempDir,
}

impl Embedded {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder") }
    }

    pub(crate) fn config(&self, catalogue: &[Topic]) -> EmbeddedConfig {
        let mut config = EmbeddedConfig::new(self.folder.path().join("log.db"));
        config.catalogue = catalogue.to_vec();
        config
    }
}

#[async_trait]
impl Engine for Embedded {
    async fn open(&self, catalogue: &[Topic]) -> SharedLog {
        Arc::new(EmbeddedLog::open(self.config(catalogue)).await.expect("opens"))
    }
}
