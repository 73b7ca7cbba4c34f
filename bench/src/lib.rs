//! miso-bench.
