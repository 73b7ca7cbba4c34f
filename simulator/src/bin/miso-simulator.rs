//! The simulator as its own process.
fn main() {}
