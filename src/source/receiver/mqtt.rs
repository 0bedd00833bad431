//! A receiver that publishes: a connection of our own to its broker, with one subscription.
//!
//! The broker keeps the session, and each message until its reads are stored: what is published at QoS 1 while the gateway is
//! away, or was under way when it died, comes with the next connection. Reads that come twice by that do no harm.
//!
//! It is one of the two places that know MQTT; the client is that of [`crate::forward`].

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info};

use super::{Session, refuse};
use crate::forward::client::{self, Endpoint, Event, Kept, Link, Options};
pub use crate::forward::listen::Subscription;
use crate::forward::listen::{PATIENCE, lost};
use crate::source::{Retry, STEADY, WAKE};

/// Messages whose reads are not stored yet; further ones wait at the broker.
pub(in crate::source) const UNSTORED: u16 = 256;
/// For how long a broker keeps what is published while the gateway is away.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// For acknowledgements when the gateway stops; what is not acknowledged comes again.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

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
        let mut link = client::open(&Options {
            kept: Some(Kept {
                expiry: KEPT,
                receive_maximum: UNSTORED,
            }),
            ..options
        });
        let began = Instant::now();
        let mut is_up = false;
        let context = self.context;
        // What an earlier connection left unacknowledged comes again.
        self.unstored.clear();
        let mut stored = self.stored.clone();
        loop {
            context.beat.touch();
            self.acknowledge(*stored.borrow_and_update(), &link);
            if !is_up && began.elapsed() > PATIENCE {
                return Some(format!("the broker {endpoint} does not answer"));
            }
            tokio::select! {
                event = link.events.recv(), if self.unstored.len() < usize::from(UNSTORED) => {
                    let heard = match event {
                        Some(Ok(event)) => self.heard_of(event, is_up, &link, to),
                        Some(Err(failure)) => Err(lost(endpoint, failure)),
                        None => Err("the MQTT client stopped".to_owned()),
                    };
                    match heard {
                        Ok(now_up) => is_up |= now_up,
                        Err(reason) if is_up => return self.gone(reason).await,
                        Err(reason) => return Some(reason),
                    }
                }
                changed = stored.changed(), if !self.unstored.is_empty() => if changed.is_err() {
                    return None;
                },
                more = self.deliver() => if !more { return None; },
                order = context.orders.next() => refuse(order),
                () = sleep(WAKE) => {}
                () = context.stop.cancelled() => {
                    if is_up {
                        self.gone(String::new()).await;
                        self.farewell(link).await;
                    }
                    return None;
                }
            }
        }
    }

    /// Tells the broker which messages it need not keep any more.
    fn acknowledge(&mut self, stored: u64, link: &Link) {
        while let Some((id, mark)) = self.unstored.front()
            && *mark <= stored
            && link.client.acknowledge(*id).is_ok()
        {
            self.unstored.pop_front();
        }
    }

    /// Acknowledges what was handed over, as soon as it is stored, and disconnects.
    async fn farewell(&mut self, mut link: Link) {
        let mut stored = self.stored.clone();
        let _ = timeout(self.farewell, async {
            loop {
                self.acknowledge(*stored.borrow_and_update(), &link);
                if self.unstored.is_empty() || stored.changed().await.is_err() {
                    break;
                }
            }
            if link.client.disconnect().is_ok() {
                while let Some(Ok(event)) = link.events.recv().await
                    && event != Event::Left
                {}
            }
        })
        .await;
    }

    /// True when the subscription is in force from here on.
    fn heard_of(
        &mut self,
        event: Event,
        is_up: bool,
        link: &Link,
        to: &Subscription,
    ) -> Result<bool, String> {
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
                if !is_up {
                    self.came();
                }
                return Ok(true);
            }
            Event::Received(message, id) => {
                self.heard = true;
                // What the broker kept comes before its answer to the subscription.
                if !is_up {
                    self.came();
                }
                if covers(&to.topics, &message.topic) {
                    self.frame(&message.payload);
                } else {
                    let (receiver, topic) = (&self.context.name, &message.topic);
                    debug!(receiver, topic, "Subscribed to earlier, not any more");
                }
                if id != 0 {
                    let waiting = u64::from(!self.queue.is_empty());
                    self.unstored.push_back((id, self.handed + waiting));
                }
                return Ok(true);
            }
            Event::Sent(_) | Event::Answered(..) | Event::Left | Event::Other => {}
        }
        Ok(false)
    }
}

/// Whether `topic` falls under `filter` (MQTT 5 §4.7). A kept session keeps subscriptions, too: also those to topics that
/// were configured before.
fn covers(filter: &str, topic: &str) -> bool {
    if filter.starts_with('$') {
        // A shared subscription, or the broker's own topics: it comes under other names.
        return true;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}
