//! A capture through the pipeline that the gateway runs.
//!
//! A capture of a gateway holds every input with its ticks, and what was open at its beginning: under the configuration
//! it was made with it gives the events that the gateway made, byte for byte. Under another one, and for files written by
//! hand, the replay makes ticks as the gateway would, and goes on after the last line until nothing is open.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use tracegate_pipeline::input::DeviceIndex;
use tracegate_pipeline::{Input, Output, Pipeline, PipelineConfig, Time};

use super::file::{CaptureError, Lines};
use super::line::{Gap, Header, Line, LineError};
use super::record;

/// Loads that are still open are decided, but nobody waits for more than this after the last line.
const AFTERMATH_US: i64 = 3_600_000_000;

/// How to replay.
#[derive(Debug, Default)]
pub struct Options {
    /// Instead of the configuration in the file.
    pub config: Option<PipelineConfig>,
    /// Leave out lines that are none.
    pub skip_bad: bool,
    /// As many times as fast as it was; as fast as possible without.
    pub speed: Option<f64>,
    /// Decide what is still open at the end.
    pub run_on: bool,
    /// Told of how much of the file has been read, in percent, whenever that changes.
    pub progress: Option<fn(u64)>,
}

/// What was in a capture.
#[derive(Debug)]
pub struct Played {
    /// Its first line.
    pub header: Header,
    /// Inputs that the pipeline took, without ticks.
    pub inputs: u64,
    /// Lines left out.
    pub skipped: u64,
    /// What the capture lacks.
    pub gap: Gap,
    /// Whether what was open when it began is in it.
    pub has_state: bool,
    /// The pipeline at its end.
    pub pipeline: Pipeline,
}

/// Is told of every input and of what came of it.
pub type Sink<'a> = &'a mut dyn FnMut(&Input, Vec<Output>);

/// The configuration in a capture, if it has one.
///
/// # Errors
/// The file cannot be read, or does not begin with a header, or is none.
pub fn config(path: &Path) -> Result<Option<PipelineConfig>, CaptureError> {
    let header = header(&mut Lines::look(path)?)?;
    Ok(header.config.map(|config| *config))
}

/// The pipeline as it was when a capture began, if the capture says so.
///
/// # Errors
/// The file cannot be read, does not begin with a header, or its state is damaged or another version's.
pub fn state(path: &Path) -> Result<Option<Pipeline>, CaptureError> {
    let mut lines = Lines::look(path)?;
    header(&mut lines)?;
    match lines.next_line()? {
        Some(Line::State(snapshot)) => match record::pipeline(&snapshot) {
            Ok(pipeline) => Ok(Some(pipeline)),
            Err(error) => Err(lines.refuse(error)),
        },
        _ => Ok(None),
    }
}

fn header(lines: &mut Lines) -> Result<Header, CaptureError> {
    match lines.next_line()? {
        Some(Line::Capture(header)) => Ok(header),
        _ => Err(lines.refuse(LineError(
            "a capture begins with its header: {\"type\": \"capture\", \"format\": 1}".to_owned(),
        ))),
    }
}

/// Replays the capture in `path`.
///
/// # Errors
/// The file cannot be read, has no configuration, or, unless bad lines are to be left out, has one.
pub fn play(path: &Path, options: &Options, sink: Sink<'_>) -> Result<Played, CaptureError> {
    Capture::of(Lines::open(path)?)?.play(options, sink)
}

/// A capture whose header has been read.
#[derive(Debug)]
pub struct Capture {
    header: Header,
    lines: Lines,
}

impl Capture {
    /// Reads the header.
    ///
    /// # Errors
    /// The file cannot be read, or does not begin with one.
    pub fn of(mut lines: Lines) -> Result<Self, CaptureError> {
        let header = header(&mut lines)?;
        Ok(Self { header, lines })
    }

    /// The configuration in it, if it has one.
    #[must_use]
    pub fn config(&self) -> Option<&PipelineConfig> {
        self.header.config.as_deref()
    }

    /// Replays it.
    ///
    /// # Errors
    /// As [`play`].
    pub fn play(self, options: &Options, sink: Sink<'_>) -> Result<Played, CaptureError> {
        let Self { header, lines } = self;
        play_rest(header, lines, options, sink)
    }
}

fn play_rest(
    header: Header,
    mut lines: Lines,
    options: &Options,
    sink: Sink<'_>,
) -> Result<Played, CaptureError> {
    let given = options.config.clone();
    let Some(config) = given.or_else(|| header.config.as_deref().cloned()) else {
        return Err(lines.no_config());
    };
    let mut player = Player {
        makes_ticks: !header.ticks || options.config.is_some(),
        is_forced: options.config.is_some(),
        config: Some(config),
        pipeline: Pipeline::default(),
        start: header.start.map(Time::from),
        is_first: true,
        has_state: false,
        heard: BTreeSet::new(),
        inputs: 0,
        gap: Gap::default(),
        pace: options.speed.map(|speed| Pace { speed, begun: None }),
    };
    let (mut skipped, mut percent) = (0, 0);
    loop {
        let refused = match lines.next_line() {
            Ok(None) => break,
            Ok(Some(line)) => player.take(line, sink).map_err(|error| lines.refuse(error)),
            Err(error) => Err(error),
        };
        match refused {
            Ok(()) => {}
            Err(CaptureError::Cut { .. }) if options.skip_bad => {
                skipped += 1;
                break;
            }
            Err(CaptureError::Line { .. }) if options.skip_bad => skipped += 1,
            Err(error) => return Err(error),
        }
        if let Some(tell) = options.progress
            && lines.percent() > percent
        {
            percent = lines.percent();
            tell(percent);
        }
    }
    player.begin(None, sink);
    if options.run_on || !header.ticks {
        player.run_on(sink);
    }
    Ok(Played {
        header,
        inputs: player.inputs,
        skipped,
        gap: player.gap,
        has_state: player.has_state,
        pipeline: player.pipeline,
    })
}

/// As many times as fast as it was, counted from the first moment, so that what takes time here does not add up.
struct Pace {
    speed: f64,
    begun: Option<(Time, Instant)>,
}

impl Pace {
    #[expect(
        clippy::cast_precision_loss,
        reason = "captures are far below 2^53 µs, and nothing is decided by pauses"
    )]
    fn wait_for(&mut self, at: Time) {
        let (first, begun) = *self.begun.get_or_insert_with(|| (at, Instant::now()));
        let seconds = at.micros_since(first) as f64 / 1e6 / self.speed;
        if let Ok(due) = Duration::try_from_secs_f64(seconds) {
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
        }
    }
}

struct Player {
    pipeline: Pipeline,
    config: Option<PipelineConfig>,
    is_forced: bool,
    makes_ticks: bool,
    start: Option<Time>,
    is_first: bool,
    has_state: bool,
    heard: BTreeSet<DeviceIndex>,
    inputs: u64,
    gap: Gap,
    pace: Option<Pace>,
}

impl Player {
    fn take(&mut self, line: Line, sink: Sink<'_>) -> Result<(), LineError> {
        match line {
            Line::Capture(_) => {
                return Err(LineError(
                    "a second header; one capture at a time".to_owned(),
                ));
            }
            Line::State(snapshot) if self.is_first => {
                self.pipeline = record::pipeline(&snapshot)?;
                self.has_state = true;
                self.is_first = false;
                if self.is_forced
                    && let Some(config) = self.config.take()
                {
                    self.feed(Input::Configure(Box::new(config)), sink);
                }
                return Ok(());
            }
            Line::State(_) => {
                return Err(LineError("a state can only be the second line".to_owned()));
            }
            Line::Config(_) if self.is_forced => return Ok(()),
            Line::Gap(gap) => {
                self.gap.inputs = self.gap.inputs.saturating_add(gap.inputs);
                self.gap.reads = self.gap.reads.saturating_add(gap.reads);
                return Ok(());
            }
            _ => {}
        }
        self.begin(at(&line), sink);
        if let Some(input) = record::input_of(line, self.pipeline.config())? {
            self.inputs += u64::from(!matches!(input, Input::Tick { .. }));
            if let Some(at) = input.at() {
                self.tick_until(at, sink);
            }
            self.connect(&input, sink);
            self.feed(input, sink);
        }
        Ok(())
    }

    /// What a gateway does when it starts.
    fn begin(&mut self, first: Option<Time>, sink: Sink<'_>) {
        self.is_first = false;
        let Some(config) = self.config.take() else {
            return;
        };
        if self.has_state {
            return;
        }
        self.feed(Input::Configure(Box::new(config)), sink);
        if let Some(at) = self.start.or(first) {
            self.feed(Input::Start { at }, sink);
        }
    }

    /// Who reports is connected.
    fn connect(&mut self, input: &Input, sink: Sink<'_>) {
        match input {
            Input::Start { .. } => self.heard.clear(),
            Input::Device { device, .. } => {
                self.heard.insert(*device);
            }
            Input::Reads { device, at, .. }
            | Input::Gpi { device, at, .. }
            | Input::Scan { device, at, .. }
                if !self.has_state && self.heard.insert(*device) =>
            {
                let connected = Input::Device {
                    device: *device,
                    at: *at,
                    up: true,
                    reader_time: None,
                };
                self.feed(connected, sink);
            }
            _ => {}
        }
    }

    fn tick_until(&mut self, until: Time, sink: Sink<'_>) {
        while self.makes_ticks
            && let Some(at) = self.pipeline.next_tick().filter(|at| *at <= until)
        {
            self.feed(Input::Tick { at }, sink);
        }
    }

    fn run_on(&mut self, sink: Sink<'_>) {
        self.makes_ticks = true;
        let end = Time(self.pipeline.now().0.saturating_add(AFTERMATH_US));
        self.tick_until(end, sink);
    }

    fn feed(&mut self, input: Input, sink: Sink<'_>) {
        if let (Some(pace), Some(at)) = (&mut self.pace, input.at()) {
            pace.wait_for(at);
        }
        let outputs = self.pipeline.handle(input.clone());
        sink(&input, outputs);
    }
}

fn at(line: &Line) -> Option<Time> {
    let at = match line {
        Line::Start(it) | Line::Tick(it) => it.at,
        Line::Device(it) => it.at,
        Line::Reads(it) => it.at,
        Line::Gpi(it) => it.at,
        Line::Scan(it) => it.at,
        Line::Mark(it) => it.at,
        Line::Wall(it) => it.at,
        Line::References(it) => it.at,
        Line::Capture(_) | Line::State(_) | Line::Config(_) | Line::Gap(_) => return None,
    };
    Some(at.into())
}
