//! The service against simulated sites.

mod access;
mod chains;
mod files;
mod harm;
mod inward;
mod rig;
mod schema;
mod sharing;
