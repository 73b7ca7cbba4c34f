//! A process of Miso: opens the log, starts its roles, answers on the ops listener, shuts down.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use miso_discord_state::{DiscordState, StateConfig};
use miso_groups::Groups;
use miso_log::{LogError, SharedLog};
use miso_sender::SenderHandle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, Secret, missing_cluster_key, missing_token};
use crate::control::ControlKey;
use crate::listeners::{self, Listeners};
use crate::ops::Ops;
use crate::readiness::Readiness;
use crate::roles::{Role, Shared};
use crate::supervisor::Supervisor;
use crate::{WrongConfiguration, roles};

/// After the first signal roles finish and commit; after so long they are aborted.
const SOFT_SHUTDOWN: Duration = Duration::from_secs(10);
/// What still blocks a thread at the very end is waited for so long.
pub(crate) const LAST_FLUSH: Duration = Duration::from_secs(2);
/// An engine that is down is tried again so often.
const REOPEN_EVERY: Duration = Duration::from_secs(2);

/// Messages of the process go to stderr; `RUST_LOG` filters them.
pub(crate) fn start_messages(json: bool) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,twilight_gateway=warn,tokio_postgres=warn,hyper=warn"));
    let messages = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json {
        messages.json().init();
    } else {
        messages.compact().with_ansi(std::io::stderr().is_terminal()).with_target(false).init();
    }
}

/// A process that has started, for those that start one inside (`miso demo`).
pub(crate) struct Started {
    /// Ends everything.
    pub cancel: CancellationToken,
    /// Resolves when all has ended.
    pub ended: tokio::task::JoinHandle<anyhow::Result<()>>,
    /// What is ready.
    pub readiness: Readiness,
}

/// Runs until a signal.
pub(crate) async fn run(config: Config, roles: Vec<Role>) -> anyhow::Result<ExitCode> {
    let started = start(config, roles).await?;
    wait_for_end(started).await
}

/// Waits for a signal or for the end, and shuts down: softly at the first signal, hard at the second.
pub(crate) async fn wait_for_end(mut started: Started) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::new()?;
    tokio::select! {
        () = signals.next() => tracing::info!("shutting down; a second signal ends at once"),
        ended = &mut started.ended => return ended?.map(|()| ExitCode::SUCCESS),
    }
    started.cancel.cancel();
    tokio::select! {
        () = signals.next() => tracing::warn!("ended without waiting; everything accepted is in the log"),
        ended = &mut started.ended => ended??,
    }
    Ok(ExitCode::SUCCESS)
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Starts the roles. What can only be mended by a person (configuration, a port taken, a folder
/// not writable) is an error here; an engine that is down is waited for.
pub(crate) async fn start(mut config: Config, roles: Vec<Role>) -> anyhow::Result<Started> {
    let without_token: Vec<_> = roles
        .iter()
        .filter(|role| role.needs_token() && config.token.is_none())
        .map(|role| missing_token(role.name()))
        .collect();
    if !without_token.is_empty() {
        return Err(WrongConfiguration(without_token).into());
    }
    if config.cluster_key.is_none()
        && let Some((role, other)) = roles.iter().find_map(|&role| Some((role, role.calls_elsewhere(&roles)?)))
    {
        return Err(WrongConfiguration(vec![missing_cluster_key(role.name(), other.name())]).into());
    }
    let data_dir = &config.data_dir.clone();
    std::fs::create_dir_all(data_dir).with_context(|| {
        format!("the data folder {} cannot be made; set MISO_DATA_DIR to one that can be written", data_dir.display())
    })?;
    let listeners = Listeners::bind(&roles, &config)?;
    let ops_listener = listeners::bind(config.ops_listen, "MISO_OPS_LISTEN")?;

    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new()
        .install_recorder()
        .context("metrics cannot be recorded")?;
    let readiness = Readiness::default();
    readiness.waiting("log", "starting");
    for role in &roles {
        readiness.waiting(role.name(), "starting");
        for part in role.parts() {
            readiness.waiting(part, "starting");
        }
    }
    let supervisor = Supervisor::default();
    let cancel = CancellationToken::new();
    let (groups, groups_seen) = watch::channel(None);
    let (gets, gets_seen) = watch::channel(None);
    let (opened, log_seen) = watch::channel(None);
    let control_key = Arc::new(ControlKey::new(data_dir, ops_listener.local_addr()?));
    // The services of one process know each other by its control key unless the deployment has one.
    config.cluster_key.get_or_insert_with(|| Secret(control_key.key().to_owned()));
    let ops = crate::ops::router(Ops {
        readiness: readiness.clone(),
        metrics: metrics.clone(),
        supervisor: supervisor.clone(),
        groups: groups_seen,
        gets: gets_seen,
        log: log_seen,
        control_key: Arc::clone(&control_key),
        faults: config.faults,
    });
    let mut helpers = JoinSet::new();
    let listener = tokio::net::TcpListener::from_std(ops_listener)?;
    helpers.spawn(async move {
        let _ = axum::serve(listener, ops).await;
    });
    helpers.spawn(async move {
        let mut upkeep = tokio::time::interval(Duration::from_secs(5));
        loop {
            upkeep.tick().await;
            metrics.run_upkeep();
        }
    });

    // A file that another process writes, or a folder that cannot be written, ends the start here.
    let log = open_log(&config).await;
    if let Err(LogError::InUse(why) | LogError::Refused(why)) = &log {
        anyhow::bail!("{why}");
    }
    let (ready, stop) = (readiness.clone(), cancel.clone());
    let ended = tokio::spawn(async move {
        let _helpers = helpers;
        let Some(log) = wait_for_log(log, &config, &ready, &stop).await? else { return Ok(()) };
        opened.send_replace(Some(Arc::clone(&log)));
        control_key.write()?;
        // Only who serves handlers declares their groups: of several that commit a group's start the last would decide.
        let declares = roles.contains(&Role::Proxy);
        let declared = config.groups.iter().filter(|_| declares);
        let declared = declared.map(|(name, secret)| (name.clone(), secret.0.clone())).collect();
        let shared = Arc::new(Shared {
            has_sender: roles.contains(&Role::Sender),
            state: DiscordState::start(Arc::clone(&log), StateConfig::default(), stop.clone()),
            groups: Groups::start(Arc::clone(&log), declared, stop.clone()).await?,
            sender: SenderHandle::new(),
            log: Arc::clone(&log),
            readiness: ready.clone(),
            listeners,
            config,
        });
        groups.send_replace(Some(Arc::clone(&shared.groups)));
        if let (true, Some(key)) = (roles.contains(&Role::Sender), &shared.config.cluster_key) {
            gets.send_replace(Some((Arc::clone(&shared.sender), key.0.clone())));
        }
        let mut running = JoinSet::new();
        for role in roles {
            let (shared, stop) = (Arc::clone(&shared), stop.clone());
            running.spawn(supervisor.clone().keep(role.name(), ready.clone(), stop.clone(), move || {
                Box::pin(roles::start(role, Arc::clone(&shared), stop.clone()))
            }));
        }
        stop.cancelled().await;
        let soft = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(SOFT_SHUTDOWN, soft).await.is_err() {
            tracing::warn!("a role did not end in time and was aborted; what it had not committed is done again");
        }
        running.shutdown().await;
        log.close().await;
        Ok(())
    });
    Ok(Started { cancel, ended, readiness })
}

async fn open_log(config: &Config) -> Result<SharedLog, LogError> {
    miso_log::open(&config.log, "miso").await
}

/// Tries again while the engine is down. `None`: cancelled.
async fn wait_for_log(
    mut log: Result<SharedLog, LogError>,
    config: &Config,
    readiness: &Readiness,
    stop: &CancellationToken,
) -> anyhow::Result<Option<SharedLog>> {
    loop {
        match log {
            Ok(log) => {
                readiness.ready("log");
                return Ok(Some(log));
            }
            Err(LogError::Unavailable(why)) => readiness.unready("log", why, Instant::now()),
            Err(error) => anyhow::bail!("{error}"),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(REOPEN_EVERY) => {}
        }
        log = open_log(config).await;
    }
}
