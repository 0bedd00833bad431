//! Readers that dial in: one listening port, told apart by their addresses.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::health::{Beat, DeviceState, Health};
use crate::logs;
use crate::source::Sparingly;

/// Between attempts to open the port.
const RETRY: Duration = Duration::from_secs(2);
/// Signs of life even when nobody connects.
const WAKE: Duration = Duration::from_secs(5);

/// A connection that a reader made, and where it came from.
pub(super) type Arrival = (TcpStream, SocketAddr);

/// Room for one connection that waits for its reader's task. A newer one takes the place of an older: the reader has
/// given that up.
#[derive(Debug, Clone, Default)]
pub struct Seat(Arc<(Mutex<Option<Arrival>>, Notify)>);

impl Seat {
    fn put(&self, arrival: Arrival) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(arrival);
        self.0.1.notify_one();
    }

    /// Waits for a connection.
    pub(super) async fn take(&self) -> Arrival {
        loop {
            let waiting = self
                .0
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            match waiting {
                Some(arrival) => return arrival,
                None => self.0.1.notified().await,
            }
        }
    }
}

/// A reader that may dial in.
#[derive(Debug, Clone)]
pub struct Route {
    /// The reader.
    pub name: String,
    /// Its address; without it every connection that nobody else is named for is its.
    pub from: Option<IpAddr>,
    /// Where its connections go.
    pub seat: Seat,
}

/// One listening port and who is expected there.
#[derive(Debug)]
pub struct Door {
    /// Where to listen.
    pub at: SocketAddr,
    /// Who is expected.
    pub routes: Vec<Route>,
    /// Conditions and counters.
    pub health: Health,
    /// Sign of life.
    pub beat: Beat,
    /// Ends it.
    pub stop: CancellationToken,
}

impl Door {
    /// Listens until stopped; a port that cannot be opened is tried for ever.
    pub async fn run(self) {
        loop {
            self.beat.touch();
            match TcpListener::bind(self.at).await {
                Ok(listener) => {
                    self.serve(listener).await;
                    break;
                }
                Err(error) => self.down(&format!(
                    "cannot listen on {}: {error}; is another program using the port?",
                    self.at
                )),
            }
            if !self.beat.pause(RETRY, &self.stop).await {
                break;
            }
        }
        self.beat.finish();
    }

    /// Hands out what comes in, until stopped.
    pub(in crate::source) async fn serve(&self, listener: TcpListener) {
        self.down(&format!("waits for the reader to connect to {}", self.at));
        let mut remarks = Sparingly::default();
        let mut arrivals = Sparingly::default();
        loop {
            self.beat.touch();
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = tokio::time::sleep(WAKE) => continue,
                () = self.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, from)) => match self.route(from.ip()) {
                    Some(route) => {
                        if let Some(unsaid) = arrivals.say() {
                            info!(code = logs::READER_DIALLED_IN, reader = route.name, address = %from, count = unsaid + 1, "Reader has dialled in");
                        }
                        route.seat.put((stream, from));
                    }
                    None => {
                        self.health.counters().connections_refused.add(1);
                        if let Some(unsaid) = remarks.say() {
                            warn!(code = logs::CALLER_UNKNOWN, address = %from, count = unsaid + 1, "Connection refused: no reader is configured with this address in `from`");
                        }
                    }
                },
                // Too many open files, for example: it passes, and a loop without a pause would not help.
                Err(error) => {
                    if remarks.say().is_some() {
                        warn!(code = logs::PORT_ACCEPTS_NOT, address = %self.at, %error, "Connection not accepted");
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn route(&self, from: IpAddr) -> Option<&Route> {
        let from = from.to_canonical();
        let named = self.routes.iter().find(|route| route.from == Some(from));
        named.or_else(|| self.routes.iter().find(|route| route.from.is_none()))
    }

    /// Of those that are not connected: a port that is opened anew has nothing to do with connections that stand.
    fn down(&self, reason: &str) {
        let away = |route: &&Route| !self.health.is_up(&route.name);
        for route in self.routes.iter().filter(away) {
            let reason = reason.to_owned();
            self.health
                .device(&route.name, DeviceState::Down { reason });
        }
    }
}
