//! Scanners in mode HID POS, on `/dev/hidraw*`.

mod find;
#[cfg(test)]
mod kernel;
mod system;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) use find::nodes;
pub use find::{Choice, Node, is_socket};
use tokio::sync::mpsc;
use tracegate_feed::hid::{Assembler, Descriptor, Heard, Layout, Vendor, commands};
use tracing::warn;

use super::Context;
use super::attached::{self, Answers, Decoder, Opened, Port, Reader, Said, Writer};
use crate::core::Feedback;
use crate::logs;

/// Longest report that Linux reads from a device.
const MAX_REPORT: usize = 16 * 1024;

/// One scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which device it is.
    pub choice: Choice,
    /// What it is told: for Honeywell the bytes of its serial commands, for others a whole output report with its id.
    pub answers: Answers,
}

/// Runs until stopped.
pub async fn run(settings: Settings, context: Context, feedback: mpsc::Receiver<Feedback>) {
    let bus = system::System::default();
    attach(bus, settings, context, feedback).await;
}

/// Whether the device that is meant is there and may be opened; it is not used.
///
/// # Errors
/// Why not, for the technician.
pub fn look(choice: &Choice) -> Result<(), String> {
    let nodes = find::nodes(Path::new("/sys"), Path::new("/dev"));
    system::may_open(&find::choose(nodes, choice)?.path)
}

/// As [`run`], with other devices than those of the system.
async fn attach(
    bus: impl Bus,
    settings: Settings,
    context: Context,
    feedback: mpsc::Receiver<Feedback>,
) {
    let port = HidPort {
        bus,
        choice: settings.choice,
        name: context.name.clone(),
    };
    attached::run(port, settings.answers, context, feedback).await;
}

/// Where HID devices are.
trait Bus: Send + Sync + 'static {
    /// Every HID device.
    fn nodes(&self) -> Vec<Node>;
    /// Opens one; an error says what to do.
    fn open(&self, node: &Node) -> Result<Box<dyn Handle>, String>;
}

/// An open HID device.
trait Handle: Send {
    /// Reads a report, with its id if it has one; 0 bytes when none comes in time.
    fn read(&mut self, report: &mut [u8], wait: Duration) -> Result<usize, String>;
    /// Sends an output report, with its id.
    fn write(&mut self, report: &[u8]) -> Result<(), String>;
    /// Sends a feature report, with its id.
    fn feature(&mut self, report: &[u8]) -> Result<(), String>;
}

struct HidPort<B> {
    bus: B,
    choice: Choice,
    name: String,
}

impl<B: Bus> Port for HidPort<B> {
    type Item = Report;

    fn open(&self) -> Result<Opened<Report>, String> {
        let node = find::choose(self.bus.nodes(), &self.choice)?;
        // A handle for each thread: a scanner that takes no answer must not delay its scans. What it sends from now on waits.
        let (reader, mut writer) = (self.bus.open(&node)?, self.bus.open(&node)?);
        let vendor = Vendor::of(node.vendor);
        if let Some(enable) = vendor.enable() {
            let enabled = writer.feature(&enable);
            if let Err(error) = enabled {
                let scanner = &self.name;
                warn!(
                    code = logs::SCANNER_NOT_ENABLED,
                    scanner, error, "The scanner was not enabled; it may stay silent"
                );
            }
        }
        let descriptor = Descriptor::parse(&node.descriptor).unwrap_or_default();
        let layout = Layout::of(&descriptor).unwrap_or(Layout::Usual);
        Ok(Opened {
            reader: Box::new(Reports {
                handle: reader,
                path: node.path.display().to_string(),
                buffer: vec![0; MAX_REPORT],
                since: Instant::now(),
            }),
            writer: Some(Box::new(Output(writer))),
            decoder: Box::new(Codes {
                assembler: Assembler::new(layout, vendor),
                descriptor,
                vendor,
                last_us: 0,
                heard: Vec::new(),
            }),
        })
    }
}

/// A report, and when it was read.
struct Report {
    bytes: Vec<u8>,
    at_us: u64,
}

struct Reports {
    handle: Box<dyn Handle>,
    path: String,
    buffer: Vec<u8>,
    since: Instant,
}

impl Reader<Report> for Reports {
    fn read(&mut self, wait: Duration) -> Result<Option<Report>, String> {
        let read = self.handle.read(&mut self.buffer, wait);
        let count = read.map_err(|error| format!("{} was unplugged: {error}", self.path))?;
        let bytes = self.buffer.get(..count).filter(|bytes| !bytes.is_empty());
        let at_us = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(bytes.map(|bytes| Report {
            bytes: bytes.to_vec(),
            at_us,
        }))
    }
}

struct Output(Box<dyn Handle>);

impl Writer for Output {
    fn write(&mut self, report: &[u8]) -> Result<(), String> {
        self.0.write(report)
    }
}

struct Codes {
    assembler: Assembler,
    descriptor: Descriptor,
    vendor: Vendor,
    last_us: u64,
    heard: Vec<Heard>,
}

impl Codes {
    fn hand_on(&mut self, said: &mut Vec<Said>) {
        said.extend(self.heard.drain(..).map(|heard| match heard {
            Heard::Scan(code) => Said::Scan(code),
            Heard::Status(answer) => Said::Answer(answer),
            Heard::Other(report) => {
                let shown: Vec<String> = report
                    .iter()
                    .take(8)
                    .map(|it| format!("{it:02X}"))
                    .collect();
                let (len, shown) = (report.len(), shown.join(" "));
                Said::Foreign(format!("a report of {len} bytes holds no scan: {shown}"))
            }
            Heard::Lost(why) => Said::Lost(why.to_string()),
        }));
    }
}

impl Decoder<Report> for Codes {
    fn take(&mut self, item: Report, said: &mut Vec<Said>) {
        self.last_us = item.at_us;
        self.assembler
            .push(&item.bytes, item.at_us, &mut self.heard);
        self.hand_on(said);
    }

    fn patience(&self) -> Option<Duration> {
        let deadline = self.assembler.deadline_us()?;
        Some(Duration::from_micros(deadline.saturating_sub(self.last_us)))
    }

    fn quiet(&mut self, said: &mut Vec<Said>) {
        if let Some(deadline) = self.assembler.deadline_us() {
            self.assembler.tick(deadline, &mut self.heard);
        }
        self.hand_on(said);
    }

    fn gone(&mut self, said: &mut Vec<Said>) {
        self.assembler.reset(&mut self.heard);
        self.hand_on(said);
    }

    fn reports(&self, bytes: &[u8]) -> Vec<Vec<u8>> {
        commands(&self.descriptor, self.vendor, bytes)
    }
}
