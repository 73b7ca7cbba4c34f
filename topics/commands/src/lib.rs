//! miso-command-catalogue.
