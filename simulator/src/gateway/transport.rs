//! How payloads become frames: plain text, zlib-stream, zstd-stream, or one zlib blob per payload.

use flate2::{Compress, Compression, FlushCompress, Status};
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, zstd_sys::ZSTD_EndDirective};

use super::frame;

/// The encoder of one connection; its contexts live as long as the connection.
pub(crate) enum Transport {
    Plain,
    ZlibStream(Box<Compress>),
    ZstdStream(CCtx<'static>),
    /// Asked for in IDENTIFY: each payload is a standalone zlib blob.
    ZlibPayload,
}

/// A fast level: the simulator shares its cores with what it tests.
const LEVEL: u32 = 1;

impl Transport {
    /// The transport for the value of the query's `compress`; `None` when Discord does not know it.
    pub(crate) fn from_query(compress: Option<&str>) -> Option<Self> {
        match compress {
            None | Some("") => Some(Self::Plain),
            Some("zlib-stream") => Some(Self::ZlibStream(Box::new(Compress::new(Compression::new(LEVEL), true)))),
            Some("zstd-stream") => {
                let mut context = CCtx::create();
                context.set_parameter(CParameter::CompressionLevel(LEVEL as i32)).ok()?;
                Some(Self::ZstdStream(context))
            }
            Some(_) => None,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Plain => "none",
            Self::ZlibStream(_) => "zlib-stream",
            Self::ZstdStream(_) => "zstd-stream",
            Self::ZlibPayload => "zlib-payload",
        }
    }

    /// Appends one frame holding `payload`.
    pub(crate) fn append(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Plain => frame::append(out, frame::TEXT, payload),
            Self::ZlibStream(stream) => {
                frame::append(out, frame::BINARY, &deflate(stream, payload, FlushCompress::Sync));
            }
            Self::ZstdStream(context) => frame::append(out, frame::BINARY, &zstd_flush(context, payload)),
            Self::ZlibPayload => {
                let mut once = Compress::new(Compression::new(LEVEL), true);
                frame::append(out, frame::BINARY, &deflate(&mut once, payload, FlushCompress::Finish));
            }
        }
    }
}

fn deflate(stream: &mut Compress, payload: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() / 3 + 64);
    let start = stream.total_in();
    loop {
        let used = usize::try_from(stream.total_in() - start).unwrap_or(payload.len()).min(payload.len());
        let status = stream.compress_vec(&payload[used..], &mut out, flush);
        let consumed = stream.total_in() - start >= payload.len() as u64;
        match status {
            Ok(Status::StreamEnd) => break,
            // A sync flush is complete once room is left in the output.
            Ok(_) if consumed && out.len() < out.capacity() && !matches!(flush, FlushCompress::Finish) => {
                break;
            }
            Ok(_) => out.reserve(out.capacity().max(256)),
            Err(error) => {
                tracing::error!(%error, "zlib refused a payload");
                break;
            }
        }
    }
    out
}

fn zstd_flush(context: &mut CCtx<'static>, payload: &[u8]) -> Vec<u8> {
    let mut compressed: Vec<u8> = Vec::with_capacity(payload.len() / 2 + 128);
    let mut input = InBuffer::around(payload);
    loop {
        let position = compressed.len();
        let mut output = OutBuffer::around_pos(&mut compressed, position);
        match context.compress_stream2(&mut output, &mut input, ZSTD_EndDirective::ZSTD_e_flush) {
            Ok(0) if input.pos() == payload.len() => break,
            Ok(_) => compressed.reserve(compressed.capacity().max(256)),
            Err(code) => {
                tracing::error!(code, "zstd refused a payload");
                break;
            }
        }
    }
    compressed
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn bodies(frames: &[u8]) -> Vec<Vec<u8>> {
        let mut rest = frames;
        let mut out = Vec::new();
        while let [_, length, tail @ ..] = rest {
            let (length, tail) = match length {
                126 => (usize::from(u16::from_be_bytes([tail[0], tail[1]])), &tail[2..]),
                127 => (u64::from_be_bytes(*tail.first_chunk().unwrap()) as usize, &tail[8..]),
                short => (usize::from(*short), tail),
            };
            out.push(tail[..length].to_vec());
            rest = &tail[length..];
        }
        out
    }

    fn payloads() -> Vec<Vec<u8>> {
        let noise = |n: u64| {
            let mut mix = crate::snowflake::Mix::new(n);
            (0..n).map(|_| mix.next() as u8).collect::<Vec<u8>>()
        };
        vec![b"{}".to_vec(), noise(5_000), vec![b'a'; 200_000], noise(70_000), b"last".to_vec()]
    }

    #[test]
    fn every_zlib_stream_message_ends_in_a_sync_flush_and_decodes_alone() {
        let mut transport = Transport::from_query(Some("zlib-stream")).unwrap();
        let mut inflate = flate2::Decompress::new(true);
        for payload in payloads() {
            let mut out = Vec::new();
            transport.append(&payload, &mut out);
            let bodies = bodies(&out);
            assert_eq!(bodies.len(), 1);
            assert_eq!(bodies[0][bodies[0].len() - 4..], [0, 0, 0xFF, 0xFF]);
            let mut plain = Vec::with_capacity(payload.len() + 64);
            inflate.decompress_vec(&bodies[0], &mut plain, flate2::FlushDecompress::Sync).unwrap();
            assert_eq!(plain, payload);
        }
    }

    #[test]
    fn every_zstd_stream_message_decodes_alone() {
        let mut transport = Transport::from_query(Some("zstd-stream")).unwrap();
        let mut decoder = zstd_safe::DCtx::create();
        for payload in payloads() {
            let mut out = Vec::new();
            transport.append(&payload, &mut out);
            let body = bodies(&out).remove(0);
            let mut plain: Vec<u8> = Vec::with_capacity(payload.len() + 64);
            let mut input = InBuffer::around(&body);
            while input.pos() < body.len() {
                let position = plain.len();
                decoder.decompress_stream(&mut OutBuffer::around_pos(&mut plain, position), &mut input).unwrap();
            }
            assert_eq!(plain, payload);
        }
    }

    #[test]
    fn a_payload_blob_is_complete_zlib() {
        for payload in payloads() {
            let mut out = Vec::new();
            Transport::ZlibPayload.append(&payload, &mut out);
            let mut plain = Vec::new();
            flate2::read::ZlibDecoder::new(&bodies(&out)[0][..]).read_to_end(&mut plain).unwrap();
            assert_eq!(plain, payload);
        }
    }
}
