//! Some libraries append their query to a URL without path, and send `GET ?v=10 HTTP/1.1`. No HTTP
//! parser takes that, so the request line is mended before one sees it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection that has sent nothing for so long is dropped.
const FIRST_BYTES: Duration = Duration::from_secs(30);
const BROKEN: &[u8] = b"GET ?";
const WHOLE: &[u8] = b"GET /?";

/// Waits for the first bytes and mends them. `None`: the client went away, or never spoke.
pub(crate) async fn mended(mut stream: TcpStream) -> Option<Prefixed> {
    let mut first = BytesMut::with_capacity(2_048);
    let read = async {
        while first.len() < BROKEN.len() && BROKEN.starts_with(&first) {
            if stream.read_buf(&mut first).await? == 0 {
                break;
            }
        }
        io::Result::Ok(())
    };
    tokio::time::timeout(FIRST_BYTES, read).await.ok()?.ok()?;
    if first.is_empty() {
        return None;
    }
    if first.starts_with(BROKEN) {
        let mut whole = BytesMut::with_capacity(first.len() + 1);
        whole.extend_from_slice(WHOLE);
        whole.extend_from_slice(&first[BROKEN.len()..]);
        first = whole;
    }
    Some(Prefixed { prefix: first.freeze(), stream })
}

/// A stream of which the first bytes were read already.
#[derive(Debug)]
pub(crate) struct Prefixed {
    prefix: Bytes,
    stream: TcpStream,
}

impl Prefixed {
    /// More bytes that were read from it already; they come after those of before.
    pub(crate) fn unread(&mut self, bytes: &Bytes) {
        let mut all = BytesMut::with_capacity(self.prefix.len() + bytes.len());
        all.extend_from_slice(&self.prefix);
        all.extend_from_slice(bytes);
        self.prefix = all.freeze();
    }
}

impl AsyncRead for Prefixed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.prefix.has_remaining() {
            let count = self.prefix.len().min(out.remaining());
            out.put_slice(&self.prefix[..count]);
            self.prefix.advance(count);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, out)
    }
}

impl AsyncWrite for Prefixed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
