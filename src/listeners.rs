//! The addresses that a process listens on.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener as StdListener};

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::roles::Role;

/// One listener for each role that has one. Bound at start, so that a port taken is said at once; a
/// restarted role gets a clone.
#[derive(Debug)]
pub(crate) struct Listeners(BTreeMap<Role, StdListener>);

impl Listeners {
    pub(crate) fn bind(roles: &[Role], config: &Config) -> anyhow::Result<Self> {
        let mut listeners = BTreeMap::new();
        for &role in roles {
            if let Some((address, variable)) = address(role, config) {
                listeners.insert(role, bind(address, variable)?);
            }
        }
        Ok(Self(listeners))
    }

    /// For the role to serve on.
    pub(crate) fn of(&self, role: Role) -> anyhow::Result<TcpListener> {
        let listener = self.0.get(&role).context("the role's listener was not bound")?.try_clone()?;
        Ok(TcpListener::from_std(listener)?)
    }

    /// Where other roles of this process reach it, if it is one of them.
    pub(crate) fn url(&self, role: Role) -> Option<String> {
        Some(format!("http://{}", self.0.get(&role)?.local_addr().ok()?))
    }
}

/// Where a role listens, and the variable that says so.
fn address(role: Role, config: &Config) -> Option<(SocketAddr, &'static str)> {
    match role {
        Role::Proxy => Some((config.proxy_listen, "MISO_PROXY_LISTEN")),
        Role::CommandsApi => Some((config.commands_listen, "MISO_COMMANDS_LISTEN")),
        Role::DataApi => Some((config.data_listen, "MISO_DATA_LISTEN")),
        Role::Lastfm => Some((config.lastfm_listen, "MISO_LASTFM_LISTEN")),
        Role::Embedder => Some((config.embedder_listen, "MISO_EMBEDDER_LISTEN")),
        Role::Panel => Some((config.panel_listen, "MISO_PANEL_LISTEN")),
        Role::Gateway | Role::Sender | Role::Handlers | Role::Timers => None,
    }
}

/// # Errors
/// The address is taken, or is not this machine's.
pub(crate) fn bind(address: SocketAddr, variable: &str) -> anyhow::Result<StdListener> {
    let listener = StdListener::bind(address).with_context(|| {
        format!("{address} cannot be listened on; stop what uses it, or set {variable} to another address")
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
