//! The middleware over HTTP, beside a simulated Last.fm.

mod access;
mod budget;
mod charts;
mod failing;
mod lists;
mod rig;
mod scraping;
