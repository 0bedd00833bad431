//! A receiver that publishes: a connection of our own to its broker, with one subscription.
//!
//! It is one of the two places that know MQTT; the client is that of [`crate::forward`].

use tokio::time::{Instant, sleep};
use tracing::info;

use super::{Session, refuse};
use crate::forward::client::{self, Endpoint, Event, Link};
pub use crate::forward::listen::Subscription;
use crate::forward::listen::{PATIENCE, lost};
use crate::source::{Retry, STEADY, WAKE};

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
