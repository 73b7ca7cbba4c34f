//! The simulator as its own process.

use std::process::ExitCode;

use miso_simulator::{SimulatorConfig, SimulatorError, USAGE, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let outcome = SimulatorConfig::from_args(arguments).and_then(|config| {
        let runtime = tokio::runtime::Runtime::new().map_err(SimulatorError::Runtime)?;
        runtime.block_on(run(config))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ SimulatorError::Arguments(_)) => {
            eprintln!("{error}\n{USAGE}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
