//! Names become addresses and addresses become connections: in the internet, or among simulated sites.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Addresses of a name that are looked at; further ones are left alone.
const MAX_ADDRESSES: usize = 16;
/// How long one address is tried before the next.
const CONNECT: Duration = Duration::from_secs(2);
/// Bytes of a simulated resolver's answer, at most.
const MAX_ANSWER: u64 = 16 * 1_024;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NetworkError {
    /// The name has no address, or nobody listens there.
    #[error("not reached: {0}")]
    Unreached(#[from] io::Error),
    /// The name, or one of its addresses, is not public.
    #[error("the address is not public")]
    NotPublic,
}

/// A port: how hosts are reached.
///
/// `resolve` must tell every address it would connect to; callers check all of them and connect only to
/// what they checked. `connect` must connect to the address given, and must not look any name up.
#[async_trait]
pub(crate) trait Network: Send + Sync + std::fmt::Debug {
    /// The addresses of a host name, never an empty list.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;

    /// A connection to this address.
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream>;

    /// Whether https links speak TLS here.
    fn has_tls(&self) -> bool {
        true
    }
}

/// The real one: the system's resolver.
#[derive(Debug)]
pub(crate) struct Internet;

#[async_trait]
impl Network for Internet {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, 0)).await?;
        listed(found.map(|address| address.ip()).take(MAX_ADDRESSES).collect())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let connected = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await;
        connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// Simulated sites: their control API is the resolver, and what is at a public address is at theirs.
#[derive(Debug)]
pub(crate) struct Sites(pub(crate) SocketAddr);

#[async_trait]
impl Network for Sites {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut stream = Internet.connect(self.0).await?;
        let request =
            format!("GET /control/sites/dns?host={host} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.0);
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
        let start = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
        #[derive(serde::Deserialize)]
        struct Told {
            addresses: Vec<IpAddr>,
        }
        listed(serde_json::from_slice::<Told>(&answer[start..])?.addresses)
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        // An address that is not public is connected to as it is: a check that fails shows in the tests.
        let address = if super::is_public(address.ip()) { self.0 } else { address };
        Internet.connect(address).await
    }

    fn has_tls(&self) -> bool {
        false
    }
}

fn listed(addresses: Vec<IpAddr>) -> io::Result<Vec<IpAddr>> {
    if addresses.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(addresses) }
}
