//! The walk itself: lines of the running gateway on one side, a person with a keyboard on the other.

use std::io::BufRead;

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, sleep_until};
use tracegate_pipeline::config::Direction;
use tracegate_pipeline::{Input, PipelineConfig, Time};

use super::{Arguments, Trouble, Walked};
use crate::capture::{Line, input_of};
use crate::control::Request;
use crate::control::client::{Client, ControlError};
use crate::survey::Pass;

/// Reads kept at most; beyond, the walk ends.
const MOST_READS: usize = 1_000_000;
/// After the last pass the readers' reports are waited for.
const REST: Duration = Duration::from_secs(3);
/// Keys that wait.
const KEYS: usize = 16;

enum Key {
    Passed(Direction),
    Undo,
    End,
    Other,
}

struct Walking {
    config: PipelineConfig,
    inputs: Vec<Input>,
    reads: usize,
    passes: Vec<Pass>,
    since: Time,
}

/// Until the person says that it is enough.
pub(super) async fn walk(arguments: &Arguments) -> anyhow::Result<Result<Walked, Trouble>> {
    let begun = async {
        let mut client = arguments.gateway.connect().await?;
        client.ask(&Request::new("capture")).await?;
        let header = client.line().await?;
        Ok::<_, Trouble>((client, header.unwrap_or_default()))
    };
    let (mut client, header) = match begun.await {
        Ok(begun) => begun,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let Ok(Line::Capture(header)) = Line::parse(&header) else {
        anyhow::bail!("the gateway stopped");
    };
    let config = header
        .config
        .context("the gateway tells no configuration")?;
    // Nobody should walk for nothing.
    crate::survey::gate(&config, &arguments.read_point)?;
    let mut walking = Walking {
        config: *config,
        inputs: Vec::new(),
        reads: 0,
        passes: Vec::new(),
        since: now(),
    };
    let name = &arguments.read_point;
    if !arguments.clear.is_zero() {
        remark!(
            "Stand clear of {name} for {} s: what is read now stands about.",
            arguments.clear.as_secs()
        );
        let end = Instant::now() + arguments.clear;
        if let Err(trouble) = walking.listen(&mut client, end).await {
            return Ok(Err(trouble));
        }
        remark!("{} reads.", walking.reads);
    }
    walking.since = now();
    remark!(
        "Take goods through. After each pass: i Enter if they went in, o Enter if they went out; u Enter takes the last one back, q Enter ends it."
    );
    let mut keys = keyboard();
    loop {
        let key = tokio::select! {
            line = client.line() => {
                match walking.take(line) {
                    Ok(true) => continue,
                    Ok(false) => {
                        remark!("that is enough: {MOST_READS} reads");
                        break;
                    }
                    Err(trouble) => return Ok(Err(trouble)),
                }
            }
            key = keys.recv() => key.unwrap_or(Key::End),
        };
        match key {
            Key::Passed(direction) => walking.passed(direction),
            Key::Undo => match walking.passes.pop() {
                Some(pass) => walking.since = pass.from,
                None => remark!("nothing to take back"),
            },
            Key::End => break,
            Key::Other => remark!("i, o, u or q, please"),
        }
    }
    let end = Instant::now() + REST;
    if let Err(trouble) = walking.listen(&mut client, end).await {
        return Ok(Err(trouble));
    }
    Ok(Ok(Walked {
        config: walking.config,
        // It begins with nothing on its way.
        begun: None,
        inputs: walking.inputs,
        passes: walking.passes,
    }))
}

impl Walking {
    async fn listen(&mut self, client: &mut Client, end: Instant) -> Result<(), Trouble> {
        loop {
            tokio::select! {
                line = client.line() => if !self.take(line)? {
                    return Ok(());
                },
                () = sleep_until(end) => return Ok(()),
            }
        }
    }

    /// False when it is enough.
    fn take(&mut self, line: Result<Option<String>, ControlError>) -> Result<bool, Trouble> {
        let Some(line) = line? else {
            let gone = "it stopped meanwhile".to_owned();
            return Err(ControlError::Refused(gone).into());
        };
        // What is no input says nothing about antennas.
        let line = Line::parse(&line).ok();
        let input = line
            .and_then(|line| input_of(line, &self.config).ok())
            .flatten();
        match input {
            Some(Input::Configure(config)) => self.config = *config,
            Some(Input::Tick { .. }) | None => {}
            Some(input) => {
                if let Input::Reads { reads, .. } = &input {
                    self.reads += reads.len();
                }
                self.inputs.push(input);
            }
        }
        Ok(self.reads < MOST_READS)
    }

    fn passed(&mut self, direction: Direction) {
        let (from, to) = (self.since, now());
        self.passes.push(Pass {
            from,
            to,
            direction,
        });
        self.since = to;
        remark!(
            "pass {}: {} ({} reads so far)",
            self.passes.len(),
            direction.as_str(),
            self.reads
        );
    }
}

/// The gateway is on the same machine, so this is its time.
fn now() -> Time {
    Time(Timestamp::now().as_microsecond())
}

/// A thread, because nobody can be asked to stop waiting for a keyboard.
fn keyboard() -> mpsc::Receiver<Key> {
    let (out, keys) = mpsc::channel(KEYS);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let key = match line.trim() {
                "" => continue,
                "i" | "in" => Key::Passed(Direction::In),
                "o" | "out" => Key::Passed(Direction::Out),
                "u" => Key::Undo,
                "q" => Key::End,
                _ => Key::Other,
            };
            if out.blocking_send(key).is_err() {
                return;
            }
        }
    });
    keys
}
