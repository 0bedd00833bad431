//! A connection to the broker: options, the client's link, and CONNACK.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::info;

use super::client::{self, Client, Endpoint, Event, Failure, Link, Options, Terms};
use super::credentials::Ready;
use super::mqtt::{SessionEnd, Settings};
use super::words;
use crate::config::Secret;
use crate::health::{Health, Holder};
use crate::logs;

/// The deadlines are ours; the client's own must not come first.
const CLIENT_PATIENCE: Duration = Duration::from_secs(60);

/// A connection that the broker accepted. Dropping it closes the socket.
pub(super) struct Connection {
    pub(super) link: Link,
    /// What the broker allows; at least 1 publish.
    pub(super) terms: Terms,
}

impl Connection {
    pub(super) fn client(&self) -> Arc<dyn Client> {
        self.link.client.clone()
    }
}

/// Connects with a fresh client.
pub(super) async fn connect(
    settings: &Settings,
    endpoint: &Endpoint,
    health: &Health,
    ready: &Ready,
) -> Result<Connection, SessionEnd> {
    let options = options(settings, endpoint, health, ready);
    let (link, terms) = open(settings, &options).await?;
    let seen = ready.tls.as_ref().and_then(|tls| tls.seen()?.validity);
    health.certificate(Holder::Broker, seen);
    let receive_maximum = terms.receive_maximum;
    if receive_maximum == 0 {
        return Err(SessionEnd::Lost(
            "the broker allows no publishes (receive maximum 0)".to_owned(),
        ));
    }
    info!(code = logs::BROKER_CONNECTED, broker = %endpoint, receive_maximum, "Connected to the broker");
    Ok(Connection { link, terms })
}

/// Connects, up to CONNACK.
pub(super) async fn open(
    settings: &Settings,
    options: &Options,
) -> Result<(Link, Terms), SessionEnd> {
    let endpoint = &options.endpoint;
    let mut link = client::open(options);
    let patience = settings.timing.connect;
    match timeout(patience, connected(&mut link.events)).await {
        Ok(Some(Ok(terms))) => Ok((link, terms)),
        Ok(Some(Err(failure))) => Err(words::connect_failure(settings, endpoint, failure)),
        Ok(None) => Err(SessionEnd::Lost("the client stopped".to_owned())),
        Err(_) => {
            let why = format!("no answer within {patience:?}");
            Err(SessionEnd::Unreachable(endpoint.to_string(), why))
        }
    }
}

async fn connected(
    events: &mut mpsc::Receiver<Result<Event, Failure>>,
) -> Option<Result<Terms, Failure>> {
    loop {
        match events.recv().await? {
            Err(failure) => return Some(Err(failure)),
            Ok(Event::Connected(terms)) => return Some(Ok(terms)),
            Ok(_) => {}
        }
    }
}

pub(super) fn options(
    settings: &Settings,
    endpoint: &Endpoint,
    health: &Health,
    ready: &Ready,
) -> Options {
    let password = || ready.password.clone().unwrap_or_else(|| Secret::new(""));
    let user = settings.credentials.as_ref().map(|(user, _)| user.clone());
    Options {
        version: settings.version,
        endpoint: endpoint.clone(),
        client_id: settings.client_id.clone(),
        credentials: user.map(|user| (user, password())),
        tls: ready.tls.as_ref().map(|tls| tls.config.clone()),
        last_will: Some((settings.status_topic.clone(), health.last_will().to_json())),
        keep_alive: settings.keep_alive,
        window: settings.window,
        patience: settings.timing.connect + CLIENT_PATIENCE,
        kept: None,
    }
}
