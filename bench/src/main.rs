//! Measures the built product from outside: a simulated Discord and Miso in processes of their own,
//! one handler, the REST clients and who says commands in this one. Prints a table; `make bench` runs it.

mod client;
mod commands;
mod deployment;
mod events;
mod rest;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::deployment::{Deployment, Settings};

/// Measures events, latency, REST actions and commands of a built `miso`.
#[derive(Debug, Parser)]
struct Options {
    /// The binary, built with --release
    #[arg(long, default_value = "target/release/miso")]
    miso: PathBuf,
    /// Folder for the data, on a real disk
    #[arg(long, default_value = "target/bench")]
    data: PathBuf,
    /// The log; not given: embedded
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// Compression of the upstream connection
    #[arg(long, default_value = "zstd", value_parser = ["zstd", "none"])]
    upstream: String,
    /// What to measure; all by default
    #[arg(long, value_enum)]
    only: Vec<Scenario>,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 30)]
    seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// As many events as pass
    Events,
    /// 60,000 events a second
    Sustained,
    /// 1,000 events a second
    Latency,
    /// Synced REST actions
    Rest,
    /// As many commands as pass
    Commands,
    /// 50 commands a second
    Answers,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let all = <Scenario as ValueEnum>::value_variants();
    let scenarios = if options.only.is_empty() { all } else { &options.only };
    let settings = Settings {
        miso: options.miso.clone(),
        data: options.data.clone(),
        kafka: options.kafka.clone(),
        upstream: options.upstream.clone(),
    };
    println!("{}", deployment::machine());
    let log = if options.kafka.is_some() { "Kafka" } else { "embedded" };
    println!("log: {log}; upstream compression: {}; {} s a measurement\n", options.upstream, options.seconds);
    for scenario in scenarios {
        let deployment = Deployment::start(&settings).await?;
        match scenario {
            Scenario::Events => events::throughput(&deployment, options.seconds).await?,
            Scenario::Sustained => events::sustained(&deployment, options.seconds).await?,
            Scenario::Latency => events::latency(&deployment, options.seconds).await?,
            Scenario::Rest => rest::actions(&deployment, options.seconds).await?,
            Scenario::Commands => commands::throughput(&deployment).await?,
            Scenario::Answers => commands::latency(&deployment, options.seconds).await?,
        }
        deployment.end().await?;
    }
    Ok(())
}
