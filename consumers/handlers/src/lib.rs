//! miso-handlers.
