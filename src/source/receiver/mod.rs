//! Receivers of active tags, and readers that publish by themselves: frames or messages in, reads out.
//!
//! As with readers, taking bytes never waits for the core: what it has no time for waits in a queue, where reads of one
//! tag are merged before any is dropped.

pub mod decode;
pub mod mqtt;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracegate_feed::frame::{Framer, Framing, Piece};
use tracegate_pipeline::{Input, Time};
use tracing::warn;

use super::queue::{Queued, ReadQueue};
use super::transport::{Opener, Port, Transport};
use super::{Context, Retry, STEADY, Sparingly, WAKE};
use crate::health::{Code, DeviceCounter, Problem};
use crate::logs;
use decode::{Decoded, Decoder, Unused};
use mqtt::Subscription;

/// Longest datagram (RFC 768), and what is read of a stream at a time.
const CHUNK: usize = 64 * 1024;
/// What it is called in reasons.
const WHAT: &str = "receiver";

/// How to reach a receiver.
#[derive(Debug, Clone)]
pub enum Way {
    /// By itself.
    Direct(Transport),
    /// By what it publishes.
    Mqtt(Box<Subscription>),
}

/// One receiver.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How to reach it.
    pub way: Way,
    /// How its frames are told apart.
    pub framing: Framing,
    /// What is in them.
    pub decoder: Decoder,
    /// For how long a stop waits for what can still be acknowledged, of [`Way::Mqtt`].
    pub farewell: Duration,
}

impl Settings {
    /// As it is at a plant.
    #[must_use]
    pub const fn new(way: Way, framing: Framing, decoder: Decoder) -> Self {
        Self {
            way,
            framing,
            decoder,
            farewell: mqtt::FAREWELL,
        }
    }
}

/// Runs until stopped. `stored` tells how many inputs with its reads the core has stored.
pub async fn run(settings: Settings, context: Context, stored: watch::Receiver<u64>) {
    let mut session = Session {
        decoder: &settings.decoder,
        farewell: settings.farewell,
        context: &context,
        queue: ReadQueue::default(),
        remarks: Sparingly::default(),
        linked: None,
        heard: false,
        handed: 0,
        stored,
        unstored: VecDeque::new(),
    };
    match &settings.way {
        Way::Direct(transport) => session.direct(transport, &settings.framing).await,
        Way::Mqtt(subscription) => session.subscribed(subscription).await,
    }
    context.beat.finish();
}

/// What outlives a connection.
struct Session<'a> {
    decoder: &'a Decoder,
    farewell: Duration,
    context: &'a Context,
    queue: ReadQueue,
    remarks: Sparingly,
    /// A change of the link that the core has not been told, and when it was.
    linked: Option<(Time, bool)>,
    /// Whether it sent anything on this connection.
    heard: bool,
    /// Inputs with reads that were handed over, and how many of them are stored.
    handed: u64,
    stored: watch::Receiver<u64>,
    /// Published messages of this connection by packet id, each with how many inputs are stored when its reads are.
    unstored: VecDeque<(u16, u64)>,
}

impl Session<'_> {
    async fn direct(&mut self, transport: &Transport, framing: &Framing) {
        let mut opener = Opener::new(transport.clone());
        let mut retry = Retry::default();
        loop {
            self.context.beat.touch();
            let started = Instant::now();
            self.heard = false;
            let mut reached = false;
            let reason = match self.context.open(&mut opener, WHAT, None).await {
                Ok(Some(port)) => {
                    reached = true;
                    self.serve(port, framing, transport, &opener).await
                }
                Ok(None) => None,
                Err(reason) => Some(reason),
            };
            let Some(reason) = reason else { break };
            let good = !reached || self.heard || started.elapsed() >= STEADY;
            if !retry.wait(self.context, &reason, good).await {
                break;
            }
        }
    }

    /// Reads until the receiver goes away (the reason) or the gateway stops (`None`).
    async fn serve(
        &mut self,
        port: Port,
        framing: &Framing,
        transport: &Transport,
        opener: &Opener,
    ) -> Option<String> {
        let mut incoming = port.incoming;
        let (mut framer, mut pieces) = (Framer::new(framing.clone()), Vec::new());
        let mut bytes = vec![0; CHUNK];
        let began = Instant::now();
        let now_us = || u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let context = self.context;
        self.came();
        loop {
            context.beat.touch();
            let due = framer
                .deadline_us()
                .map(|at| began + Duration::from_micros(at));
            tokio::select! {
                got = incoming.read(&mut bytes) => match got {
                    Ok(0) => {
                        framer.reset(&mut pieces);
                        self.pieces(&mut pieces);
                        return self.gone(transport.ended(WHAT)).await;
                    }
                    Ok(count) => {
                        self.heard = true;
                        let bytes = bytes.get(..count).unwrap_or_default();
                        framer.push(bytes, now_us(), &mut pieces);
                        if incoming.is_datagrams() {
                            // A datagram is whole; what it does not end is a frame too.
                            framer.finish(&mut pieces);
                        }
                        self.pieces(&mut pieces);
                    }
                    Err(error) => return self.gone(format!("the {WHAT} is gone: {error}")).await,
                },
                () = sleep_until(due.unwrap_or(began)), if due.is_some() => {
                    framer.tick(now_us(), &mut pieces);
                    self.pieces(&mut pieces);
                }
                newer = opener.newer() => match newer {
                    Ok(port) => {
                        // One device: it has connected anew and we have not noticed that the old connection is dead.
                        incoming.drain(|bytes| framer.push(bytes, now_us(), &mut pieces)).await;
                        framer.reset(&mut pieces);
                        self.pieces(&mut pieces);
                        incoming = port.incoming;
                    }
                    Err(reason) => return self.gone(reason).await,
                },
                more = self.deliver() => if !more { return None; },
                order = context.orders.next() => refuse(order),
                () = sleep(WAKE) => {}
                () = context.stop.cancelled() => {
                    self.gone(String::new()).await;
                    return None;
                }
            }
        }
    }

    fn pieces(&mut self, pieces: &mut Vec<Piece>) {
        for piece in pieces.drain(..) {
            match piece {
                Piece::Frame(frame) => self.frame(&frame),
                Piece::Junk { len, why } => {
                    self.count(DeviceCounter::FramesMalformed, 1);
                    let (receiver, advice) = (&self.context.name, why.advice());
                    if self.remarks.say().is_some() {
                        warn!(
                            code = logs::BYTES_THROWN_AWAY,
                            receiver, len, advice, "Bytes thrown away"
                        );
                    }
                }
            }
        }
    }

    /// One frame or message.
    fn frame(&mut self, frame: &[u8]) {
        let Decoded { reads, unused } = self.decoder.take(frame);
        let at = self.context.clock.now();
        let (mut by_antenna, mut dropped) = (BTreeMap::<_, u64>::new(), 0);
        for read in reads {
            let count = u64::from(read.more) + 1;
            *by_antenna.entry(read.antenna).or_default() += count;
            if self.queue.push(at, read) == Queued::Dropped {
                dropped += count;
            }
        }
        let Context { health, name, .. } = self.context;
        for (antenna, count) in by_antenna {
            health.reads(name, Some(antenna), count);
        }
        if dropped > 0 {
            health.counters().reads_dropped.add(dropped);
            self.count(DeviceCounter::ReadsDropped, dropped);
        }
        for unused in unused {
            if let Unused::Unknown(text) = &unused {
                let problem = format!(
                    "it sent \"{text}\", which has no known form; compare profile and fields with it, or add it to ignore"
                );
                health.incident(name, Problem::UnknownFrame, &problem);
            }
            self.count(
                match unused {
                    Unused::Unknown(_) => DeviceCounter::FramesUnknown,
                    Unused::Malformed(_) | Unused::Nameless(_) => DeviceCounter::MessagesMalformed,
                },
                1,
            );
            let counters = self.context.health.counters();
            let receiver = &self.context.name;
            let code = match &unused {
                Unused::Unknown(_) => Code::FramesUnknown.as_str(),
                Unused::Malformed(_) | Unused::Nameless(_) => logs::BEACON_NOT_USED,
            };
            let (counter, what, text) = match unused {
                Unused::Unknown(text) => (&counters.frames_unknown, "Frame of no known form", text),
                Unused::Malformed(text) => (&counters.beacons_malformed, "Message not used", text),
                Unused::Nameless(text) => (&counters.beacons_nameless, "Beacon of nothing", text),
            };
            counter.add(1);
            if self.remarks.say().is_some() {
                warn!(code, receiver, text, "{what}");
            }
        }
    }

    fn count(&self, counter: DeviceCounter, n: u64) {
        self.context.health.count(&self.context.name, counter, n);
    }

    fn came(&mut self) {
        self.context.up();
        self.linked = Some((self.context.clock.now(), true));
    }

    /// Tells the core that it is gone, after what it sent.
    async fn gone(&mut self, reason: String) -> Option<String> {
        // What waits was read before.
        while self.linked.is_some() || !self.queue.is_empty() {
            self.context.beat.touch();
            match timeout(WAKE, self.deliver()).await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(_) if self.context.stop.is_cancelled() => return None,
                Err(_) => {}
            }
        }
        self.context.link(false).await.then_some(reason)
    }

    /// Hands over what waits, as soon as the core has room; for ever if nothing waits. False when the core is gone. Cancel
    /// safe: nothing is taken from the queue before there is room.
    async fn deliver(&mut self) -> bool {
        if self.linked.is_none() && self.queue.is_empty() {
            return std::future::pending().await;
        }
        let Ok(room) = self.context.inputs.reserve().await else {
            return false;
        };
        let device = self.context.device;
        room.send(match self.linked.take() {
            Some((at, up)) => Input::Device {
                device,
                at,
                up,
                reader_time: None,
            },
            None => {
                self.handed += 1;
                let (at, reads) = self.queue.take();
                Input::Reads { device, at, reads }
            }
        });
        true
    }
}

/// A receiver can be told nothing.
fn refuse(order: crate::downlink::order::Order) {
    let answer = Err("a receiver has no outputs and shows nothing".to_owned());
    // Nobody may wait any more.
    let _ = order.done.send(answer);
}
