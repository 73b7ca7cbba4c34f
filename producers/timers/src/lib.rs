//! Durable timers: what is due when, from the log, into the log.
