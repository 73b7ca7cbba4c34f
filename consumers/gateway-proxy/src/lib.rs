//! miso-gateway-proxy.
