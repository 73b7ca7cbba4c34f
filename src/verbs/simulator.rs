//! `miso simulator`.

use std::process::ExitCode;

use clap::Args;
use miso_simulator::{SimulatorConfig, USAGE};

/// Runs a simulated Discord until interrupted.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Simulator {
    /// Options of the simulator; `--help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION VALUE")]
    options: Vec<String>,
}

impl Simulator {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        if self.options.iter().any(|option| option == "--help" || option == "-h") {
            println!("{}", USAGE.replace("miso-simulator", "miso simulator"));
            return Ok(ExitCode::SUCCESS);
        }
        let config = match SimulatorConfig::from_args(self.options) {
            Ok(config) => config,
            Err(error) => {
                eprintln!("miso simulator: {error}\n{}", USAGE.replace("miso-simulator", "miso simulator"));
                return Ok(ExitCode::from(crate::USAGE));
            }
        };
        let token = config.token.clone();
        let running = miso_simulator::Simulator::start(config).await?;
        let address = running.address();
        println!("simulated Discord on http://{address}/api (control under http://{address}/control)");
        println!("MISO_DISCORD_API_URL=http://{address}/api");
        println!("DISCORD_TOKEN={token}");
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminate.recv() => {}
        }
        running.shutdown().await;
        Ok(ExitCode::SUCCESS)
    }
}
