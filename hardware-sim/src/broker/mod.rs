//! A small MQTT 5 broker inside the process, for the demo and for tests that need a broker to misbehave.
//!
//! Built on the packet codec of `rumqttc`, which is in the tree anyway: no crate more, where `rumqttd` 0.20 would add
//! 113 and `mqtt5` 0.49 (its broker only) 98. It does what the daemon and its subscribers use: CONNECT with clean
//! start, SUBSCRIBE with `+` and `#`, QoS 0 and 1, retained messages, Last Will, keep-alive, and PUBACK with reason
//! 0x10 when nobody is subscribed; the same for clients of MQTT 3.1.1. It keeps nothing after a connection ends, in
//! memory only. QoS 2 and shared subscriptions are refused, and topic aliases unless its [`Conduct`] allows them.
//!
//! A [`Conduct`] makes it misbehave: refuse, fall silent, answer late or never, cut, talk rubbish.
//!
//! Invariants: a publish is acknowledged with success only after every subscriber's queue took it; a queue that is
//! full refuses the publish for all (reason 0x97), so nothing acknowledged is dropped while its subscriber stays.

mod conduct;
mod connection;
mod hub;
mod wire;

#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::Task;
pub use conduct::{Answer, Conduct, Terms, Welcome, Well};
use connection::Place;
use hub::Hub;

/// A running broker; dropping it closes its port and every connection.
#[derive(Debug)]
pub struct Broker {
    addr: SocketAddr,
    hub: Arc<Hub>,
    cut: watch::Sender<u64>,
    _task: Task,
}

/// What a broker has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BrokerStats {
    /// Publishes taken over and handed to at least one subscriber.
    pub delivered: u64,
    /// Publishes that nobody was subscribed to.
    pub unmatched: u64,
    /// Publishes refused because a subscriber's queue was full.
    pub refused: u64,
    /// Sessions open now.
    pub sessions: usize,
}

impl Broker {
    /// Starts a broker on a free port of loopback.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts a broker at `addr`, for a restart where the last one was.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(addr: SocketAddr) -> io::Result<Self> {
        Self::bind_with(addr, Arc::new(Well)).await
    }

    /// Starts a broker at `addr` that behaves as told.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind_with(addr: SocketAddr, conduct: Arc<dyn Conduct>) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let hub = Arc::new(Hub::default());
        let (cut, cut_seen) = watch::channel(0);
        let task = Task::spawn(accept(listener, hub.clone(), conduct, cut_seen));
        Ok(Self {
            addr,
            hub,
            cut,
            _task: task,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Cuts every connection that is open now (TCP reset); wills are published, new connections are welcome.
    pub fn cut(&self) {
        self.cut.send_modify(|count| *count += 1);
    }

    /// Counters.
    pub fn stats(&self) -> BrokerStats {
        self.hub.stats()
    }
}

async fn accept(
    listener: TcpListener,
    hub: Arc<Hub>,
    conduct: Arc<dyn Conduct>,
    cut: watch::Receiver<u64>,
) {
    let mut number = 0;
    // The set owns the connections: it goes with this task, and they go with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A failed accept (out of descriptors, peer gone) concerns that peer only.
                if let Ok((socket, _)) = accepted {
                    let mut cut = cut.clone();
                    cut.mark_unchanged();
                    number += 1;
                    let place = Place {
                        hub: hub.clone(),
                        conduct: conduct.clone(),
                        number,
                        cut,
                    };
                    connections.spawn(connection::serve(socket, place));
                } else {
                    tokio::task::yield_now().await;
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
