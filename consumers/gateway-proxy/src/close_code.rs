//! Close codes, as Discord documents them.

/// The session goes on; the client resumes. Every library does (besides 1001 and op 7).
pub(crate) const RESUMABLE: u16 = 4000;
/// An opcode that clients may not send.
pub(crate) const UNKNOWN_OPCODE: u16 = 4001;
/// Not JSON, or larger than 4096 bytes.
pub(crate) const DECODE_ERROR: u16 = 4002;
/// A payload before IDENTIFY.
pub(crate) const NOT_AUTHENTICATED: u16 = 4003;
/// The credential is not one of a group.
pub(crate) const AUTHENTICATION_FAILED: u16 = 4004;
/// A second IDENTIFY.
pub(crate) const ALREADY_AUTHENTICATED: u16 = 4005;
/// RESUME with a sequence that was never sent.
pub(crate) const INVALID_SEQUENCE: u16 = 4007;
/// More than 120 payloads in 60 s.
pub(crate) const RATE_LIMITED: u16 = 4008;
/// No IDENTIFY in time.
pub(crate) const SESSION_TIMED_OUT: u16 = 4009;
/// `shard` is not `[i, n]` with 0 <= i < n.
pub(crate) const INVALID_SHARD: u16 = 4010;
/// `v` is neither 9 nor 10, or `encoding` is not json.
pub(crate) const INVALID_VERSION: u16 = 4012;
/// Intents that Discord does not know, or none.
pub(crate) const INVALID_INTENTS: u16 = 4013;
/// Intents that the group or the upstream connection does not have.
pub(crate) const DISALLOWED_INTENTS: u16 = 4014;
