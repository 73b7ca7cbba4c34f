//! `miso completions`.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _};

/// Prints a shell's completions.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  miso completions bash > ~/.local/share/bash-completion/completions/miso\n  \
    miso completions zsh > ~/.zfunc/_miso\n  miso completions fish > ~/.config/fish/completions/miso.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        // Made whole first: the generator itself panics on a closed pipe.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::Cli::command(), "miso", &mut script);
        let mut out = super::out::Out::new();
        super::out::told(std::io::Write::write_all(&mut out, &script))?;
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}
