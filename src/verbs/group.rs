//! `miso group`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use miso_groups::Groups;
use miso_log::LogError;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::control::{self, GroupAnswer, GroupCommand};

/// Handler groups: members of one group share the events; groups are independent.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  miso group add music                 prints the credential, once\n  \
    miso group add audit --from-start    begins with the oldest event kept\n  miso group rotate music")]
pub(crate) struct Group {
    #[command(subcommand)]
    verb: GroupVerb,
}

#[derive(Debug, Subcommand)]
enum GroupVerb {
    /// Make a group and print its credential
    Add {
        /// a-z, 0-9 and -, at most 40 characters
        name: String,
        /// Begin with the oldest event that is kept, not with the next one
        #[arg(long)]
        from_start: bool,
    },
    /// List the groups
    List,
    /// Make a new secret; the one before stays valid until the next rotation
    Rotate {
        /// The group
        name: String,
    },
    /// End a group; its members are refused from now on
    Remove {
        /// The group
        name: String,
    },
}

impl Group {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let command = match self.verb {
            GroupVerb::Add { name, from_start } => GroupCommand::Add { name, earliest: from_start },
            GroupVerb::List => GroupCommand::List,
            GroupVerb::Rotate { name } => GroupCommand::Rotate { name },
            GroupVerb::Remove { name } => GroupCommand::Remove { name },
        };
        let answer = match control::ask(&config.data_dir, &command).await? {
            Some(answer) => answer,
            None => on_the_log(config, command).await?,
        };
        match answer {
            GroupAnswer::Credential(credential) => {
                println!("{credential}");
                eprintln!("This is the handlers' token. It is shown once; only its hash is kept.");
            }
            GroupAnswer::Groups(groups) if groups.is_empty() => eprintln!("No group yet: miso group add NAME"),
            GroupAnswer::Groups(groups) => {
                for (name, secrets, created_ms) in groups {
                    println!("{name}\t{secrets} secret(s)\tsince {}", super::tail::rfc3339(created_ms));
                }
            }
            GroupAnswer::Removed => eprintln!("Removed."),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// No process runs on this data folder: the log is opened here.
async fn on_the_log(config: &Config, command: GroupCommand) -> anyhow::Result<GroupAnswer> {
    let log = match miso_log::open(&config.log, "miso group").await {
        Ok(log) => log,
        Err(LogError::InUse(why)) => anyhow::bail!(
            "{why}. The process that uses it was started with another MISO_DATA_DIR: give the same one here"
        ),
        Err(error) => return Err(error.into()),
    };
    let cancel = CancellationToken::new();
    let groups = Groups::start(std::sync::Arc::clone(&log), Vec::new(), cancel.clone()).await?;
    let answer = control::carry_out(&groups, command).await;
    cancel.cancel();
    log.close().await;
    Ok(answer?)
}
