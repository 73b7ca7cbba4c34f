//! miso-commands-api.
