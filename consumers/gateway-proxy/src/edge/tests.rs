//! The edge alone, with a home that the test plays.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use miso_discord_state::{DiscordState, StateConfig};
use miso_groups::Groups;
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::{Schemas, SharedLog};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_websockets::{ClientBuilder, Message};

use crate::ProxyConfig;
use crate::proxy::Shared;
use crate::wire::{HOME_QUEUE, ToHome};

const PATIENCE: Duration = Duration::from_secs(20);
const GROUP: &str = "demo";
const SECRET: &str = "a-secret-of-the-demo-group";

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("in time")
}

#[tokio::test]
async fn a_client_whose_home_is_gone_is_closed_to_resume_though_it_sends_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = EmbeddedLog::open(EmbeddedConfig::new(folder.path().join("log.db"))).await.expect("the log opens");
    let log: SharedLog = Arc::new(log);
    let cancel = CancellationToken::new();
    let state = DiscordState::start(Arc::clone(&log), StateConfig::default(), cancel.clone());
    let declared = vec![(GROUP.to_owned(), SECRET.to_owned())];
    let groups = Groups::start(Arc::clone(&log), declared, cancel.clone()).await.expect("groups");
    let schemas = Schemas::open(Arc::clone(&log)).await.expect("schemas");
    let shared =
        Arc::new(Shared::new(ProxyConfig::new("ws://miso.example/"), Arc::clone(&log), schemas, state, groups));
    let (home, mut to_home) = mpsc::channel(HOME_QUEUE);
    shared.homes.send_modify(|homes| drop(homes.insert(GROUP.to_owned(), home)));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let edge = tokio::spawn(super::serve(shared, listener, axum::Router::new(), cancel.clone()));

    let stream = TcpStream::connect(address).await.expect("connects");
    let uri = format!("ws://{address}/?v=10&encoding=json");
    let (mut client, _) = ClientBuilder::new().uri(&uri).expect("a URL").connect_on(stream).await.expect("a websocket");
    let identify = format!(r#"{{"op":2,"d":{{"token":"{SECRET}","intents":1,"properties":{{}}}}}}"#);
    client.send(Message::text(identify)).await.expect("sent");
    let opened = within(to_home.recv()).await;
    assert!(matches!(opened, Some(ToHome::Open { .. })), "{opened:?}");
    // What the home knew of the connection is dropped with it, as when it is fenced.
    drop((opened, to_home));
    let closed = within(async {
        while let Some(Ok(message)) = client.next().await {
            if let Some((code, _)) = message.as_close() {
                return u16::from(code);
            }
        }
        0
    })
    .await;
    assert_eq!(closed, 4000);
    cancel.cancel();
    within(edge).await.expect("no panic").expect("no error");
    log.close().await;
}
