//! One request and the head of its answer, over a connection of its own to an address that was checked.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::task::AbortOnDropHandle;

use super::FetchError;
use crate::failure::Failure;
use crate::guard::{Link, Network, NetworkError, is_public};

/// Bytes of an answer's head, at most.
const MAX_HEAD_BYTES: usize = 64 * 1_024;
/// Addresses of a host that are tried, in the resolver's order.
const MAX_TRIED: usize = 3;

/// An answer whose body is still to be read; dropped, its connection ends.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) response: Response<Incoming>,
    pub(crate) permit: Option<OwnedSemaphorePermit>,
    _connection: AbortOnDropHandle<()>,
}

impl Exchange {
    /// The body, and what must be kept while it is read.
    pub(crate) fn into_parts(self) -> (http::response::Parts, Incoming, Kept) {
        let (parts, body) = self.response.into_parts();
        (parts, body, Kept { _permit: self.permit, _connection: self._connection })
    }
}

/// What an answer's body needs while it is read.
#[derive(Debug)]
pub(crate) struct Kept {
    _permit: Option<OwnedSemaphorePermit>,
    _connection: AbortOnDropHandle<()>,
}

/// Connects and asks.
#[derive(Debug)]
pub(super) struct Dialer {
    network: Box<dyn Network>,
    tls: Option<Arc<ClientConfig>>,
}

impl Dialer {
    pub(super) fn new(network: Box<dyn Network>) -> Self {
        let tls = network.has_tls().then(|| {
            let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
            let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Arc::new(config)
        });
        Self { network, tls }
    }

    pub(super) async fn exchange(
        &self,
        link: &Link,
        method: Method,
        headers: &HeaderMap,
        form: Option<&Bytes>,
    ) -> Result<Exchange, FetchError> {
        let stream = self.connect(link).await.map_err(|error| match error {
            NetworkError::NotPublic => FetchError::Refused(Failure::Blocked("The link leads into a private network.")),
            NetworkError::Unreached(error) => FetchError::Unreached(error.to_string()),
        })?;
        let request = request(link, method, headers, form)?;
        match self.tls.as_ref().filter(|_| link.is_tls()) {
            Some(tls) => {
                let name = link.host().trim_start_matches('[').trim_end_matches(']').to_owned();
                let name = ServerName::try_from(name).map_err(|error| FetchError::Unreached(error.to_string()))?;
                let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
                send(stream.map_err(|error| FetchError::Unreached(error.to_string()))?, request).await
            }
            None => send(stream, request).await,
        }
    }

    /// Every address that the name has must be public; one of those that were looked at is connected to,
    /// without asking again.
    async fn connect(&self, link: &Link) -> Result<tokio::net::TcpStream, NetworkError> {
        let addresses: Vec<IpAddr> = match link.address() {
            Some(address) => vec![address],
            None => self.network.resolve(link.host()).await?,
        };
        if !addresses.iter().copied().all(is_public) {
            return Err(NetworkError::NotPublic);
        }
        let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
        for address in addresses.into_iter().take(MAX_TRIED) {
            match self.network.connect(SocketAddr::new(address, link.port())).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last.into())
    }
}

fn request(
    link: &Link,
    method: Method,
    headers: &HeaderMap,
    form: Option<&Bytes>,
) -> Result<Request<Full<Bytes>>, FetchError> {
    let refused = |error: &dyn std::fmt::Display| FetchError::Unreached(error.to_string());
    let mut request = Request::new(Full::new(form.cloned().unwrap_or_default()));
    *request.method_mut() = method;
    *request.uri_mut() = link.request_target().parse().map_err(|error: http::uri::InvalidUri| refused(&error))?;
    *request.headers_mut() = headers.clone();
    let host = HeaderValue::from_str(&link.authority()).map_err(|error| refused(&error))?;
    request.headers_mut().insert(header::HOST, host);
    request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    if form.is_some() {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, form);
    }
    Ok(request)
}

async fn send<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Exchange, FetchError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let unreached = |error: hyper::Error| FetchError::Unreached(error.to_string());
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD_BYTES);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(unreached)?;
    // A connection that breaks shows in its exchange.
    let connection = AbortOnDropHandle::new(tokio::spawn(async move {
        let _ = connection.await;
    }));
    let response = sender.send_request(request).await.map_err(unreached)?;
    Ok(Exchange { response, permit: None, _connection: connection })
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::guard::Ports;

    /// Everything is at one address; it is told what it was asked to connect to.
    #[derive(Debug)]
    struct Nearby {
        at: SocketAddr,
        answers: Vec<IpAddr>,
    }

    #[async_trait::async_trait]
    impl Network for Nearby {
        async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
            Ok(self.answers.clone())
        }

        async fn connect(&self, _: SocketAddr) -> std::io::Result<TcpStream> {
            TcpStream::connect(self.at).await
        }
    }

    async fn asked(answers: Vec<IpAddr>) -> (Result<(), FetchError>, Option<[u8; 1]>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let dialer = Dialer::new(Box::new(Nearby { at, answers }));
        let link = Link::parse("https://a.example/", &Ports::new(Vec::new())).expect("a link");
        let headers = HeaderMap::new();
        let asking = async { dialer.exchange(&link, Method::GET, &headers, None).await.map(drop) };
        let listening = async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut first = [0];
            stream.read_exact(&mut first).await.expect("a byte");
            first
        };
        tokio::select! {
            // The asking ends first only where it never connects.
            biased;
            first = listening => (Ok(()), Some(first)),
            asked = asking => (asked, None),
        }
    }

    #[tokio::test]
    async fn https_begins_with_a_handshake_of_tls() {
        let (_, first) = asked(vec![IpAddr::from([93, 184, 216, 34])]).await;
        assert_eq!(first, Some([0x16]));
    }

    #[tokio::test]
    async fn one_address_inside_among_public_ones_is_enough_to_refuse() {
        let (refused, first) = asked(vec![IpAddr::from([93, 184, 216, 34]), IpAddr::from([10, 0, 0, 1])]).await;
        assert!(matches!(refused, Err(FetchError::Refused(Failure::Blocked(_)))) && first.is_none());
    }
}
