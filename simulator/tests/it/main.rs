//! Contract of the simulator, seen from outside: websocket clients, twilight, and plain HTTP.

mod client;
mod control;
mod gateway;
mod lastfm;
mod oauth;
mod process;
mod rest;
mod sites;
mod twilight;
