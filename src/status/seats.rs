//! How many may be here: connections in all and from one address, live streams, and wrong passwords.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::health::Health;

/// Connections at a time; others are closed.
const CONNECTIONS: usize = 32;
/// Of these from one address, so that nobody takes all of them.
const CONNECTIONS_EACH: usize = 16;
/// Live streams at a time; others are told to come back.
const STREAMS: usize = 8;
/// Wrong passwords from one address within [`WRONG_FOR`]; then no password from it is looked at until that is over.
const WRONG_PASSWORDS: u32 = 10;
/// See [`WRONG_PASSWORDS`].
const WRONG_FOR: Duration = Duration::from_secs(60);
/// Addresses with wrong passwords that are remembered; beyond, the one that began first is forgotten.
const WRONG_ADDRESSES: usize = 256;

/// Connections by address.
#[derive(Debug, Clone, Default)]
pub(super) struct Seats(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One connection; its place is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat(Seats, IpAddr);

impl Seats {
    /// A place for a connection from this address, if there is one.
    pub fn take(&self, from: IpAddr) -> Option<Seat> {
        let from = network(from);
        let mut taken = self.taken();
        let all: usize = taken.values().sum();
        let own = taken.get(&from).copied().unwrap_or(0);
        if all >= CONNECTIONS || own >= CONNECTIONS_EACH {
            return None;
        }
        taken.insert(from, own + 1);
        Some(Seat(self.clone(), from))
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Self(seats, from) = self;
        let mut taken = seats.taken();
        match taken.get_mut(from) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(taken.remove(from)),
        }
    }
}

/// An address, or the network that one customer has of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(it) => {
            let kept = it.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(kept))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Live streams, which are counted while they last.
#[derive(Debug, Clone)]
pub(super) struct Streams(Arc<Semaphore>, Health);

/// One of them.
#[derive(Debug)]
pub(super) struct Viewer {
    streams: Streams,
    permit: Option<OwnedSemaphorePermit>,
}

impl Streams {
    pub fn new(health: Health) -> Self {
        Self(Arc::new(Semaphore::new(STREAMS)), health)
    }

    /// A place for one more, if there is one.
    pub fn take(&self) -> Option<Viewer> {
        let permit = self.0.clone().try_acquire_owned().ok()?;
        self.count();
        Some(Viewer {
            streams: self.clone(),
            permit: Some(permit),
        })
    }

    fn count(&self) {
        let viewers = STREAMS.saturating_sub(self.0.available_permits());
        self.1.counters().status_viewers.set(viewers as u64);
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.streams.count();
    }
}

/// Wrong passwords by address: how many, and since when.
#[derive(Debug, Default)]
pub(super) struct Wrong(Mutex<BTreeMap<IpAddr, (u32, Instant)>>);

impl Wrong {
    /// Whether no password from this address is looked at now.
    pub fn is_locked(&self, from: IpAddr, now: Instant) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = known.get(&network(from));
        own.is_some_and(|(count, since)| *count >= WRONG_PASSWORDS && now - *since < WRONG_FOR)
    }

    /// Notes a wrong one.
    pub fn add(&self, from: IpAddr, now: Instant) {
        let from = network(from);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (_, since)| now - *since < WRONG_FOR);
        if known.len() >= WRONG_ADDRESSES && !known.contains_key(&from) {
            let oldest = known.iter().min_by_key(|(_, (_, since))| *since);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                known.remove(&oldest);
            }
        }
        let own = known.entry(from).or_insert((0, now));
        own.0 = own.0.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn one_address_does_not_take_all_places() {
        let seats = Seats::default();
        let mut own: Vec<Seat> = (0..CONNECTIONS_EACH)
            .filter_map(|_| seats.take(v4(1)))
            .collect();
        assert_eq!(own.len(), CONNECTIONS_EACH);
        assert!(seats.take(v4(1)).is_none());
        let others: Vec<Seat> = (2..=200).filter_map(|last| seats.take(v4(last))).collect();
        assert_eq!(others.len(), CONNECTIONS - CONNECTIONS_EACH);
        assert!(seats.take(v4(201)).is_none());
        own.pop();
        assert!(seats.take("::ffff:10.0.0.1".parse().unwrap()).is_some());
        drop((own, others));
        assert!(seats.taken().is_empty());
        let mut network = (0..40).filter_map(|it| {
            let address = format!("2001:db8::{it:x}").parse().unwrap();
            seats.take(address)
        });
        let all: Vec<Seat> = network.by_ref().collect();
        assert_eq!(all.len(), CONNECTIONS_EACH);
    }

    #[tokio::test(start_paused = true)]
    async fn who_guesses_has_to_wait_and_others_have_not() {
        let wrong = Wrong::default();
        for _ in 0..WRONG_PASSWORDS {
            assert!(!wrong.is_locked(v4(1), Instant::now()));
            wrong.add(v4(1), Instant::now());
        }
        assert!(wrong.is_locked(v4(1), Instant::now()));
        assert!(!wrong.is_locked(v4(2), Instant::now()));
        tokio::time::advance(WRONG_FOR).await;
        assert!(!wrong.is_locked(v4(1), Instant::now()));
        for last in 0..2_000_u128 {
            let address = Ipv6Addr::from_bits(last << 64);
            wrong.add(address.into(), Instant::now());
        }
        assert_eq!(wrong.0.lock().unwrap().len(), WRONG_ADDRESSES);
    }

    #[test]
    fn streams_are_counted_while_they_last() {
        let health = Health::new("plant-3", "e");
        let streams = Streams::new(health.clone());
        let all: Vec<Viewer> = (0..20).filter_map(|_| streams.take()).collect();
        assert_eq!(all.len(), STREAMS);
        let viewers = || health.counters().status_viewers.get();
        assert_eq!(viewers(), STREAMS as u64);
        drop(all);
        assert_eq!(viewers(), 0);
    }
}
