//! `miso group …` and other verbs against a running process: loopback routes and a key file that only
//! the owner of the data folder can read.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use miso_groups::{GroupError, Groups};
use serde::{Deserialize, Serialize};

use crate::ops::Ops;

/// Name of the key file in the data folder: first line the ops address, second line the key.
const KEY_FILE: &str = "control.key";
/// Header that carries the key.
const KEY_HEADER: &str = "x-miso-control-key";

/// The key of this process's control route; the file goes when the process ends in order.
#[derive(Debug)]
pub(crate) struct ControlKey {
    key: String,
    ops: SocketAddr,
    path: PathBuf,
}

impl ControlKey {
    /// A fresh key for the process whose ops listener this is; not written yet.
    pub(crate) fn new(data_dir: &Path, ops: SocketAddr) -> Self {
        Self { key: format!("{:032x}", rand::random::<u128>()), ops, path: data_dir.join(KEY_FILE) }
    }

    /// Writes the key (0600) beside the address of the ops listener, in the place of one that a killed process
    /// has left. Only for a process that has the log: another one that runs here keeps its own.
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = &self.path;
        let _ = std::fs::remove_file(path);
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(|| {
                format!("{} cannot be written; set MISO_DATA_DIR to a folder that can", path.display())
            })?;
        write!(file, "{}", self.text())?;
        Ok(())
    }

    fn text(&self) -> String {
        format!("{}\n{}\n", self.ops, self.key)
    }

    /// The key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Whether a request carries the key.
    pub(crate) fn matches(&self, headers: &HeaderMap) -> bool {
        use subtle::ConstantTimeEq as _;
        let given = headers.get(KEY_HEADER).map_or(&b""[..], |value| value.as_bytes());
        given.ct_eq(self.key.as_bytes()).into()
    }
}

impl Drop for ControlKey {
    fn drop(&mut self) {
        if std::fs::read_to_string(&self.path).is_ok_and(|text| text == self.text()) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// What can be done with groups.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(crate) enum GroupCommand {
    /// Makes a group and answers its credential, once.
    Add { name: String, earliest: bool },
    /// All groups.
    List,
    /// A new secret; the one before stays valid until the next rotation.
    Rotate { name: String },
    /// Ends a group.
    Remove { name: String },
}

/// What comes back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum GroupAnswer {
    /// To be kept by the caller; Miso keeps only its hash.
    Credential(String),
    /// Name, secrets, creation time in Unix milliseconds.
    Groups(Vec<(String, usize, i64)>),
    /// It is gone.
    Removed,
}

/// Carries out a command.
///
/// # Errors
/// The group's error, for people.
pub(crate) async fn carry_out(groups: &Groups, command: GroupCommand) -> Result<GroupAnswer, GroupError> {
    match command {
        GroupCommand::Add { name, earliest } => groups.add(&name, earliest).await.map(GroupAnswer::Credential),
        GroupCommand::Rotate { name } => groups.rotate(&name).await.map(GroupAnswer::Credential),
        GroupCommand::Remove { name } => groups.remove(&name).await.map(|()| GroupAnswer::Removed),
        GroupCommand::List => {
            let groups = groups.list();
            Ok(GroupAnswer::Groups(groups.iter().map(|g| (g.name.clone(), g.secrets.len(), g.created_ms)).collect()))
        }
    }
}

/// `POST /control/groups`.
pub(crate) async fn groups(
    State(ops): State<Arc<Ops>>,
    headers: HeaderMap,
    Json(command): Json<GroupCommand>,
) -> Response {
    if !ops.control_key.matches(&headers) {
        return (StatusCode::UNAUTHORIZED, "the control key does not match").into_response();
    }
    let groups = ops.groups.borrow().clone();
    let Some(groups) = groups else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the log is not open yet; try again").into_response();
    };
    match carry_out(&groups, command).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => (StatusCode::CONFLICT, error.to_string()).into_response(),
    }
}

/// The key of the process that runs on this data folder: what its services take where no `MISO_CLUSTER_KEY`
/// is set.
pub(crate) fn running_key(data_dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data_dir.join(KEY_FILE)).ok()?;
    text.lines().nth(1).map(str::to_owned)
}

/// Asks the process that runs on this data folder. `None`: none runs there.
///
/// # Errors
/// What the process said.
pub(crate) async fn ask(data_dir: &Path, command: &GroupCommand) -> anyhow::Result<Option<GroupAnswer>> {
    post(data_dir, "/control/groups", command).await
}

/// Posts to a control route of the process that runs on this data folder. `None`: none runs there.
///
/// # Errors
/// What the process said.
pub(crate) async fn post<T: serde::de::DeserializeOwned>(
    data_dir: &Path,
    path: &str,
    body: &impl Serialize,
) -> anyhow::Result<Option<T>> {
    let Ok(text) = std::fs::read_to_string(data_dir.join(KEY_FILE)) else { return Ok(None) };
    let mut lines = text.lines();
    let (Some(address), Some(key)) = (lines.next(), lines.next()) else { return Ok(None) };
    let request = reqwest::Client::new().post(format!("http://{address}{path}")).header(KEY_HEADER, key).json(body);
    let response = match request.send().await {
        Ok(response) => response,
        // A process that was killed leaves its file behind.
        Err(error) if error.is_connect() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if response.status().is_success() {
        return Ok(Some(response.json().await?));
    }
    anyhow::bail!("{}", response.text().await?)
}
