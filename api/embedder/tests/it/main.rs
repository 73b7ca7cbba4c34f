//! The service against simulated sites.
