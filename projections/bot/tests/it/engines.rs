use std::sync::Arc;

use miso_bot_store::{PostgresStore, Statement, Store};
use tempfile::TempDir;

/// A fresh, empty store; what it stands on goes with it.
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    pub(crate) store: Arc<dyn Store>,
    _folder: TempDir,
}

/// One of each adapter that can be tried here.
pub(crate) async fn engines() -> Vec<Engine> {
    let folder = tempfile::tempdir().expect("folder");
    let url = format!("file:{}", folder.path().join("new/store.db").display());
    let store = miso_bot_store::open(&url).await.expect("opens");
    let mut engines = vec![Engine { name: "embedded", url, store, _folder: folder }];
    if let Ok(server) = std::env::var("MISO_TEST_POSTGRES") {
        let schema = format!("test_{}", rand::random::<u64>());
        let create = Statement::new(format!("create schema {schema}"), vec![]);
        PostgresStore::open(&server).expect("address").execute(create).await.expect("schema");
        let and = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{and}options=-c%20search_path%3D{schema}");
        let store = miso_bot_store::open(&url).await.expect("opens");
        let folder = tempfile::tempdir().expect("folder");
        engines.push(Engine { name: "postgres", url, store, _folder: folder });
    }
    engines
}

/// A fresh one of the same adapter.
pub(crate) async fn another(engine: &Engine) -> Engine {
    engines().await.into_iter().find(|other| other.name == engine.name).expect("tried before")
}
