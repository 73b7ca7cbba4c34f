//! Miso: a Discord bot platform on an event log. One binary: roles and command-line verbs.

mod config;
mod control;
mod gets;
mod listeners;
mod operator;
mod ops;
#[cfg(test)]
mod pages;
mod process;
mod readiness;
mod roles;
mod supervisor;
mod verbs;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, Presets, Sources};
use crate::roles::Role;

/// Exit code of a command that failed.
const FAILED: u8 = 1;
/// Exit code of a wrong configuration or a wrong call.
const USAGE: u8 = 2;

/// A Discord bot platform on an event log: nothing that Discord sent is lost, nothing that a
/// handler asked for is lost.
#[derive(Debug, Parser)]
#[command(name = "miso", version, arg_required_else_help = true)]
#[command(after_help = "Examples:\n  miso demo                     everything, against a simulated Discord\n  \
    miso say '>help'              speak in the demo's channel and see the bot answer\n  \
    DISCORD_TOKEN=… miso up       everything in one process, against Discord\n  \
    miso run proxy sender         two roles of a larger deployment\n\n\
    Settings: docs/CONFIGURATION.md, or `miso doctor` for those of here.")]
struct Cli {
    /// TOML file with settings; the environment wins over it
    #[arg(long, global = true, env = "MISO_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Settings of this name from the user's configuration folder: ~/.config/miso/NAME.toml
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "config")]
    profile: Option<String>,
    /// The log: file:PATH or kafka://HOST:PORT; otherwise MISO_LOG says
    #[arg(long, global = true, value_name = "URL")]
    log: Option<String>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start the demo: all roles against a simulated Discord (with DISCORD_TOKEN: against Discord)
    Demo(verbs::demo::Demo),
    /// Start all roles in one process
    Up,
    /// Start some roles
    #[command(after_help = "Examples:\n  miso run gateway\n  miso run proxy sender")]
    Run {
        /// gateway, proxy, sender, handlers, timers, commands-api
        #[arg(required = true, value_name = "ROLE")]
        roles: Vec<Role>,
    },
    /// Speak in the demo's channel as a user and print the bot's answers
    Say(verbs::say::Say),
    /// Run a command as a user and print its answer
    Command(verbs::command::Command),
    /// Manage handler groups
    Group(verbs::group::Group),
    /// Show a message's way through the pipeline, with milliseconds
    Trace(verbs::trace::Trace),
    /// List the topics and what they hold now
    Topics(verbs::topics::Topics),
    /// Print records of topics
    Tail(verbs::tail::Tail),
    /// Count records by event, guild, hour, …
    Count(verbs::count::Count),
    /// Write a dataset or a topic into files: NDJSON, CSV, Parquet
    Export(verbs::export::Export),
    /// List outgoing requests and what became of each
    Actions(verbs::actions::Actions),
    /// Give events again to handlers; what they ask of Discord is captured, never sent
    Replay(verbs::replay::Replay),
    /// Build a read model anew from the log, beside the live one
    Rebuild(verbs::models::Rebuild),
    /// Compare a rebuilt read model with the live one
    Diff(verbs::models::Diff),
    /// Put a rebuilt read model in the place of the live one
    Swap(verbs::models::Swap),
    /// Show how far consumer groups are behind
    Lag(verbs::lag::Lag),
    /// Show what consumers gave up on, and decide about it
    Parked(verbs::parked::Parked),
    /// Show schemas, and whether all of the log can be read
    Schema(verbs::schema::SchemaArgs),
    /// Copy the embedded log and store while Miso runs
    Backup(verbs::backup::Backup),
    /// Put a backup in the place of the embedded log and store
    Restore(verbs::backup::Restore),
    /// Print a shell's completions
    Completions(verbs::completions::Completions),
    /// Check configuration and connections; each finding says how to mend it
    Doctor,
    /// A Discord that behaves like the real one, for tests and benchmarks
    Simulator(verbs::simulator::Simulator),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let presets = match &cli.verb {
        Verb::Demo(demo) => demo.presets(),
        Verb::Say(_) => verbs::demo::data_dir_preset(),
        Verb::Up | Verb::Run { .. } | Verb::Simulator(_) | Verb::Completions(_) => Presets::new(),
        _ => verbs::demo::running_demo_preset(),
    };
    let file = cli.config.or_else(|| cli.profile.as_deref().map(profile));
    let sources = Sources::of_process(file.as_deref(), presets);
    let unknown = sources.unknown_in_environment();
    let mut config = match sources.load() {
        Ok(config) => config,
        Err(problems) => {
            report(&problems);
            return ExitCode::from(USAGE);
        }
    };
    if let Some(log) = cli.log {
        config.log = log;
    }
    process::start_messages(config.json_messages);
    for text in unknown {
        tracing::warn!("{text}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("miso: the process cannot start threads: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let ended = runtime.block_on(run(cli.verb, config));
    // What still blocks a thread (an engine's last flush) gets a moment, not for ever.
    runtime.shutdown_timeout(process::LAST_FLUSH);
    match ended {
        Ok(code) => code,
        Err(error) => ExitCode::from(code_of(&error)),
    }
}

/// Tells an error; answers its exit code.
fn code_of(error: &anyhow::Error) -> u8 {
    if let Some(WrongConfiguration(problems)) = error.downcast_ref() {
        report(problems);
        return USAGE;
    }
    if error.is::<verbs::out::Closed>() {
        return 0;
    }
    eprintln!("miso: {error:#}");
    let usage = error.is::<verbs::UsageError>() || error.is::<miso_log::RangeError>();
    if usage { USAGE } else { FAILED }
}

/// Where a profile's settings stand.
fn profile(name: &str) -> PathBuf {
    let home = || std::env::var_os("HOME").map_or_else(PathBuf::new, |home| PathBuf::from(home).join(".config"));
    let folder = std::env::var_os("XDG_CONFIG_HOME").map_or_else(home, PathBuf::from);
    folder.join("miso").join(format!("{name}.toml"))
}

/// Problems that only show once it is known which roles shall run.
#[derive(Debug, thiserror::Error)]
#[error("{} problems in the configuration", .0.len())]
struct WrongConfiguration(Vec<config::Problem>);

fn report(problems: &[config::Problem]) {
    for problem in problems {
        eprintln!("miso: {problem}");
    }
    eprintln!("miso: {} wrong in the configuration; all settings: docs/CONFIGURATION.md", problems.len());
}

async fn run(verb: Verb, config: Config) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Demo(demo) => demo.run(config).await,
        Verb::Up => process::run(config, Role::ALL.to_vec()).await,
        Verb::Run { roles } => process::run(config, roles).await,
        Verb::Say(say) => say.run(&config).await,
        Verb::Command(command) => command.run(&config).await,
        Verb::Group(group) => group.run(&config).await,
        Verb::Trace(trace) => trace.run(&config).await,
        Verb::Topics(topics) => topics.run(&config).await,
        Verb::Tail(tail) => tail.run(&config).await,
        Verb::Count(count) => count.run(&config).await,
        Verb::Export(export) => export.run(&config).await,
        Verb::Actions(actions) => actions.run(&config).await,
        Verb::Replay(replay) => replay.run(&config).await,
        Verb::Rebuild(rebuild) => rebuild.run(&config).await,
        Verb::Diff(diff) => diff.run(&config).await,
        Verb::Swap(swap) => swap.run(&config).await,
        Verb::Lag(lag) => lag.run(&config).await,
        Verb::Parked(parked) => parked.run(&config).await,
        Verb::Schema(schema) => schema.run(&config).await,
        Verb::Backup(backup) => backup.run(&config).await,
        Verb::Restore(restore) => restore.run(&config).await,
        Verb::Completions(completions) => completions.run(),
        Verb::Doctor => verbs::doctor::run(&config).await,
        Verb::Simulator(simulator) => simulator.run().await,
    }
}
