//! miso-simulator.
