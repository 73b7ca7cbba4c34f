//! Small fakes of the commands API and of the data API, to their contract.

mod commands;
mod data;
mod embedder;
mod simulator;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) use embedder::start as embedder;

/// The deployment's key.
pub(crate) const KEY: &str = "cluster-key";
/// A guild that [`ANN`] manages; [`BOB`] is a member, [`EVE`] is not.
pub(crate) const GUILD: &str = "100";
/// Another guild, of Eve's.
pub(crate) const OTHER_GUILD: &str = "200";
pub(crate) const ANN: &str = "1";
pub(crate) const BOB: &str = "2";
pub(crate) const EVE: &str = "3";

/// A module as the fake keeps it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(crate) version: i64,
    pub(crate) by: String,
    pub(crate) at_ms: i64,
    pub(crate) values: Map<String, Value>,
    /// The version at which each field was changed last.
    pub(crate) changed: BTreeMap<String, i64>,
}

/// What both fakes hold.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// By owner, such as `guilds/100`, and module.
    pub(crate) settings: BTreeMap<(String, String), Kept>,
    pub(crate) audit: Vec<Value>,
    pub(crate) reminders: Vec<Value>,
    /// By state: challenge and redirect.
    pub(crate) logins: BTreeMap<String, (String, String)>,
    /// Codes that were exchanged.
    pub(crate) codes: Vec<String>,
    /// Tokens that hold no longer.
    pub(crate) revoked: Vec<String>,
    /// Whether Ann manages the guild.
    pub(crate) ann_manages: bool,
    /// Bob's roles.
    pub(crate) bob_roles: Vec<String>,
    /// The name of everything that people name.
    pub(crate) hostile: Option<String>,
    pub(crate) commands_down: bool,
    pub(crate) deleted: Vec<String>,
    /// Every change would make the settings too large.
    pub(crate) too_large: bool,
    /// What was asked to be sent as a test.
    pub(crate) samples: Vec<Value>,
    /// What reads of settings said they wait for.
    pub(crate) waited: Vec<String>,
    pub(crate) said: Vec<Value>,
    /// Tokens of new logins hold for a moment only.
    pub(crate) short_tokens: bool,
    pub(crate) refreshed: usize,
}

/// The fakes' state, shared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<World>>);

impl Fake {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody else changes a guild's module.
    pub(crate) fn change(&self, module: &str, by: &str, values: &Value) {
        let Value::Object(values) = values else { panic!("an object") };
        let mut world = self.world();
        let owner = format!("guilds/{GUILD}");
        commands::apply(&mut world, &owner, module, by, "command", values);
    }

    pub(crate) fn version(&self, module: &str) -> i64 {
        self.world().settings.get(&(format!("guilds/{GUILD}"), module.to_owned())).map_or(0, |kept| kept.version)
    }

    pub(crate) fn value(&self, module: &str, field: &str) -> Value {
        let world = self.world();
        let kept = world.settings.get(&(format!("guilds/{GUILD}"), module.to_owned()));
        kept.and_then(|kept| kept.values.get(field)).cloned().unwrap_or_default()
    }
}

fn problem(status: u16, slug: &str, mut more: Value) -> Response {
    let known = json!({"type": format!("urn:miso:problem:{slug}"), "title": slug, "status": status, "detail": format!("fake: {slug}"), "trace_id": "abc"});
    for (key, value) in known.as_object().expect("an object") {
        more[key] = value.clone();
    }
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [(CONTENT_TYPE, "application/problem+json")], Json(more)).into_response()
}

/// Serves a router on a free port; its base.
pub(crate) async fn serve(router: axum::Router, cancel: &CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("an address");
    let cancel = cancel.clone();
    tokio::spawn(async move {
        axum::serve(listener, router).with_graceful_shutdown(cancel.cancelled_owned()).await.expect("serves");
    });
    format!("http://{address}")
}

/// The three services' bases.
pub(crate) struct Bases {
    pub(crate) commands: String,
    pub(crate) data: String,
    pub(crate) simulator: String,
}

impl Fake {
    /// Starts all three.
    pub(crate) async fn start(&self, cancel: &CancellationToken) -> Bases {
        Bases {
            commands: serve(commands::router(self.clone()), cancel).await,
            data: serve(data::router(self.clone()), cancel).await,
            simulator: format!("{}/control", serve(simulator::router(self.clone()), cancel).await),
        }
    }
}
