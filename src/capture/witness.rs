//! The task beside the core that remembers the stories of tags and feeds captures.
//!
//! It hears what was committed, after it was committed, and decides nothing. When it cannot keep up the core goes on and
//! it is told how much it missed; when a capture cannot keep up the others go on and that one is told its gap.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, broadcast, mpsc, oneshot};
use tokio::time::{Instant, interval};
use tracegate_pipeline::{Input, PipelineConfig};

use super::line::{Gap, Line};
use super::record;
use super::tap::{Batch, Outlet, Seen, reads};
use crate::antennas::Antennas;
use crate::health::{Beat, Health};
use crate::story::{Book, Recent, Story};
use crate::tail::{Following, Told, View};

/// Pieces that wait for a capture at most, a batch each; beyond, there is a gap.
const PIECES: usize = 64;
/// Captures under way at most; a survey is one.
const CAPTURES: usize = 4;
/// Batches that wait for those who follow, at most; beyond, the oldest go, and there is a gap.
const TOLD: usize = 64;
/// Followers at a time.
const FOLLOWERS: usize = 4;
/// Questions that wait.
const ASKS: usize = 8;
/// The core is asked again for the beginning of a capture that still waits for it.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What clients of the control socket may ask.
#[derive(Debug)]
pub enum Ask {
    /// The stories of the tags that a text names.
    Why {
        /// As the user gave it.
        tag: String,
        /// Where the answer goes.
        answer: oneshot::Sender<Vec<Story>>,
    },
    /// What happened last.
    Recent {
        /// Where the answer goes.
        answer: oneshot::Sender<Recent>,
    },
    /// What happens from now on, for people; `None` when too many follow already.
    Follow {
        /// Where it comes from.
        answer: oneshot::Sender<Option<Following>>,
    },
    /// Everything from now on; `None` when too many do that already.
    Capture {
        /// Where the pieces come from.
        answer: oneshot::Sender<Option<mpsc::Receiver<Bytes>>>,
    },
}

/// Where questions go.
pub type Asks = mpsc::Sender<Ask>;

/// The task: see the module documentation.
#[derive(Debug)]
pub struct Witness {
    seen: mpsc::Receiver<Seen>,
    asks: mpsc::Receiver<Ask>,
    asked: Arc<Notify>,
    book: Book,
    antennas: Antennas,
    captures: Vec<Capture>,
    followers: broadcast::Sender<Arc<Told>>,
    followed: Arc<AtomicBool>,
    told: u64,
    view: Arc<View>,
    config: PipelineConfig,
    site: String,
    health: Health,
    beat: Beat,
}

#[derive(Debug)]
struct Capture {
    out: mpsc::Sender<Bytes>,
    has_begun: bool,
    missed: Gap,
}

impl Witness {
    /// A witness of a core, and where to ask it.
    #[must_use]
    pub fn new(
        outlet: Outlet,
        config: PipelineConfig,
        site: String,
        health: Health,
    ) -> (Self, Asks) {
        let (asks_in, asks) = mpsc::channel(ASKS);
        let mut book = Book::default();
        book.configure(&config);
        let witness = Self {
            seen: outlet.seen,
            asks,
            asked: outlet.asked,
            book,
            antennas: Antennas::default(),
            captures: Vec::new(),
            followers: broadcast::Sender::new(TOLD),
            followed: outlet.followed,
            told: 0,
            view: Arc::new(View::of(&config)),
            config,
            site,
            beat: health.beat("witness"),
            health,
        };
        (witness, asks_in)
    }

    /// Also judges antennas by what they read, with what was noted in `file`.
    #[must_use]
    pub fn judging(mut self, file: PathBuf) -> Self {
        self.antennas = Antennas::remembered(file);
        self.antennas.configure(&self.config);
        self
    }

    /// Runs until the core is gone.
    pub async fn run(mut self) {
        let mut again = interval(ASK_AGAIN);
        let mut since = Instant::now();
        let mut open = true;
        loop {
            self.beat.touch();
            tokio::select! {
                // Answers know what was committed before they were asked for.
                biased;
                seen = self.seen.recv() => match seen {
                    Some(seen) => self.take(seen),
                    None => return,
                },
                ask = self.asks.recv(), if open => match ask {
                    Some(ask) => {
                        since = Instant::now();
                        self.answer(ask);
                    }
                    None => open = false,
                },
                _ = again.tick() => {
                    self.followed.store(self.followers.receiver_count() > 0, Ordering::Relaxed);
                    self.captures.retain(|capture| !capture.out.is_closed());
                    let waits = self.captures.iter().any(|capture| !capture.has_begun);
                    if waits && since.elapsed() >= ASK_AGAIN {
                        self.asked.notify_one();
                    }
                }
            }
        }
    }

    fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Why { tag, answer } => {
                // Nobody waits any more: nobody needs it.
                let _ = answer.send(self.book.stories(&tag));
            }
            Ask::Recent { answer } => {
                let stations = self.health.stations();
                let _ = answer.send(Recent {
                    stations,
                    ..self.book.recent()
                });
            }
            Ask::Follow { answer } => {
                let room = self.followers.receiver_count() < FOLLOWERS;
                let follow = room.then(|| Following {
                    told: self.followers.subscribe(),
                    view: self.view.clone(),
                    from: self.told,
                });
                self.followed.fetch_or(room, Ordering::Relaxed);
                let _ = answer.send(follow);
            }
            Ask::Capture { answer } => {
                self.captures.retain(|capture| !capture.out.is_closed());
                let (out, pieces) = mpsc::channel(PIECES);
                let room = self.captures.len() < CAPTURES;
                if room {
                    self.captures.push(Capture {
                        out,
                        has_begun: false,
                        missed: Gap::default(),
                    });
                    self.asked.notify_one();
                }
                let _ = answer.send(room.then_some(pieces));
            }
        }
    }

    fn take(&mut self, seen: Seen) {
        match seen {
            Seen::State(standing) => {
                let header = record::header(&self.site, standing.now, &standing.config);
                let text = header.to_text() + &record::state_line(&standing.state).to_text();
                let piece = Bytes::from(text);
                for capture in self.captures.iter_mut().filter(|it| !it.has_begun) {
                    capture.has_begun = capture.out.try_send(piece.clone()).is_ok();
                }
                self.config = standing.config;
            }
            Seen::Missed(gap, config) => {
                self.antennas.disturb();
                self.told = self.told.saturating_add(gap.inputs.max(gap.reads));
                for capture in self.captures.iter_mut().filter(|it| it.has_begun) {
                    capture.missed.add(gap);
                }
                if let Some(config) = config {
                    self.view = Arc::new(View::of(&config));
                    self.config = config.as_ref().clone();
                    let input = Input::Configure(config);
                    self.antennas
                        .take(std::slice::from_ref(&input), &self.health);
                    self.book.input(&input);
                }
            }
            Seen::Batch(batch) => {
                if self.captures.iter().any(|capture| capture.has_begun) {
                    self.hand_on(&batch);
                }
                self.antennas.take(&batch.inputs, &self.health);
                for input in &batch.inputs {
                    self.book.input(input);
                }
                for event in &batch.events {
                    self.book.booked(event);
                }
                for load in &batch.refused {
                    self.book.not_booked(load);
                }
                self.book.told(&batch);
                self.tell(batch);
            }
        }
    }

    /// Hands a batch to those who follow; without a wait, and without a copy.
    fn tell(&mut self, batch: Batch) {
        let mut configs = batch.inputs.iter().filter_map(|input| match input {
            Input::Configure(config) => Some(config.as_ref().clone()),
            _ => None,
        });
        let config = configs.next_back();
        let (first, size) = (self.told, batch.size());
        self.told = self.told.saturating_add(size);
        let view = self.view.clone();
        // Nobody follows: then it goes.
        let _ = self.followers.send(Arc::new(Told { first, view, batch }));
        if let Some(config) = config {
            self.view = Arc::new(View::of(&config));
            self.config = config;
        }
    }

    fn hand_on(&mut self, batch: &Batch) {
        let (mut text, mut gap) = (String::new(), Gap::default());
        let mut config = &self.config;
        for input in &batch.inputs {
            text += &record::line_of(input, config).to_text();
            gap.inputs += 1;
            gap.reads += reads(input);
            if let Input::Configure(new) = input {
                config = new;
            }
        }
        let piece = Bytes::from(text);
        for capture in self.captures.iter_mut().filter(|it| it.has_begun) {
            if !capture.send(&piece) {
                capture.missed.add(gap);
                self.health.counters().capture_gaps.add(gap.inputs);
            }
        }
    }
}

impl Capture {
    fn send(&mut self, piece: &Bytes) -> bool {
        if self.missed != Gap::default() {
            let line = Line::Gap(self.missed).to_text();
            if self.out.try_send(Bytes::from(line)).is_err() {
                return false;
            }
            self.missed = Gap::default();
        }
        self.out.try_send(piece.clone()).is_ok()
    }
}

impl Gap {
    fn add(&mut self, other: Self) {
        self.inputs = self.inputs.saturating_add(other.inputs);
        self.reads = self.reads.saturating_add(other.reads);
    }
}
