//! The compact form of inputs, as journals hold them: some 10 bytes for a read.
//!
//! A stream of inputs, one behind the other; it is appended to, and its parts read back together. Numbers are LEB128
//! varints, differences zigzag ones. An input begins with its kind:
//! - 0: any input, as length and postcard bytes;
//! - 1: reads: device, `at` minus the `at` before it in the stream, count, reads;
//! - 2: a tick: the same difference.
//!
//! A read begins with a byte of flags that say what follows; what does not follow is as in the device's read before. A tag
//! (bits, protocol control word, memory) is written out once in a stream and is a number from then on, so a stream stands
//! for itself: one that is lost takes no other with it.
//!
//! The decoder believes nothing: it is given bytes that passed a check sum, but a check sum is no proof.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use crate::input::{DeviceIndex, Extra, Input, Read, ReaderTime};
use crate::time::Time;

/// Tags in the dictionary of a stream at most; further ones are written out each time.
const MAX_TAGS: usize = 16_384;
/// Longer memory is written out each time: 496 bits are the most that Gen2 can announce (EPC Gen2 §6.3.2.1.2.2).
const MAX_TAG_BYTES: usize = 62;

const OTHER: u8 = 0;
const READS: u8 = 1;
const TICK: u8 = 2;

/// The tag is written out; otherwise its number follows.
const NEW_TAG: u8 = 1;
const ANTENNA: u8 = 1 << 1;
/// Otherwise it has none.
const RSSI: u8 = 1 << 2;
/// Otherwise it has none.
const DEVICE_TIME: u8 = 1 << 3;
/// The device time counts from the reader's start; otherwise from the epoch.
const UPTIME: u8 = 1 << 4;
const WAITED: u8 = 1 << 5;
/// Otherwise 0.
const MORE: u8 = 1 << 6;
/// Otherwise it has none.
const EXTRA: u8 = 1 << 7;

/// Why a stream cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} of the journal row: {what}")]
pub struct JournalError {
    /// How far it could be read.
    pub offset: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// What both sides remember within a stream.
#[derive(Debug, Clone, Default)]
struct Context {
    at: i64,
    devices: BTreeMap<DeviceIndex, Before>,
}

/// Of the read before of the same device.
#[derive(Debug, Clone, Copy, Default)]
struct Before {
    antenna: u16,
    time_us: u64,
    waited_us: u32,
}

/// A stream being written.
#[derive(Debug, Clone, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
    context: Context,
    // By their bytes in the stream. Only looked up, never iterated.
    tags: HashMap<Box<[u8]>, u64>,
    scratch: Vec<u8>,
}

impl Encoder {
    /// What was written, as a row.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What was written so far.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// True when nothing was written yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Appends inputs: all or none of them.
    ///
    /// # Errors
    /// postcard cannot encode one of them.
    pub fn append(&mut self, inputs: &[Input]) -> Result<(), postcard::Error> {
        let before = (self.bytes.len(), self.tags.len() as u64);
        let context = self.context.clone();
        let done = inputs.iter().try_for_each(|input| self.push(input));
        if done.is_err() {
            self.bytes.truncate(before.0);
            self.tags.retain(|_, number| *number < before.1);
            self.context = context;
        }
        done
    }

    fn push(&mut self, input: &Input) -> Result<(), postcard::Error> {
        match input {
            Input::Reads { device, at, reads } => {
                self.bytes.push(READS);
                put(&mut self.bytes, u64::from(*device));
                self.put_at(*at);
                put(&mut self.bytes, reads.len() as u64);
                for read in reads {
                    self.put_read(*device, read)?;
                }
            }
            Input::Tick { at } => {
                self.bytes.push(TICK);
                self.put_at(*at);
            }
            other => {
                self.bytes.push(OTHER);
                put_sized(&mut self.bytes, &postcard::to_stdvec(other)?);
            }
        }
        Ok(())
    }

    fn put_at(&mut self, at: Time) {
        let before = std::mem::replace(&mut self.context.at, at.0);
        put(&mut self.bytes, zigzag(at.0.wrapping_sub(before)));
    }

    fn put_read(&mut self, device: DeviceIndex, read: &Read) -> Result<(), postcard::Error> {
        let Read {
            epc,
            bit_len,
            pc,
            antenna,
            rssi_dbm,
            device_time,
            waited_us,
            more,
            extra,
        } = read;
        let before = self.context.devices.entry(device).or_default();
        let flags_at = self.bytes.len();
        let (mut flags, out) = (0, &mut self.bytes);
        out.push(0);
        self.scratch.clear();
        put(&mut self.scratch, u64::from(*bit_len));
        put(&mut self.scratch, pc.map_or(0, |pc| u64::from(pc) + 1));
        put_sized(&mut self.scratch, epc);
        if let Some(number) = self.tags.get(self.scratch.as_slice()) {
            put(out, *number);
        } else {
            flags |= NEW_TAG;
            out.extend_from_slice(&self.scratch);
            if epc.len() <= MAX_TAG_BYTES && self.tags.len() < MAX_TAGS {
                let number = self.tags.len() as u64;
                self.tags.insert(self.scratch.as_slice().into(), number);
            }
        }
        if *antenna != before.antenna {
            flags |= ANTENNA;
            put(out, u64::from(*antenna));
            before.antenna = *antenna;
        }
        if let Some(rssi) = rssi_dbm {
            flags |= RSSI;
            out.extend_from_slice(&rssi.to_le_bytes());
        }
        if let Some(time) = device_time {
            flags |= DEVICE_TIME;
            let us = match *time {
                ReaderTime::Utc(us) => us,
                ReaderTime::Uptime(us) => {
                    flags |= UPTIME;
                    us
                }
            };
            let since = us.wrapping_sub(before.time_us).cast_signed();
            put(out, zigzag(since));
            before.time_us = us;
        }
        if *waited_us != before.waited_us {
            flags |= WAITED;
            put(out, u64::from(*waited_us));
            before.waited_us = *waited_us;
        }
        if *more != 0 {
            flags |= MORE;
            put(out, u64::from(*more));
        }
        if let Some(extra) = extra {
            flags |= EXTRA;
            put_sized(out, &postcard::to_stdvec(extra)?);
        }
        if let Some(place) = self.bytes.get_mut(flags_at) {
            *place = flags;
        }
        Ok(())
    }
}

/// A stream of these inputs.
///
/// # Errors
/// As [`Encoder::append`].
pub fn encode(inputs: &[Input]) -> Result<Vec<u8>, postcard::Error> {
    let mut encoder = Encoder::default();
    encoder.append(inputs)?;
    Ok(encoder.bytes)
}

/// The inputs of a whole stream.
///
/// # Errors
/// It is not what an [`Encoder`] wrote; nothing of it is used.
pub fn decode(bytes: &[u8]) -> Result<Vec<Input>, JournalError> {
    let mut decoder = Decoder {
        rest: bytes,
        context: Context::default(),
        tags: Vec::new(),
    };
    let mut inputs = Vec::new();
    while !decoder.rest.is_empty() {
        let input = decoder.input();
        inputs.push(input.map_err(|what| JournalError {
            offset: bytes.len() - decoder.rest.len(),
            what,
        })?);
    }
    Ok(inputs)
}

type Decoded<T> = Result<T, &'static str>;

#[derive(Debug)]
struct Decoder<'a> {
    rest: &'a [u8],
    context: Context,
    tags: Vec<Tag<'a>>,
}

#[derive(Debug, Clone, Copy)]
struct Tag<'a> {
    bit_len: u16,
    pc: Option<u16>,
    epc: &'a [u8],
}

impl<'a> Decoder<'a> {
    fn input(&mut self) -> Decoded<Input> {
        match self.byte()? {
            OTHER => postcard::from_bytes(self.sized()?).map_err(|_| "not an input"),
            READS => {
                let device = self.number("no such device")?;
                let at = self.at()?;
                let count: usize = self.number("more reads than fit in memory")?;
                // A read has its flags and its tag at least.
                if count > self.rest.len() / 2 {
                    return Err("more reads than bytes");
                }
                let mut reads = Vec::with_capacity(count);
                for _ in 0..count {
                    reads.push(self.read(device)?);
                }
                Ok(Input::Reads { device, at, reads })
            }
            TICK => Ok(Input::Tick { at: self.at()? }),
            _ => Err("no such kind of input"),
        }
    }

    fn at(&mut self) -> Decoded<Time> {
        let since = unzigzag(self.varint()?);
        self.context.at = self.context.at.wrapping_add(since);
        Ok(Time(self.context.at))
    }

    fn read(&mut self, device: DeviceIndex) -> Decoded<Read> {
        let flags = self.byte()?;
        let tag = self.tag(flags & NEW_TAG != 0)?;
        let mut before = self
            .context
            .devices
            .get(&device)
            .copied()
            .unwrap_or_default();
        if flags & ANTENNA != 0 {
            before.antenna = self.number("no such antenna")?;
        }
        let rssi_dbm = match flags & RSSI {
            0 => None,
            _ => Some(self.byte()?.cast_signed()),
        };
        let device_time = if flags & DEVICE_TIME == 0 {
            None
        } else {
            let since = unzigzag(self.varint()?).cast_unsigned();
            before.time_us = before.time_us.wrapping_add(since);
            Some(match flags & UPTIME {
                0 => ReaderTime::Utc(before.time_us),
                _ => ReaderTime::Uptime(before.time_us),
            })
        };
        if flags & WAITED != 0 {
            before.waited_us = self.number("waited for hours")?;
        }
        let more = match flags & MORE {
            0 => 0,
            _ => self.number("too many reads in one")?,
        };
        let extra: Option<Box<Extra>> = match flags & EXTRA {
            0 => None,
            _ => Some(postcard::from_bytes(self.sized()?).map_err(|_| "not a tag's memory")?),
        };
        self.context.devices.insert(device, before);
        Ok(Read {
            epc: tag.epc.to_vec(),
            bit_len: tag.bit_len,
            pc: tag.pc,
            antenna: before.antenna,
            rssi_dbm,
            device_time,
            waited_us: before.waited_us,
            more,
            extra,
        })
    }

    fn tag(&mut self, is_new: bool) -> Decoded<Tag<'a>> {
        if !is_new {
            let number: usize = self.number("no such tag")?;
            return self.tags.get(number).copied().ok_or("no such tag");
        }
        let bit_len = self.number("more bits than a tag can have")?;
        let pc = match self.varint()?.checked_sub(1) {
            None => None,
            Some(pc) => Some(u16::try_from(pc).map_err(|_| "not a protocol control word")?),
        };
        let epc = self.sized()?;
        let tag = Tag { bit_len, pc, epc };
        if epc.len() <= MAX_TAG_BYTES && self.tags.len() < MAX_TAGS {
            self.tags.push(tag);
        }
        Ok(tag)
    }

    fn byte(&mut self) -> Decoded<u8> {
        let (byte, rest) = self.rest.split_first().ok_or("it ends there")?;
        self.rest = rest;
        Ok(*byte)
    }

    fn varint(&mut self) -> Decoded<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a number of more than 64 bits")
    }

    fn number<T: TryFrom<u64>>(&mut self, what: &'static str) -> Decoded<T> {
        T::try_from(self.varint()?).map_err(|_| what)
    }

    fn sized(&mut self) -> Decoded<&'a [u8]> {
        let len = self.number("longer than memory")?;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or("it ends there")?;
        self.rest = rest;
        Ok(bytes)
    }
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn put_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}
