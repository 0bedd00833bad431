//! What is known of each broker of a cluster.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::Health;
use crate::forward::client::Endpoint;

/// A broker's link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EndpointState {
    /// Not needed yet, or not any more.
    #[default]
    Standby,
    /// Connected.
    Up,
    /// The last attempt failed, or the connection was lost, with the reason.
    Down(String),
}

/// A broker in the status message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndpointStatus {
    /// Name or address, and port.
    pub address: String,
    /// `up`, `down` or `standby`.
    pub state: &'static str,
    /// Why it is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Connections since start.
    pub connections: u64,
    /// Connections lost or not made since start.
    pub failures: u64,
}

/// All of the brokers' links.
#[derive(Debug, Default)]
pub(super) struct Brokers {
    all: Vec<(Endpoint, EndpointState, u64, u64)>,
    last_puback: Option<Instant>,
    stalled: Option<Duration>,
}

impl Brokers {
    pub(super) fn status(&self) -> Vec<EndpointStatus> {
        let status =
            |(address, state, connections, failures): &(Endpoint, EndpointState, u64, u64)| {
                let (state, reason) = match state {
                    EndpointState::Standby => ("standby", None),
                    EndpointState::Up => ("up", None),
                    EndpointState::Down(reason) => ("down", Some(reason.clone())),
                };
                EndpointStatus {
                    address: address.to_string(),
                    state,
                    reason,
                    connections: *connections,
                    failures: *failures,
                }
            };
        self.all.iter().map(status).collect()
    }

    pub(super) fn last_puback_s(&self) -> Option<u64> {
        self.last_puback.map(|at| at.elapsed().as_secs())
    }

    pub(super) fn condition(&self) -> Option<String> {
        let for_long = self.stalled?;
        Some(format!(
            "it answers, but the oldest event has been waiting for more than {} s; see the log for what it refuses",
            for_long.as_secs()
        ))
    }
}

impl Health {
    /// The brokers there are; none is needed yet.
    pub fn brokers(&self, endpoints: &[Endpoint]) {
        let all = endpoints.iter().cloned();
        let all = all.map(|endpoint| (endpoint, EndpointState::Standby, 0, 0));
        self.links().brokers.all = all.collect();
    }

    /// Notes the state of one broker's link.
    pub fn endpoint(&self, endpoint: &Endpoint, state: EndpointState) {
        let mut links = self.links();
        let all = links.brokers.all.iter_mut();
        let Some(known) = all.into_iter().find(|(known, ..)| known == endpoint) else {
            return;
        };
        match state {
            EndpointState::Up => known.2 = known.2.saturating_add(1),
            EndpointState::Down(_) => known.3 = known.3.saturating_add(1),
            EndpointState::Standby => {}
        }
        known.1 = state;
    }

    /// Notes that the broker has acknowledged something.
    pub fn puback(&self) {
        self.links().brokers.last_puback = Some(Instant::now());
    }

    /// Notes for how long the oldest event has got nowhere although the broker answers, or that it has; returns whether
    /// it is news.
    pub fn stalled(&self, for_long: Option<Duration>) -> bool {
        let news = {
            let mut links = self.links();
            let news = links.brokers.stalled != for_long;
            links.brokers.stalled = for_long;
            news
        };
        self.announce(news)
    }
}
