//! A body, unpacked while it comes, within one bound for what comes and what it unpacks to.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::FetchError;

/// Memory, up to a bound.
#[derive(Debug)]
struct Capped {
    bytes: Vec<u8>,
    bound: usize,
}

impl Write for Capped {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + data.len() > self.bound {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Unpacks as it is written to; holds no more than its bound and one window.
enum Unpacking {
    Plain(Capped),
    Gzip(MultiGzDecoder<Capped>),
    Zlib(ZlibDecoder<Capped>),
}

impl Unpacking {
    fn new(encoding: &str, bound: usize) -> Result<Self, FetchError> {
        let capped = Capped { bytes: Vec::new(), bound };
        match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Plain(capped)),
            "gzip" | "x-gzip" => Ok(Self::Gzip(MultiGzDecoder::new(capped))),
            "deflate" => Ok(Self::Zlib(ZlibDecoder::new(capped))),
            _ => Err(FetchError::Encoding),
        }
    }

    fn push(&mut self, data: &[u8]) -> Result<(), FetchError> {
        let pushed = match self {
            Self::Plain(sink) => sink.write_all(data),
            Self::Gzip(decoder) => decoder.write_all(data),
            Self::Zlib(decoder) => decoder.write_all(data),
        };
        pushed.map_err(|error| wrong(&error))
    }

    fn finish(self) -> Result<Bytes, FetchError> {
        let sink = match self {
            Self::Plain(sink) => Ok(sink),
            Self::Gzip(decoder) => decoder.finish(),
            Self::Zlib(decoder) => decoder.finish(),
        };
        sink.map(|sink| sink.bytes.into()).map_err(|error| wrong(&error))
    }
}

fn wrong(error: &io::Error) -> FetchError {
    if error.kind() == io::ErrorKind::FileTooLarge { FetchError::TooLarge } else { FetchError::Encoding }
}

/// Reads a body to its end; `bound` bytes before and after unpacking, at the most.
pub(super) async fn read(
    mut body: Incoming,
    headers: &HeaderMap,
    bound: usize,
    count: &AtomicU64,
) -> Result<Bytes, FetchError> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > bound as u64) {
        return Err(FetchError::TooLarge);
    }
    let encoding = headers.get(header::CONTENT_ENCODING).map(|encoding| encoding.to_str().unwrap_or("?"));
    let mut unpacking = Unpacking::new(encoding.unwrap_or_default(), bound)?;
    let mut came = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| FetchError::Unreached(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        came += data.len();
        count.fetch_add(data.len() as u64, Ordering::Relaxed);
        if came > bound {
            return Err(FetchError::TooLarge);
        }
        unpacking.push(&data)?;
    }
    unpacking.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(encoding: &str, data: &[u8], bound: usize) -> Result<Bytes, FetchError> {
        let mut unpacking = Unpacking::new(encoding, bound)?;
        for piece in data.chunks(100) {
            unpacking.push(piece)?;
        }
        unpacking.finish()
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(data).expect("written");
        encoder.finish().expect("packed")
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        assert_eq!(unpacked("gzip", &gzip(b"hello"), 5).expect("unpacked").as_ref(), b"hello");
        assert_eq!(unpacked("", b"hello", 5).expect("plain").as_ref(), b"hello");
        assert!(matches!(unpacked("gzip", b"hello there", 50), Err(FetchError::Encoding)));
        assert!(matches!(unpacked("br", b"hello", 50), Err(FetchError::Encoding)));
    }

    #[test]
    fn a_bomb_is_put_down_at_the_bound() {
        let bomb: Vec<u8> = std::iter::repeat_n(gzip(&vec![0; 1 << 20]), 64).flatten().collect();
        assert!(bomb.len() < 100_000);
        assert!(matches!(unpacked("gzip", &bomb, 3 << 20), Err(FetchError::TooLarge)));
        assert!(matches!(unpacked("", &[0; 11], 10), Err(FetchError::TooLarge)));
    }
}
