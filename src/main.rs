//! Miso: a Discord bot platform on an event log. One binary: roles and command-line verbs.

mod config;
mod control;
mod gets;
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
    /// Print records of a topic, one JSON object a line
    Tail(verbs::tail::Tail),
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
        Verb::Command(_) | Verb::Group(_) | Verb::Topics(_) | Verb::Trace(_) | Verb::Tail(_) | Verb::Doctor => {
            verbs::demo::running_demo_preset()
        }
        Verb::Up | Verb::Run { .. } | Verb::Simulator(_) => Presets::new(),
    };
    let sources = Sources::of_process(cli.config.as_deref(), presets);
    let unknown = sources.unknown_in_environment();
    let config = match sources.load() {
        Ok(config) => config,
        Err(problems) => {
            report(&problems);
            return ExitCode::from(USAGE);
        }
    };
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
        Err(error) => match error.downcast::<WrongConfiguration>() {
            Ok(WrongConfiguration(problems)) => {
                report(&problems);
                ExitCode::from(USAGE)
            }
            Err(error) => {
                eprintln!("miso: {error:#}");
                ExitCode::from(FAILED)
            }
        },
    }
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
        Verb::Doctor => verbs::doctor::run(&config).await,
        Verb::Simulator(simulator) => simulator.run().await,
    }
}
