//! Scanners that type, on `/dev/input/event*`: grabbed, so that codes do not land on the console.

#[cfg(test)]
mod kernel;
mod system;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tracegate_feed::wedge::{self, Heard, Lost, Press, Wedge};

use super::Context;
use super::attached::{self, Answers, Decoder, Opened, Port, Reader, Said};
use crate::core::Feedback;

/// One scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its device file, or a link to it that stays the same.
    pub path: PathBuf,
    /// How to understand it.
    pub wedge: wedge::Settings,
}

/// Runs until stopped.
pub async fn run(settings: Settings, context: Context, feedback: mpsc::Receiver<Feedback>) {
    attach(system::System, settings, context, feedback).await;
}

/// Whether a keyboard is there and may be opened; it is not grabbed.
///
/// # Errors
/// Why not, for the technician.
pub fn look(path: &Path) -> Result<(), String> {
    let opened = std::fs::File::open(path);
    opened
        .map(drop)
        .map_err(|error| system::reason(path, &error))
}

/// As [`run`], with other keyboards than those of the system.
async fn attach(
    keyboards: impl Keyboards,
    settings: Settings,
    context: Context,
    feedback: mpsc::Receiver<Feedback>,
) {
    let port = KeyboardPort {
        keyboards,
        settings,
    };
    attached::run(port, Answers::default(), context, feedback).await;
}

/// Where keyboards are.
trait Keyboards: Send + Sync + 'static {
    /// Opens one and grabs it; an error says what to do.
    fn open(&self, path: &Path) -> Result<Box<dyn Keyboard>, String>;
}

/// A keyboard that nobody else hears.
trait Keyboard: Send {
    /// Waits at most so long for events.
    fn events(&mut self, wait: Duration) -> Result<Vec<Raw>, String>;
    /// Codes of the keys that are down.
    fn held(&self) -> Result<Vec<u16>, String>;
    /// Now, on the clock of the events, in microseconds.
    fn now_us(&self) -> u64;
}

/// An event as the kernel tells it (`struct input_event`), at a time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Raw {
    at_us: u64,
    kind: u16,
    code: u16,
    value: i32,
}

/// `EV_SYN` with `SYN_REPORT` and `SYN_DROPPED`, and `EV_KEY`.
const EV_SYN: u16 = 0;
const EV_KEY: u16 = 1;
const SYN_REPORT: u16 = 0;
const SYN_DROPPED: u16 = 3;

struct KeyboardPort<K> {
    keyboards: K,
    settings: Settings,
}

impl<K: Keyboards> Port for KeyboardPort<K> {
    type Item = Vec<Event>;

    fn open(&self) -> Result<Opened<Vec<Event>>, String> {
        let path = &self.settings.path;
        let keyboard = self.keyboards.open(path)?;
        let held = keyboard.held()?;
        let now_us = keyboard.now_us();
        Ok(Opened {
            decoder: Box::new(Codes {
                wedge: Wedge::new(self.settings.wedge.clone(), &held, now_us),
                last_us: now_us,
                heard: Vec::new(),
            }),
            reader: Box::new(Events {
                keyboard,
                path: path.display().to_string(),
                dropping: false,
            }),
            writer: None,
        })
    }
}

/// What concerns the decoder.
enum Event {
    Key {
        code: u16,
        press: Press,
        at_us: u64,
    },
    /// The kernel's queue was full; these keys are down now.
    Dropped {
        held: Vec<u16>,
        at_us: u64,
    },
}

struct Events {
    keyboard: Box<dyn Keyboard>,
    path: String,
    /// Since `SYN_DROPPED`: what comes up to the next report is of no use (Linux, event codes, `EV_SYN`).
    dropping: bool,
}

impl Reader<Vec<Event>> for Events {
    fn read(&mut self, wait: Duration) -> Result<Option<Vec<Event>>, String> {
        let gone = |error| format!("{} was unplugged: {error}", self.path);
        let mut events = Vec::new();
        for Raw {
            at_us,
            kind,
            code,
            value,
        } in self.keyboard.events(wait).map_err(gone)?
        {
            match (kind, code) {
                (EV_SYN, SYN_DROPPED) => self.dropping = true,
                (EV_SYN, SYN_REPORT) if std::mem::take(&mut self.dropping) => {
                    let held = self.keyboard.held().map_err(gone)?;
                    events.push(Event::Dropped { held, at_us });
                }
                (EV_KEY, code) if !self.dropping => {
                    let press = match value {
                        0 => Press::Up,
                        1 => Press::Down,
                        _ => Press::Repeat,
                    };
                    events.push(Event::Key { code, press, at_us });
                }
                _ => {}
            }
        }
        Ok(Some(events).filter(|events| !events.is_empty()))
    }
}

struct Codes {
    wedge: Wedge,
    last_us: u64,
    heard: Vec<Heard>,
}

impl Codes {
    fn hand_on(&mut self, said: &mut Vec<Said>) {
        said.extend(self.heard.drain(..).map(|heard| match heard {
            Heard::Scan(code) => Said::Scan(code),
            Heard::Lost(why @ Lost::Typed { .. }) => Said::Foreign(why.to_string()),
            Heard::Lost(why) => Said::Lost(why.to_string()),
        }));
    }
}

impl Decoder<Vec<Event>> for Codes {
    fn take(&mut self, item: Vec<Event>, said: &mut Vec<Said>) {
        for event in item {
            match event {
                Event::Key { code, press, at_us } => {
                    self.last_us = at_us;
                    self.wedge.key(code, press, at_us, &mut self.heard);
                }
                Event::Dropped { held, at_us } => {
                    self.last_us = at_us;
                    self.wedge.dropped(&held, at_us, &mut self.heard);
                }
            }
        }
        self.hand_on(said);
    }

    fn patience(&self) -> Option<Duration> {
        let deadline = self.wedge.deadline_us()?;
        Some(Duration::from_micros(deadline.saturating_sub(self.last_us)))
    }

    fn quiet(&mut self, said: &mut Vec<Said>) {
        if let Some(deadline) = self.wedge.deadline_us() {
            self.wedge.tick(deadline, &mut self.heard);
        }
        self.hand_on(said);
    }

    fn gone(&mut self, said: &mut Vec<Said>) {
        self.wedge.reset(&mut self.heard);
        self.hand_on(said);
    }

    fn reports(&self, _bytes: &[u8]) -> Vec<Vec<u8>> {
        Vec::new()
    }
}
