//! A receiver that publishes: a connection of our own to its broker, with one subscription.
//!
//! It is one of the two places that know MQTT; the client is that of [`crate::forward`].

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::info;

use super::{Session, refuse};
use crate::config::Secret;
use crate::forward::client::{self, Endpoint, Event, Failure, Link, Options, Version};
use crate::forward::words;
use crate::source::{Retry, STEADY, WAKE};
use crate::tls;

/// A broker that does not answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// Publishes of our own under way: none; the client wants room for one.
const WINDOW: u16 = 1;

/// Where a receiver publishes.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// The protocol's version.
    pub version: Version,
    /// The broker, or those of a cluster; at least one.
    pub endpoints: Vec<Endpoint>,
    /// Client identifier, of this connection alone.
    pub client_id: String,
    /// User name, and the file with the password.
    pub credentials: Option<(String, Option<PathBuf>)>,
    /// TLS.
    pub tls: Option<tls::Setup>,
    /// Keep-alive.
    pub keep_alive: Duration,
    /// Topics to subscribe to.
    pub topics: String,
}

impl Subscription {
    /// What a connection to `endpoint` is made with; files are read anew for each.
    fn options(&self, endpoint: &Endpoint) -> Result<Options, String> {
        let credentials = match &self.credentials {
            None => None,
            Some((user, None)) => Some((user.clone(), Secret::new(""))),
            Some((user, Some(path))) => {
                let secret = Secret::read(path).map_err(|error| {
                    format!(
                        "the password file {} cannot be read: {error}",
                        path.display()
                    )
                })?;
                Some((user.clone(), secret))
            }
        };
        let tls = self.tls.as_ref().map(tls::Setup::client).transpose();
        let tls = tls.map_err(|error| crate::error_chain(&error))?;
        Ok(Options {
            version: self.version,
            endpoint: endpoint.clone(),
            client_id: self.client_id.clone(),
            credentials,
            tls: tls.map(|tls| tls.config),
            last_will: None,
            keep_alive: self.keep_alive,
            window: WINDOW,
            patience: PATIENCE * 2,
        })
    }
}

impl Session<'_> {
    pub(super) async fn subscribed(&mut self, subscription: &Subscription) {
        let (mut retry, mut next) = (Retry::default(), 0);
        loop {
            self.context.beat.touch();
            let started = Instant::now();
            self.heard = false;
            let Some(endpoint) = subscription.endpoints.get(next) else {
                self.context.down("no broker is configured");
                return;
            };
            let reason = self.listen(subscription, endpoint).await;
            if !self.heard {
                next = (next + 1) % subscription.endpoints.len();
            }
            let Some(reason) = reason else { return };
            let good = self.heard || started.elapsed() >= STEADY;
            if !retry.wait(self.context, &reason, good).await {
                return;
            }
        }
    }

    /// Connects, subscribes and takes messages until the connection ends (the reason) or the gateway stops (`None`).
    async fn listen(&mut self, to: &Subscription, endpoint: &Endpoint) -> Option<String> {
        let options = match to.options(endpoint) {
            Ok(options) => options,
            Err(reason) => return Some(reason),
        };
        let mut link = client::open(&options);
        let began = Instant::now();
        let mut is_up = false;
        let context = self.context;
        loop {
            context.beat.touch();
            if !is_up && began.elapsed() > PATIENCE {
                return Some(format!("the broker {endpoint} does not answer"));
            }
            tokio::select! {
                event = link.events.recv() => {
                    let heard = match event {
                        Some(Ok(event)) => self.heard_of(event, &link, to),
                        Some(Err(failure)) => Err(lost(endpoint, failure)),
                        None => Err("the MQTT client stopped".to_owned()),
                    };
                    match heard {
                        Ok(now_up) => is_up |= now_up,
                        Err(reason) if is_up => return self.gone(reason).await,
                        Err(reason) => return Some(reason),
                    }
                }
                more = self.deliver() => if !more { return None; },
                order = context.orders.next() => refuse(order),
                () = sleep(WAKE) => {}
                () = context.stop.cancelled() => {
                    if is_up {
                        self.gone(String::new()).await;
                    }
                    // The connection ends with the link; a broker needs no farewell of a client without a will.
                    return None;
                }
            }
        }
    }

    /// True when the subscription is in force from here on.
    fn heard_of(&mut self, event: Event, link: &Link, to: &Subscription) -> Result<bool, String> {
        match event {
            Event::Connected(_) => {
                let asked = link.client.subscribe(vec![to.topics.as_str().into()]);
                asked.map_err(|busy| busy.to_string())?;
            }
            Event::Subscribed(answers) => {
                if let Some(Err(why)) = answers.into_iter().next() {
                    return Err(format!(
                        "the broker does not allow the subscription to {}: {why}; check its access list",
                        to.topics
                    ));
                }
                info!(
                    receiver = self.context.name,
                    topic = to.topics,
                    "Subscribed"
                );
                self.came();
                return Ok(true);
            }
            Event::Received(message) => {
                self.heard = true;
                self.frame(&message.payload);
            }
            Event::Sent(_) | Event::Answered(..) | Event::Left | Event::Other => {}
        }
        Ok(false)
    }
}

fn lost(endpoint: &Endpoint, failure: Failure) -> String {
    match failure {
        Failure::Refused(code) => format!(
            "the broker {endpoint} refuses the connection ({code:?}); check user name, password and client id"
        ),
        failure => format!("broker {endpoint}: {}", words::client(&failure)),
    }
}
