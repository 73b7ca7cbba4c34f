//! The one binary: roles and command-line verbs.
fn main() {}
