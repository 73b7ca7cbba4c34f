//! How payloads are encoded for one connection. Pure but for the codecs' own memory.

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress, Status};
use tokio_websockets::Message;
use zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer};

/// Payloads below this length, bytes, go as text though payload compression was asked for.
const COMPRESS_FROM: usize = 1_024;
/// Level of both codecs: compression must not cost more than everything else together.
const ZLIB_LEVEL: u32 = 1;
const ZSTD_LEVEL: i32 = 1;
/// Output of a codec is taken in pieces of this size, bytes.
const PIECE: usize = 32 * 1_024;

/// One connection's encoding.
pub(crate) enum Transport {
    /// JSON as text.
    Plain,
    /// Each payload that is worth it is a zlib stream of its own, the others are text.
    Payload,
    /// One zlib stream, flushed after each payload.
    Zlib(Box<Compress>),
    /// One zstd frame that never ends, flushed after each payload.
    Zstd(Box<CCtx<'static>>),
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Payload => "Payload",
            Self::Zlib(_) => "Zlib",
            Self::Zstd(_) => "Zstd",
        })
    }
}

impl Transport {
    /// Of the handshake's `compress`. Discord ignores what it does not know.
    pub(crate) fn new(compress: Option<&str>) -> Self {
        match compress {
            Some("zlib-stream") => Self::Zlib(Box::new(Compress::new(Compression::new(ZLIB_LEVEL), true))),
            Some("zstd-stream") => {
                let mut context = CCtx::create();
                match context.set_parameter(CParameter::CompressionLevel(ZSTD_LEVEL)) {
                    Ok(_) => Self::Zstd(Box::new(context)),
                    Err(_) => Self::Plain,
                }
            }
            _ => Self::Plain,
        }
    }

    /// IDENTIFY's `compress`; the handshake's wins.
    pub(crate) fn compress_payloads(&mut self) {
        if matches!(self, Self::Plain) {
            *self = Self::Payload;
        }
    }

    /// The message that carries this payload.
    pub(crate) fn encode(&mut self, json: Bytes) -> Message {
        match self {
            Self::Plain => Message::text(json),
            Self::Payload if json.len() < COMPRESS_FROM => Message::text(json),
            Self::Payload => {
                let mut whole = Compress::new(Compression::new(ZLIB_LEVEL), true);
                Message::binary(deflated(&mut whole, &json, FlushCompress::Finish))
            }
            Self::Zlib(stream) => Message::binary(deflated(stream, &json, FlushCompress::Sync)),
            Self::Zstd(stream) => Message::binary(compressed(stream, &json)),
        }
    }
}

fn deflated(stream: &mut Compress, json: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() / 3 + 64);
    let start = stream.total_in();
    loop {
        let taken = usize::try_from(stream.total_in() - start).unwrap_or(json.len());
        let status = stream.compress_vec(&json[taken..], &mut out, flush);
        let taken = usize::try_from(stream.total_in() - start).unwrap_or(json.len());
        let has_room = out.len() < out.capacity();
        if matches!(status, Ok(Status::StreamEnd) | Err(_))
            || (taken == json.len() && has_room && flush != FlushCompress::Finish)
        {
            return out;
        }
        out.reserve(PIECE);
    }
}

fn compressed(stream: &mut CCtx<'static>, json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() / 2 + 128);
    let mut piece = Vec::with_capacity(PIECE);
    let mut input = InBuffer::around(json);
    loop {
        piece.clear();
        let mut output = OutBuffer::around(&mut piece);
        let left = stream.compress_stream2(&mut output, &mut input, ZSTD_EndDirective::ZSTD_e_flush);
        out.extend_from_slice(&piece);
        // An error cannot come of memory to memory; the client would notice a broken stream and resume.
        if !matches!(left, Ok(more) if more > 0) {
            return out;
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Decompress, FlushDecompress};
    use proptest::prelude::*;

    use super::*;

    fn inflate(stream: &mut Decompress, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 << 20);
        let start = stream.total_in();
        while stream.total_in() - start < bytes.len() as u64 {
            let taken = usize::try_from(stream.total_in() - start).expect("small");
            stream.decompress_vec(&bytes[taken..], &mut out, FlushDecompress::Sync).expect("zlib");
            out.reserve(1 << 20);
        }
        out
    }

    fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let short = "[ -~]{0,2000}".prop_map(String::into_bytes);
        let long = any::<u64>().prop_map(|seed| {
            let mut state = seed | 1;
            (0..100_000)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 56) as u8 % 96 + 32
                })
                .collect()
        });
        proptest::collection::vec(prop_oneof![4 => short, 1 => long], 1..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn one_zlib_stream_gives_each_payload_at_its_flush(all in payloads()) {
            let mut transport = Transport::new(Some("zlib-stream"));
            let mut stream = Decompress::new(true);
            for json in all {
                let message = transport.encode(json.clone().into());
                prop_assert!(message.is_binary());
                let bytes = message.into_payload();
                prop_assert!(bytes.ends_with(&[0, 0, 0xff, 0xff]));
                prop_assert_eq!(inflate(&mut stream, &bytes), json);
            }
        }

        #[test]
        fn one_zstd_flush_is_one_payload(all in payloads()) {
            let mut transport = Transport::new(Some("zstd-stream"));
            let mut stream = zstd_safe::DCtx::create();
            for json in all {
                let bytes = transport.encode(json.clone().into()).into_payload();
                let mut input = InBuffer::around(&bytes);
                let mut out = Vec::new();
                loop {
                    let mut piece = Vec::with_capacity(1 << 17);
                    stream.decompress_stream(&mut OutBuffer::around(&mut piece), &mut input).expect("zstd");
                    out.extend_from_slice(&piece);
                    if input.pos == bytes.len() && piece.len() < piece.capacity() { break; }
                }
                prop_assert_eq!(out, json);
            }
        }
    }

    #[test]
    fn payload_compression_makes_each_large_payload_a_stream_of_its_own() {
        let mut transport = Transport::new(Some("unknown"));
        transport.compress_payloads();
        assert!(transport.encode(Bytes::from_static(b"{}")).is_text());
        let json = vec![b'x'; 5_000];
        for _ in 0..2 {
            let message = transport.encode(json.clone().into());
            assert!(message.is_binary());
            assert_eq!(inflate(&mut Decompress::new(true), &message.into_payload()), json);
        }
        let mut stream = Transport::new(Some("zlib-stream"));
        stream.compress_payloads();
        assert!(matches!(stream, Transport::Zlib(_)));
    }
}
