//! miso-sender.
