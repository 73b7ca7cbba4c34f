//! Discord's REST over kept-alive connections.
//!
//! hyper's connections directly, not a client above them: the sender must know whether a byte left
//! (else a POST could be sent twice), must check its lease between "the connection is ready" and
//! "the bytes go", and must be able to end a connection together with its role.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Idle connections kept; beyond it the longest idle one is closed.
pub const MAX_IDLE: usize = 128;
/// An idle connection is not used again after this time.
const IDLE: Duration = Duration::from_secs(30);
/// For a request that must not be repeated: the far end may be about to close an older one.
const FRESH_IDLE: Duration = Duration::from_secs(3);
/// Time to connect, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// Answers longer than this are cut off: their effect is known, their body is not, bytes.
pub const MAX_ANSWER: usize = 16 * 1_024 * 1_024;
/// Bodies from this size on get [`UPLOAD_FACTOR`] times as long, bytes.
const UPLOAD: usize = 256 * 1_024;
const UPLOAD_FACTOR: u32 = 6;

/// The address is unusable.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// No URL.
    #[error("{0} is no URL of the form https://host/api")]
    Malformed(String),
    /// Plain http to another machine would show the token to everybody on the way.
    #[error("{0}: plain http is accepted for this machine (loopback) only; use https")]
    Plain(String),
}

/// Discord's answer, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// At most [`MAX_ANSWER`].
    pub body: Bytes,
}

/// How a try to send ended.
#[derive(Debug)]
pub enum Tried {
    /// An answer came.
    Answered(Box<Answer>),
    /// No byte left: no connection.
    NoConnection(String),
    /// No byte left: the lease had run out before.
    LeaseOver,
    /// Bytes may have left; no answer.
    Lost(String),
}

/// The far end.
#[derive(Debug)]
pub struct Upstream {
    host: String,
    port: u16,
    /// `host[:port]` for the header.
    authority: String,
    /// Before `/v10/…`.
    base: String,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    timeout: Duration,
    idle: Mutex<VecDeque<Idle>>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

/// One connection; dropping it ends it, with whatever it had not written yet.
#[derive(Debug)]
struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    task: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    /// Of a base such as `https://discord.com/api`; `timeout` is for one request, answer included.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn new(url: &str, timeout: Duration) -> Result<Self, AddressError> {
        let malformed = || AddressError::Malformed(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| malformed())?;
        let host = uri.host().ok_or_else(malformed)?.trim_matches(['[', ']']).to_owned();
        let (tls, port) = match uri.scheme_str() {
            Some("https") => {
                let name = ServerName::try_from(host.clone()).map_err(|_| malformed())?;
                (Some((tls_config(), name)), 443)
            }
            Some("http") => {
                let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
                if !loopback {
                    return Err(AddressError::Plain(url.to_owned()));
                }
                (None, 80)
            }
            _ => return Err(malformed()),
        };
        Ok(Self {
            port: uri.port_u16().unwrap_or(port),
            authority: uri.authority().ok_or_else(malformed)?.to_string(),
            base: uri.path().trim_end_matches('/').to_owned(),
            host,
            tls,
            timeout,
            idle: Mutex::default(),
        })
    }

    /// Sends one request: `path` follows `/v10`. `repeatable` requests may use a connection that has
    /// been idle for a while. `leaving` is called when the bytes go; it may forbid it.
    pub async fn send(
        &self,
        method: &http::Method,
        path: &str,
        mut headers: HeaderMap,
        body: Bytes,
        repeatable: bool,
        leaving: impl FnOnce() -> bool,
    ) -> Tried {
        let connection = match self.connection(if repeatable { IDLE } else { FRESH_IDLE }).await {
            Ok(connection) => connection,
            Err(reason) => return Tried::NoConnection(reason),
        };
        let Ok(uri) = format!("{}/v10{path}", self.base).parse::<Uri>() else {
            return Tried::Answered(Box::new(bad_path()));
        };
        if let Ok(host) = self.authority.parse() {
            headers.insert(http::header::HOST, host);
        }
        let timeout = self.timeout * if body.len() >= UPLOAD { UPLOAD_FACTOR } else { 1 };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        if !leaving() {
            self.keep(connection);
            return Tried::LeaseOver;
        }
        match tokio::time::timeout(timeout, self.exchange(connection, request)).await {
            Ok(tried) => tried,
            Err(_) => Tried::Lost(format!("no answer within {} s", timeout.as_secs())),
        }
    }

    async fn exchange(&self, mut connection: Connection, request: Request<Full<Bytes>>) -> Tried {
        let response = match connection.sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut error) => {
                let unsent = error.take_message().is_some();
                let reason = error.into_error().to_string();
                return if unsent { Tried::NoConnection(reason) } else { Tried::Lost(reason) };
            }
        };
        let (head, body) = response.into_parts();
        match Limited::new(body, MAX_ANSWER).collect().await {
            Ok(body) => {
                self.keep(connection);
                let answer = Answer { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() };
                Tried::Answered(Box::new(answer))
            }
            Err(error) => Tried::Lost(format!("the answer broke off: {error}")),
        }
    }

    /// Makes a connection and keeps it for the next request.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn reach(&self) -> Result<(), String> {
        let connection = self.connection(Duration::ZERO).await?;
        self.keep(connection);
        Ok(())
    }

    fn keep(&self, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= MAX_IDLE {
            idle.pop_front();
        }
        idle.push_back(Idle { connection, since: Instant::now() });
    }

    /// A connection that is ready for bytes.
    async fn connection(&self, max_idle: Duration) -> Result<Connection, String> {
        loop {
            let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop_back();
            let Some(mut kept) = kept else { break };
            if kept.since.elapsed() > max_idle || kept.connection.sender.is_closed() {
                if kept.since.elapsed() > IDLE {
                    // All others are older still.
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
                }
                continue;
            }
            if kept.connection.sender.is_ready() || kept.connection.sender.ready().await.is_ok() {
                return Ok(kept.connection);
            }
        }
        match tokio::time::timeout(CONNECT, self.connect()).await {
            Ok(connected) => connected.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no connection to {} within {} s", self.authority, CONNECT.as_secs())),
        }
    }

    async fn connect(&self) -> std::io::Result<Connection> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let failed = |error: hyper::Error| std::io::Error::other(error);
        let (mut sender, task) = match &self.tls {
            None => {
                let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
                (sender, tokio::spawn(async move { drop(connection.await) }).abort_handle())
            }
            Some((config, name)) => {
                let stream = TlsConnector::from(Arc::clone(config)).connect(name.clone(), stream).await?;
                let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
                (sender, tokio::spawn(async move { drop(connection.await) }).abort_handle())
            }
        };
        sender.ready().await.map_err(failed)?;
        Ok(Connection { sender, task })
    }
}

fn tls_config() -> Arc<ClientConfig> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// A path that is no URL cannot be sent: Discord would say the same.
fn bad_path() -> Answer {
    Answer {
        status: 400,
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{\"message\":\"the path is no valid URL\",\"code\":0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only() {
        let new = |url| Upstream::new(url, Duration::from_secs(1));
        assert!(matches!(new("http://discord.com/api"), Err(AddressError::Plain(_))));
        assert!(matches!(new("discord.com"), Err(AddressError::Malformed(_))));
        assert!(matches!(new("ftp://127.0.0.1/api"), Err(AddressError::Malformed(_))));
        let local = new("http://127.0.0.1:81/api/").expect("loopback");
        assert_eq!((local.port, local.base.as_str(), local.authority.as_str()), (81, "/api", "127.0.0.1:81"));
        assert_eq!(new("http://[::1]:81/api").expect("loopback").host, "::1");
        assert_eq!(new("https://discord.com/api").expect("https").port, 443);
    }

    #[tokio::test]
    async fn a_refused_connection_means_nothing_was_sent() {
        let port = {
            let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("bind");
            listener.local_addr().expect("address").port()
        };
        let upstream = Upstream::new(&format!("http://127.0.0.1:{port}/api"), Duration::from_secs(1)).expect("url");
        let tried = upstream
            .send(&http::Method::POST, "/x", HeaderMap::new(), Bytes::new(), false, || panic!("no byte may leave"))
            .await;
        assert!(matches!(tried, Tried::NoConnection(_)));
    }

    #[tokio::test]
    async fn a_connection_cut_after_the_request_is_lost_and_a_lease_that_is_over_sends_nothing() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("bind");
        let address = listener.local_addr().expect("address");
        let upstream = Upstream::new(&format!("http://{address}/api"), Duration::from_secs(5)).expect("url");
        let peer = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("accept");
            let mut bytes = vec![0; 4_096];
            let read = tokio::io::AsyncReadExt::read(&mut stream, &mut bytes).await.expect("read");
            String::from_utf8_lossy(&bytes[..read]).into_owned()
        });
        let send = |lease: bool| {
            upstream.send(
                &http::Method::POST,
                "/x?y=1",
                HeaderMap::new(),
                Bytes::from_static(b"{}"),
                false,
                move || lease,
            )
        };
        assert!(matches!(send(false).await, Tried::LeaseOver));
        assert!(matches!(send(true).await, Tried::Lost(_)));
        assert!(peer.await.expect("peer").starts_with("POST /api/v10/x?y=1 HTTP/1.1\r\n"));
    }
}
