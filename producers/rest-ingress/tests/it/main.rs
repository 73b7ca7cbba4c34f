//! The ingress with a sender behind it, against the simulated Discord, on the embedded log.

mod chaos;
mod requests;
mod rig;
