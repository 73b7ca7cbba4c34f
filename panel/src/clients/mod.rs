//! The services that the panel is a client of.

mod commands;
mod data;
mod embedder;
mod simulator;
mod types;

pub(crate) use commands::{As, CommandsClient, Owner};
pub(crate) use data::DataClient;
#[cfg(test)]
pub(crate) use embedder::Strategy;
pub(crate) use embedder::{EmbedderClient, Medium, Post, Provider};
pub(crate) use simulator::{SimulatedGuild, SimulatorClient};
pub(crate) use types::*;

use miso_command_catalogue::Problem;
use reqwest::{RequestBuilder, Response};
use serde::de::DeserializeOwned;

/// A call to a service failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// It is not there, or does not answer as it should.
    #[error("the {service} is away: {reason}")]
    Away { service: &'static str, reason: String },
    /// It refused.
    #[error("the {service} refused: {}", problem.detail)]
    Refused { service: &'static str, problem: Box<Problem> },
}

impl ClientError {
    /// The HTTP status of a refusal.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Away { .. } => None,
            Self::Refused { problem, .. } => Some(problem.status),
        }
    }
}

/// Sends a request; what is not 2xx is an error.
async fn send(service: &'static str, request: RequestBuilder) -> Result<Response, ClientError> {
    let away = |error: &reqwest::Error| ClientError::Away { service, reason: error.to_string() };
    let response = request.send().await.map_err(|error| away(&error.without_url()))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.bytes().await.map_err(|error| away(&error.without_url()))?;
    let problem = serde_json::from_slice::<Problem>(&body).unwrap_or_else(|_| {
        Problem::new(status.as_u16(), "upstream", "A service refused", format!("The {service} answered {status}."))
    });
    if status.is_server_error() {
        return Err(ClientError::Away { service, reason: format!("{status}: {}", problem.title) });
    }
    Err(ClientError::Refused { service, problem: Box::new(problem) })
}

async fn json<T: DeserializeOwned>(service: &'static str, request: RequestBuilder) -> Result<T, ClientError> {
    let response = send(service, request).await?;
    response.json().await.map_err(|error| ClientError::Away { service, reason: error.without_url().to_string() })
}
