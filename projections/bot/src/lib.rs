//! miso-bot-store.
