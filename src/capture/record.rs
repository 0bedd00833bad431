//! Between the pipeline's inputs, which know devices by number, and lines, which know them by name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tracegate_pipeline::input::{DeviceIndex, Extra, Signal, TagData};
use tracegate_pipeline::mark::MarkReport;
use tracegate_pipeline::movement::Wall;
use tracegate_pipeline::pipeline::State;
use tracegate_pipeline::time::Span;
use tracegate_pipeline::{Input, Pipeline, PipelineConfig, Read, ReaderTime, Time};

use super::line::{
    At, Device, Gpi, Header, Line, LineError, Looked, Marked, Memory, Moment, NewConfig, Reads,
    Scan, Snapshot, WallClock, unknown,
};
use super::{FORMAT, line};
use crate::buffer::STATE_VERSION;

/// The first line of a capture that begins now.
#[must_use]
pub fn header(site: &str, start: Time, config: &PipelineConfig) -> Line {
    Line::Capture(Header {
        format: FORMAT,
        tracegate: Some(env!("CARGO_PKG_VERSION").to_owned()),
        site: Some(site.to_owned()),
        start: Some(start.into()),
        ticks: true,
        config: Some(Box::new(config.clone())),
    })
}

/// The line of a state, as [`postcard`] has written it.
pub(super) fn state_line(state: &[u8]) -> Line {
    Line::State(Snapshot {
        version: STATE_VERSION,
        data: STANDARD.encode(state),
    })
}

/// The pipeline that a state line describes.
pub(super) fn pipeline(snapshot: &Snapshot) -> Result<Pipeline, LineError> {
    if snapshot.version != STATE_VERSION {
        return Err(LineError(format!(
            "this state has version {}, and this program knows {STATE_VERSION}; take the line out, and what was open at the beginning is missing",
            snapshot.version
        )));
    }
    let damaged = || {
        LineError(
            "this state is damaged; take the line out, and what was open at the beginning is missing"
                .to_owned(),
        )
    };
    let bytes = STANDARD.decode(&snapshot.data).map_err(|_| damaged())?;
    let state: State = postcard::from_bytes(&bytes).map_err(|_| damaged())?;
    Ok(Pipeline::from_state(state))
}

/// The line of an input under this configuration.
#[must_use]
pub fn line_of(input: &Input, config: &PipelineConfig) -> Line {
    let name = |device: &DeviceIndex| {
        let known = config.devices.get(usize::from(*device));
        known.cloned().unwrap_or_else(|| format!("?{device}"))
    };
    match input {
        Input::Configure(config) => Line::Config(NewConfig {
            config: config.clone(),
        }),
        Input::Start { at } => Line::Start(At { at: (*at).into() }),
        Input::Tick { at } => Line::Tick(At { at: (*at).into() }),
        Input::Device {
            device,
            at,
            up,
            reader_time,
        } => {
            let (time, uptime_us) = split(*reader_time);
            Line::Device(Device {
                device: name(device),
                at: (*at).into(),
                up: *up,
                time,
                uptime_us,
            })
        }
        Input::Reads { device, at, reads } => Line::Reads(Reads {
            device: name(device),
            at: (*at).into(),
            reads: reads
                .iter()
                .map(|read| read_line(read, *at, config))
                .collect(),
        }),
        Input::Gpi {
            device,
            at,
            port,
            high,
            reader_time,
        } => {
            let (time, uptime_us) = split(*reader_time);
            Line::Gpi(Gpi {
                device: name(device),
                at: (*at).into(),
                port: *port,
                high: *high,
                time,
                uptime_us,
            })
        }
        Input::References { at, as_of, records } => Line::References(Looked {
            at: (*at).into(),
            as_of: as_of.map(Into::into),
            records: records.clone(),
        }),
        Input::Wall { at, wall } => Line::Wall(WallClock {
            at: (*at).into(),
            ahead_us: wall.ahead.0,
            synchronised: wall.synchronised,
        }),
        Input::Mark(report) => Line::Mark(Box::new(Marked {
            device: name(&report.device),
            at: report.at.into(),
            mark: report.mark.clone(),
            progress: report.progress,
            answer: report.answer,
        })),
        Input::Scan { device, at, data } => {
            let text = std::str::from_utf8(data).ok().map(str::to_owned);
            let hex = text.is_none().then(|| hex(data));
            Line::Scan(Scan {
                device: name(device),
                at: (*at).into(),
                text,
                hex,
            })
        }
    }
}

fn read_line(read: &Read, at: Time, config: &PipelineConfig) -> line::Read {
    let (time, uptime_us) = split(read.device_time);
    let whole = read.epc.len().saturating_mul(8) == usize::from(read.bit_len);
    let arrived = at.0.saturating_sub(i64::from(read.waited_us));
    let extra = read.extra.as_deref();
    let memory = extra.map_or(&[][..], |extra| &extra.data).iter();
    let memory = memory.map(|data| Memory {
        sensor: match config.sensors.get(usize::from(data.sensor)) {
            Some(sensor) => sensor.name.clone(),
            None => format!("?{}", data.sensor),
        },
        words: data
            .words
            .iter()
            .map(|word| format!("{word:04x}"))
            .collect(),
    });
    line::Read {
        epc: hex(&read.epc),
        bits: (!whole).then_some(read.bit_len),
        antenna: read.antenna,
        pc: read.pc.map(|pc| format!("{pc:04x}")),
        rssi: read.rssi_dbm,
        time,
        uptime_us,
        arrived: (read.waited_us > 0).then_some(Moment(arrived)),
        count: (read.more > 0).then(|| read.more.saturating_add(1)),
        xpc: extra
            .and_then(|extra| extra.xpc_w1)
            .map(|xpc| format!("{xpc:04x}")),
        memory: memory.collect(),
        beacon: extra
            .and_then(|extra| extra.beacon.as_deref())
            .and_then(beacon_line),
        phase: None,
        doppler: None,
    }
}

/// The input of a line under this configuration; `None` for lines that are none.
///
/// # Errors
/// What is wrong with the line.
pub fn input_of(line: Line, config: &PipelineConfig) -> Result<Option<Input>, LineError> {
    let index = |name: &str| {
        let found = config.devices.iter().position(|device| device == name);
        let index = found.and_then(|found| DeviceIndex::try_from(found).ok());
        index.ok_or_else(|| unknown("device", name, config.devices.iter().map(String::as_str)))
    };
    Ok(Some(match line {
        Line::Config(line) => Input::Configure(line.config),
        Line::Start(line) => Input::Start { at: line.at.into() },
        Line::Tick(line) => Input::Tick { at: line.at.into() },
        Line::Device(line) => Input::Device {
            device: index(&line.device)?,
            at: line.at.into(),
            up: line.up,
            reader_time: join(line.time, line.uptime_us)?,
        },
        Line::Reads(line) => {
            let at = line.at.into();
            let reads = line.reads.into_iter();
            Input::Reads {
                device: index(&line.device)?,
                at,
                reads: reads
                    .map(|read| read_of(read, at, config))
                    .collect::<Result<_, _>>()?,
            }
        }
        Line::Gpi(line) => Input::Gpi {
            device: index(&line.device)?,
            at: line.at.into(),
            port: line.port,
            high: line.high,
            reader_time: join(line.time, line.uptime_us)?,
        },
        Line::References(line) => Input::References {
            at: line.at.into(),
            as_of: line.as_of.map(Into::into),
            records: line.records,
        },
        Line::Wall(line) => Input::Wall {
            at: line.at.into(),
            wall: Wall {
                ahead: Span(line.ahead_us),
                synchronised: line.synchronised,
            },
        },
        Line::Mark(line) => Input::Mark(Box::new(MarkReport {
            device: index(&line.device)?,
            at: line.at.into(),
            mark: line.mark,
            progress: line.progress,
            answer: line.answer,
        })),
        Line::Scan(line) => Input::Scan {
            device: index(&line.device)?,
            at: line.at.into(),
            data: match (line.text, line.hex) {
                (Some(text), None) => text.into_bytes(),
                (None, Some(hex)) => bytes(&hex, "hex")?,
                _ => return Err(LineError("give one of `text` and `hex`".to_owned())),
            },
        },
        Line::Capture(_) | Line::State(_) | Line::Gap(_) => return Ok(None),
    }))
}

fn read_of(read: line::Read, at: Time, config: &PipelineConfig) -> Result<Read, LineError> {
    let epc = bytes(&read.epc, "epc")?;
    let most = u16::try_from(epc.len().saturating_mul(8))
        .map_err(|_| LineError("`epc` is longer than the memory of any tag".to_owned()))?;
    let bit_len = read.bits.unwrap_or(most);
    if bit_len > most {
        return Err(LineError(format!(
            "`bits` is {bit_len}, and `epc` has {most}"
        )));
    }
    let waited = read
        .arrived
        .map_or(0, |arrived| at.0.saturating_sub(arrived.0));
    let waited_us = u32::try_from(waited)
        .map_err(|_| LineError("`arrived` is after `at`, or over an hour before it".to_owned()))?;
    let more = match read.count {
        Some(0) => return Err(LineError("`count` is at least 1".to_owned())),
        count => count.map_or(0, |count| count - 1),
    };
    let word = |name: &str, text: Option<String>| {
        let Some(text) = text else { return Ok(None) };
        match bytes(&text, name)?.as_slice() {
            [high, low] => Ok(Some(u16::from_be_bytes([*high, *low]))),
            _ => Err(LineError(format!("`{name}` has four hexadecimal digits"))),
        }
    };
    let xpc_w1 = word("xpc", read.xpc)?;
    let data = read.memory.iter().map(|memory| {
        let names = config.sensors.iter().map(|sensor| sensor.name.as_str());
        let found = names.clone().position(|name| name == memory.sensor);
        let sensor = found.and_then(|found| u16::try_from(found).ok());
        let words = bytes(&memory.words, "words")?;
        Ok(TagData {
            sensor: sensor.ok_or_else(|| unknown("sensor", &memory.sensor, names))?,
            words: words
                .chunks(2)
                .map(|word| word.iter().fold(0, |sum, byte| sum << 8 | u16::from(*byte)))
                .collect(),
        })
    });
    let data: Vec<TagData> = data.collect::<Result<_, LineError>>()?;
    let beacon = read.beacon.map(beacon_of).transpose()?.map(Box::new);
    let extra = xpc_w1.is_some() || !data.is_empty() || beacon.is_some();
    Ok(Read {
        bit_len,
        pc: word("pc", read.pc)?,
        antenna: read.antenna,
        rssi_dbm: read.rssi,
        device_time: join(read.time, read.uptime_us)?,
        waited_us,
        more,
        extra: extra.then(|| {
            Box::new(Extra {
                xpc_w1,
                data,
                beacon,
            })
        }),
        epc,
    })
}

/// What a beacon said, without what it did not.
fn beacon_line(signal: &Signal) -> Option<Value> {
    let mut value = serde_json::to_value(signal).ok()?;
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, field| !field.is_null());
    }
    Some(value)
}

fn beacon_of(value: Value) -> Result<Signal, LineError> {
    serde_json::from_value(value).map_err(|error| LineError(format!("`beacon`: {error}")))
}

fn split(time: Option<ReaderTime>) -> (Option<Moment>, Option<u64>) {
    match time {
        // The pipeline takes what is larger for the largest.
        Some(ReaderTime::Utc(_)) => (time.map(|time| Moment(time.micros())), None),
        Some(ReaderTime::Uptime(us)) => (None, Some(us)),
        None => (None, None),
    }
}

fn join(time: Option<Moment>, uptime_us: Option<u64>) -> Result<Option<ReaderTime>, LineError> {
    Ok(match (time, uptime_us) {
        (Some(_), Some(_)) => {
            return Err(LineError("give one of `time` and `uptime_us`".to_owned()));
        }
        (Some(Moment(us)), None) => {
            let us =
                u64::try_from(us).map_err(|_| LineError("`time` is before 1970".to_owned()))?;
            Some(ReaderTime::Utc(us))
        }
        (None, uptime_us) => uptime_us.map(ReaderTime::Uptime),
    })
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS.get(usize::from(half)).copied().unwrap_or(b'?'));
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}

fn bytes(text: &str, key: &str) -> Result<Vec<u8>, LineError> {
    let shown: String = text.chars().take(40).collect();
    from_hex(text).ok_or_else(|| {
        LineError(format!(
            "`{key}` has an even number of hexadecimal digits, and not {shown:?}"
        ))
    })
}

/// The bytes of an even number of hexadecimal digits.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|it| u8::try_from(it).ok())
    };
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    pairs.map(byte).collect()
}
