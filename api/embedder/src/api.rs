//! What the endpoints share.

/// The service's state.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) cluster_key: String,
}
