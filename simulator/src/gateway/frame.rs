//! RFC 6455 framing of a server: bytes in, messages out; frames are appended to a buffer, so that one write carries many.
//!
//! Own code and not a websocket library, because a blast writes hundreds of pre-built frames with one system call.

use bytes::{Buf as _, BytesMut};

/// Longest message accepted from a client; Discord's own bound (4096) is checked by the protocol, with its close code.
const MAX_INCOMING_BYTES: usize = 64 << 10;

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A whole message from the client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Data(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
}

/// The client broke the framing rules (unmasked, fragment out of place, reserved bits) or sent too much.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadFrame;

/// Collects received bytes and yields messages.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    pub(crate) buffer: BytesMut,
    fragments: Option<Vec<u8>>,
}

impl Decoder {
    /// The next complete message, `None` when more bytes are needed.
    pub(crate) fn next(&mut self) -> Result<Option<Incoming>, BadFrame> {
        loop {
            let Some((fin, opcode, payload)) = self.frame()? else {
                return Ok(None);
            };
            match opcode {
                0 => {
                    let fragments = self.fragments.as_mut().ok_or(BadFrame)?;
                    if fragments.len() + payload.len() > MAX_INCOMING_BYTES {
                        return Err(BadFrame);
                    }
                    fragments.extend_from_slice(&payload);
                    if fin {
                        return Ok(self.fragments.take().map(Incoming::Data));
                    }
                }
                TEXT | BINARY if self.fragments.is_some() => return Err(BadFrame),
                TEXT | BINARY if fin => return Ok(Some(Incoming::Data(payload))),
                TEXT | BINARY => self.fragments = Some(payload),
                CLOSE => {
                    let code = payload.first_chunk::<2>().map(|code| u16::from_be_bytes(*code));
                    return Ok(Some(Incoming::Close(code)));
                }
                PING => return Ok(Some(Incoming::Ping(payload))),
                PONG => return Ok(Some(Incoming::Pong)),
                _ => return Err(BadFrame),
            }
        }
    }

    fn frame(&mut self) -> Result<Option<(bool, u8, Vec<u8>)>, BadFrame> {
        let bytes = &self.buffer[..];
        let [first, second, ..] = *bytes else {
            return Ok(None);
        };
        if first & 0x70 != 0 || second & 0x80 == 0 {
            return Err(BadFrame);
        }
        let (length, header) = match second & 0x7F {
            126 => match bytes.get(2..4).and_then(|raw| raw.first_chunk::<2>()) {
                Some(raw) => (usize::from(u16::from_be_bytes(*raw)), 4),
                None => return Ok(None),
            },
            127 => match bytes.get(2..10).and_then(|raw| raw.first_chunk::<8>()) {
                Some(raw) => (usize::try_from(u64::from_be_bytes(*raw)).map_err(|_| BadFrame)?, 10),
                None => return Ok(None),
            },
            short => (usize::from(short), 2),
        };
        if length > MAX_INCOMING_BYTES {
            return Err(BadFrame);
        }
        let Some(mask) = bytes.get(header..header + 4).and_then(|raw| raw.first_chunk::<4>()).copied() else {
            return Ok(None);
        };
        let Some(body) = bytes.get(header + 4..header + 4 + length) else {
            return Ok(None);
        };
        let payload = body.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        self.buffer.advance(header + 4 + length);
        Ok(Some((first & 0x80 != 0, first & 0x0F, payload)))
    }
}

/// Appends the header of an unfragmented, unmasked frame.
pub(crate) fn begin(out: &mut Vec<u8>, opcode: u8, length: usize) {
    out.push(0x80 | opcode);
    match length {
        0..=125 => out.push(u8::try_from(length).unwrap_or(125)),
        126..=0xFFFF => {
            out.push(126);
            out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Appends a whole frame.
pub(crate) fn append(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    begin(out, opcode, payload.len());
    out.extend_from_slice(payload);
}

/// Appends a close frame; `None` is a close without a code.
pub(crate) fn close(out: &mut Vec<u8>, code: Option<u16>, reason: &str) {
    let mut payload = Vec::with_capacity(2 + reason.len());
    if let Some(code) = code {
        payload.extend_from_slice(&code.to_be_bytes());
        payload.extend_from_slice(reason.as_bytes());
        payload.truncate(125);
    }
    append(out, CLOSE, &payload);
}

/// Appends the answer to a ping.
pub(crate) fn pong(out: &mut Vec<u8>, payload: &[u8]) {
    append(out, PONG, payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first];
        match payload.len() {
            0..=125 => out.push(0x80 | payload.len() as u8),
            length => {
                out.push(0x80 | 126);
                out.extend_from_slice(&(length as u16).to_be_bytes());
            }
        }
        let mask = [1, 2, 3, 4];
        out.extend_from_slice(&mask);
        out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]));
        out
    }

    #[test]
    fn messages_are_found_whatever_the_cut_of_the_stream() {
        let mut stream = masked(0x81, b"first");
        stream.extend(masked(0x02, b"se"));
        stream.extend(masked(0x89, b"ping"));
        stream.extend(masked(0x80, b"cond"));
        stream.extend(masked(0x82, &[7; 300]));
        stream.extend(masked(0x88, &1000_u16.to_be_bytes()));
        let mut decoder = Decoder::default();
        let mut seen = Vec::new();
        for byte in stream {
            decoder.buffer.extend_from_slice(&[byte]);
            while let Some(message) = decoder.next().unwrap() {
                seen.push(message);
            }
        }
        let expected = [
            Incoming::Data(b"first".to_vec()),
            Incoming::Ping(b"ping".to_vec()),
            Incoming::Data(b"second".to_vec()),
            Incoming::Data(vec![7; 300]),
            Incoming::Close(Some(1000)),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn unmasked_and_oversized_frames_are_refused() {
        let mut decoder = Decoder::default();
        decoder.buffer.extend_from_slice(&[0x81, 1, b'x']);
        assert_eq!(decoder.next(), Err(BadFrame));
        let mut decoder = Decoder::default();
        decoder.buffer.extend_from_slice(&[0x81, 0xFF, 0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(decoder.next(), Err(BadFrame));
    }
}
