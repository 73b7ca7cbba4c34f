//! Who asks: services, with the deployment's key.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use miso_command_catalogue::Problem;
use miso_http::{Refusal, key_fits};

use crate::api::Api;

/// The caller holds the deployment's key.
#[derive(Debug)]
pub(crate) struct Service;

impl FromRequestParts<Arc<Api>> for Service {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refusal> {
        if !api.cluster_key.is_empty() && key_fits(&api.cluster_key, &parts.headers) {
            return Ok(Self);
        }
        let detail = "This needs the deployment's key: send `Authorization: Bearer` and MISO_CLUSTER_KEY.";
        Err(Problem::new(401, "wrong-key", "The key is missing or wrong", detail).into())
    }
}
