//! How outputs are switched: a Modbus connection, or orders to a reader. One thing at a time is under way.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};
use tracegate_feed::modbus::{Answer, Inbox, MAX_FRAME, Reply, Request, exception};

use super::panel::Change;
use super::{Light, Way};
use crate::downlink::order::{Action, OutputState, Target};
use crate::source::transport::watch;

/// A module that does not answer a connect, or a request, in this time is away.
const PATIENCE: Duration = Duration::from_secs(1);

/// What became of what was asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// Not done, and why.
    Refused(String),
    /// Not done: to be asked in another way.
    Again,
}

/// The way to one module.
#[expect(clippy::large_enum_variant, reason = "there is one for each module")]
pub(super) enum Wire {
    Modbus(Modbus),
    Reader(Orders),
}

impl Wire {
    /// Connects.
    pub(super) async fn open(way: &Way) -> Result<Self, String> {
        match way {
            Way::Modbus(address) => Modbus::open(address).await.map(Self::Modbus),
            Way::Reader(reader, target) => Ok(Self::Reader(Orders {
                reader: reader.clone(),
                target: target.clone(),
                waiting: None,
                asked: Instant::now(),
            })),
        }
    }

    /// Whether the other end has to be asked for a sign of life.
    pub(super) const fn polls(&self) -> bool {
        matches!(self, Self::Modbus(_))
    }

    /// Begins to switch some of `changes`, and leaves those; with none it asks for a sign of life. `left` is how long what
    /// goes on stays so.
    pub(super) async fn ask(
        &mut self,
        light: &Light,
        changes: &mut Vec<Change>,
        left: Option<Duration>,
    ) -> Result<(), String> {
        match self {
            Self::Modbus(modbus) => modbus.ask(light, changes).await,
            Self::Reader(orders) => orders.ask(changes, left),
        }
    }

    /// What became of it; for ever, when nothing is under way and the other end is silent. Cancel safe.
    pub(super) async fn outcome(&mut self) -> Result<Outcome, String> {
        match self {
            Self::Modbus(modbus) => modbus.outcome().await,
            Self::Reader(orders) => orders.outcome().await,
        }
    }
}

/// A connection to an I/O module.
pub(super) struct Modbus {
    address: String,
    stream: TcpStream,
    inbox: Inbox,
    bytes: [u8; MAX_FRAME],
    transaction: u16,
    under_way: Option<(Request, Instant)>,
    /// It refused function 15.
    one_by_one: bool,
}

impl Modbus {
    async fn open(address: &str) -> Result<Self, String> {
        let stream = match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(format!("cannot connect to {address}: {error}")),
            Err(_) => {
                return Err(format!(
                    "{address} does not answer; check its address and cable"
                ));
            }
        };
        // Without them it is noticed later that the module is gone, by the next question.
        let _ = watch(&stream);
        Ok(Self {
            address: address.to_owned(),
            stream,
            inbox: Inbox::default(),
            bytes: [0; MAX_FRAME],
            transaction: 0,
            under_way: None,
            one_by_one: false,
        })
    }

    async fn ask(&mut self, light: &Light, changes: &mut Vec<Change>) -> Result<(), String> {
        if self.one_by_one {
            changes.truncate(1);
        } else {
            keep_run(changes);
        }
        let request = match changes.as_slice() {
            [] => {
                let mut outputs = super::Lamp::ALL.into_iter();
                let coil = outputs.find_map(|lamp| *light.outputs.of(lamp));
                Request::Read(coil.unwrap_or(0))
            }
            [only] => Request::Write(only.output, only.on),
            [first, ..] => {
                let levels = changes.iter().map(|change| change.on).collect();
                Request::WriteMany(first.output, levels)
            }
        };
        self.transaction = self.transaction.wrapping_add(1);
        let frame = request.encode(self.transaction, light.unit);
        let until = Instant::now() + PATIENCE;
        self.under_way = Some((request, until));
        // A frame has room in an empty socket: nothing is sent before the last answer has come.
        match timeout_at(until, self.stream.write_all(&frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.gone(&error)),
            Err(_) => Err(self.silent()),
        }
    }

    async fn outcome(&mut self) -> Result<Outcome, String> {
        loop {
            while let Some(reply) = self.inbox.take().map_err(|error| self.no_modbus(&error))? {
                if let Some(outcome) = self.judge(&reply)? {
                    return Ok(outcome);
                }
            }
            let read = self.stream.read(&mut self.bytes);
            let read = match &self.under_way {
                Some((_, until)) => timeout_at(*until, read).await,
                None => Ok(read.await),
            };
            match read {
                Ok(Ok(0)) => return Err(format!("{} closed the connection", self.address)),
                Ok(Ok(count)) => {
                    let bytes = self.bytes.get(..count).unwrap_or_default();
                    self.inbox.push(bytes);
                }
                Ok(Err(error)) => return Err(self.gone(&error)),
                Err(_) => return Err(self.silent()),
            }
        }
    }

    fn judge(&mut self, reply: &Reply) -> Result<Option<Outcome>, String> {
        let is_ours = reply.transaction == self.transaction;
        let Some((request, _)) = self.under_way.take().filter(|_| is_ours) else {
            return Err(format!("{} answers what was not asked", self.address));
        };
        match request.judge(reply) {
            Answer::Done => Ok(Some(Outcome::Done)),
            // It is there: that is all that was asked.
            Answer::Refused(_) if matches!(request, Request::Read(_)) => Ok(Some(Outcome::Done)),
            // It does not know the function, or one of the coils: which, and that the others are switched, single ones tell.
            Answer::Refused(1..=3) if matches!(request, Request::WriteMany(..)) => {
                self.one_by_one = true;
                Ok(Some(Outcome::Again))
            }
            Answer::Refused(code) => {
                let why = format!("{} (exception {code})", exception(code));
                Ok(Some(Outcome::Refused(why)))
            }
            Answer::Other => Err(format!("{} answers what was not asked", self.address)),
        }
    }

    fn no_modbus(&self, error: &impl std::fmt::Display) -> String {
        format!(
            "{}: {error}; is it the address of the I/O module?",
            self.address
        )
    }

    fn gone(&self, error: &std::io::Error) -> String {
        format!("the connection to {} broke: {error}", self.address)
    }

    fn silent(&self) -> String {
        format!(
            "{} does not answer; check its address and cable",
            self.address
        )
    }
}

/// Leaves what goes into one request: the first change, and those of coils that follow its own.
fn keep_run(changes: &mut Vec<Change>) {
    let Some(first) = changes.first().copied() else {
        return;
    };
    changes.sort_by_key(|change| change.output);
    let mut next = Some(first.output);
    changes.retain(|change| {
        let follows = next == Some(change.output);
        if follows {
            next = change.output.checked_add(1);
        }
        follows
    });
}

/// Orders to a reader.
pub(super) struct Orders {
    reader: String,
    target: Target,
    waiting: Option<oneshot::Receiver<Result<(), String>>>,
    asked: Instant,
}

impl Orders {
    fn ask(&mut self, changes: &mut Vec<Change>, left: Option<Duration>) -> Result<(), String> {
        changes.truncate(1);
        let Some(change) = changes.first() else {
            return Ok(());
        };
        let state = match (change.on, left) {
            (false, _) => OutputState::Off,
            (true, None) => OutputState::On,
            (true, Some(left)) => OutputState::Pulse(left),
        };
        let port = change.output;
        self.waiting = self.target.give(Action::Output { port, state });
        self.asked = Instant::now();
        match self.waiting {
            Some(_) => Ok(()),
            None => Err(format!("reader {} takes no orders", self.reader)),
        }
    }

    async fn outcome(&mut self) -> Result<Outcome, String> {
        let Some(waiting) = &mut self.waiting else {
            return std::future::pending().await;
        };
        let outcome = timeout_at(self.asked + PATIENCE, waiting).await;
        // An order that nobody waits for is not done any more.
        self.waiting = None;
        match outcome {
            Ok(Ok(Ok(()))) => Ok(Outcome::Done),
            Ok(Ok(Err(why))) => Ok(Outcome::Refused(why)),
            Ok(Err(_)) | Err(_) => Err(format!(
                "reader {} does not switch its outputs; is it connected?",
                self.reader
            )),
        }
    }
}
