//! miso-groups.
