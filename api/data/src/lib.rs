//! The data API: REST over the folded state of Discord, and the login with Discord.
