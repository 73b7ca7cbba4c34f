//! miso-gateway.
