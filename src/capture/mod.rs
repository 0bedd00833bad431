//! Captures: what went into the pipeline, as lines of JSON, and the same pipeline run over them again.
//!
//! A capture is text, a JSON object per line, perhaps compressed with gzip; whoever wants to try something writes one by
//! hand. The first line is the header, the order of the others is the order in which the pipeline took them. Names stand
//! for devices and sensors, never numbers. Times are RFC 3339 with up to microseconds, or whole microseconds since 1970.
//! A key that is not named here is refused; what is in brackets may be left out.
//!
//! | `type` | other keys |
//! |---|---|
//! | `capture` | `format`: 1. [`tracegate`]: version that wrote it. [`site`]. [`start`]: when it begins. [`ticks`]: true if all ticks are in it; else the replay makes them. [`config`]: the pipeline's configuration, as a gateway writes it; without it the replay needs `--config` |
//! | `state` | `version`, `data`: what was open when the capture began, in the gateway's own form (base64); only as the second line |
//! | `config` | `config`: from here on another configuration |
//! | `start` | `at`: the gateway was started; no device is connected |
//! | `device` | `device`, `at`, [`up`]: connected (default) or lost. [`time` or `uptime_us`]: the reader's clock at that moment |
//! | `reads` | `device`, `at`: when the newest arrived. `reads`: a list, each as below |
//! | `read` | `device`, `at`, and the keys of one read |
//! | `gpi` | `device`, `at`, `port`, `high`, [`time` or `uptime_us`] |
//! | `scan` | `device`, `at`, `text`, or `hex` for what is not text |
//! | `tick` | `at`: time passed |
//! | `gap` | `inputs`, [`reads`]: so many are missing here, because the capture could not keep up |
//!
//! A read: `epc` (hexadecimal), `antenna` (from 1), [`rssi`] (dBm), [`pc`] (four hexadecimal digits), [`time`]: when the
//! reader saw it by its clock, or [`uptime_us`]: since the reader was started; without both it was seen when it arrived,
//! [`arrived`] (default: `at`), [`count`]: sightings it stands for (1), [`bits`] of `epc` that count (all), [`xpc`],
//! [`memory`]: a list of `sensor` and `words` (hexadecimal). [`phase`] and [`doppler`] are taken and not used.
//!
//! In a file without `state` a device is connected with its first line, if no `device` line said so before.

pub mod diff;
pub mod file;
pub mod line;
mod moment;
mod record;
pub mod replay;
pub mod tap;
#[cfg(test)]
mod tests;
pub mod witness;

pub use file::{CaptureError, Lines};
pub use line::{Header, Line, LineError};
pub(crate) use record::hex;
pub use record::{header, input_of, line_of};
pub use replay::{Options, Played, config, play};

/// Version of the format.
pub const FORMAT: u32 = 1;
