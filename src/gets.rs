//! The ingress's way to the sender: GETs go through the limits of whoever sends actions.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use miso_rest_ingress::{GetAnswer, GetRefused, Gets};
use miso_sender::{GetError, SenderHandle};

/// The sender of this process.
#[derive(Debug)]
pub(crate) struct SenderGets(pub(crate) Arc<SenderHandle>);

#[async_trait]
impl Gets for SenderGets {
    async fn get(&self, path: &str) -> Result<GetAnswer, GetRefused> {
        match self.0.get(path).await {
            Ok(answer) => Ok(GetAnswer { status: answer.status, headers: answer.headers, body: answer.body }),
            Err(GetError::Absent) => Err(GetRefused::Absent),
            Err(GetError::TooLong | GetError::Full) => Err(GetRefused::Limited),
            Err(GetError::NoAnswer) => Err(GetRefused::NoAnswer),
        }
    }

    async fn predicted_wait(&self, method: &str, path: &str) -> Duration {
        self.0.predicted_wait(method, path).await
    }
}
