//! miso-discord-state.
