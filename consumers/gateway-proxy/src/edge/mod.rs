//! The one listener of handlers: websockets of the gateway on `/`, everything else for the REST router.

mod connection;
mod limits;
mod mending;
#[cfg(test)]
mod tests;
mod transport;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::ProxyError;
use crate::proxy::Shared;

pub(crate) use limits::Failures;

/// A client's payload may be so long, bytes; longer ones close the connection with 4002.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 4_096;
/// Connections at once, REST included; at the bound new ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 16_384;
/// After a failed accept (no file descriptors left), so long.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// At a shutdown, clients get so long to leave before they are cut.
const LEAVE_TIME: Duration = Duration::from_secs(4);

/// Accepts connections until cancelled. All of them end with this future.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    listener: TcpListener,
    rest: Router,
    cancel: CancellationToken,
) -> Result<(), ProxyError> {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let permit = tokio::select! {
            () = cancel.cancelled() => break,
            permit = Arc::clone(&permits).acquire_owned() => permit.map_err(|_| ProxyError::Broke("the edge"))?,
        };
        let accepted = tokio::select! {
            () = cancel.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {
                while connections.try_join_next().is_some() {}
                drop(permit);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => {
                let (shared, rest, stop) = (Arc::clone(&shared), rest.clone(), cancel.clone());
                connections.spawn(async move {
                    let _permit = permit;
                    one(shared, stream, remote, rest, stop).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    let leave = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(LEAVE_TIME, leave).await.is_err() {
        connections.shutdown().await;
    }
    Ok(())
}

async fn one(
    shared: Arc<Shared>,
    stream: TcpStream,
    remote: std::net::SocketAddr,
    rest: Router,
    stop: CancellationToken,
) {
    // Without it, a frame that waits for the last one's ACK is 40 ms late.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let Some(stream) = mending::mended(stream).await else { return };
    if let Some((socket, wishes)) = upgrade::http(stream, rest, stop.clone()).await {
        connection::run(shared, socket, wishes, remote.ip(), stop).await;
    }
}
