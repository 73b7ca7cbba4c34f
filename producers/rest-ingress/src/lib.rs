//! miso-rest-ingress.
