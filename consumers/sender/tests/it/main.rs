//! The sender against the simulated Discord, on the embedded log.

mod answers;
mod chaos;
mod direct;
mod limits;
mod recovery;
mod rig;
