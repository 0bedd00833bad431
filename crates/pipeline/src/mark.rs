//! Marks of laser markers: what a feed tells of them, and which of them were told before.
//!
//! A feed may tell a mark again: a log file is read again after a crash, a marker repeats its buffer when it is connected anew.
//! A mark is the same by its [`MarkId`]; how far a file was read is part of the state, so that it is committed with the events
//! that came of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use tracegate_feed::marker::Grade;
use tracegate_feed::marker::grade::Level;

use crate::config::{StationScanner, Step};
use crate::input::DeviceIndex;
use crate::time::Time;

/// Marks of one feed that have begun and not ended, at most; beyond, the oldest ends as unknown.
pub const MAX_BEGUN: usize = 64;
/// Ids of a device's own that are remembered, per feed; beyond, the oldest is forgotten.
pub const MAX_OWN_IDS: usize = 4_096;
/// Files of a folder that are remembered, per feed; beyond, the oldest is forgotten.
pub const MAX_FILES: usize = 4_096;
/// Marks told beyond where a log is read again from, per feed; beyond, the first is forgotten.
pub const MAX_TOLD: usize = 4_096;
/// Feeds that the configuration does not name any more and whose places are kept.
pub const MAX_FORMER: usize = 64;

/// The markers of a station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkStation {
    /// Its markers.
    pub markers: Vec<StationMarker>,
    /// The event of a mark.
    pub step: Step,
}

/// One marker of a station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationMarker {
    /// Which device, and how the content of its codes is read.
    pub reading: StationScanner,
    /// GTIN of what it marks, for marks that tell a serial number only.
    pub gtin: Option<String>,
    /// A worse grade makes a thing non-conformant.
    pub min_grade: Option<Level>,
}

/// What makes a mark the same when it is told again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkId {
    /// Where its first line begins in a log.
    Log {
        /// Which of the files that were read one after the other.
        generation: u32,
        /// Byte in that file.
        offset: u64,
    },
    /// Which mark of a file it is.
    File {
        /// Hash of the file's content.
        content: u64,
        /// From 0, in the order in which they end.
        index: u32,
    },
    /// The device's own number or time of it.
    Own(String),
    /// Nothing: each one told is another.
    Heard {
        /// When it began, in microseconds of gateway time.
        at_us: i64,
        /// Which of those that began then.
        index: u32,
    },
}

impl std::fmt::Display for MarkId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Log { generation, offset } => write!(f, "log/{generation}/{offset}"),
            Self::File { content, index } => write!(f, "file/{content:016x}/{index}"),
            Self::Own(own) => write!(f, "own/{own}"),
            Self::Heard { at_us, index } => write!(f, "heard/{at_us}/{index}"),
        }
    }
}

/// What was marked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MarkedItem {
    /// Content of the code, as a scanner would send it.
    pub code: Option<String>,
    /// GTIN, where it does not stand in the code.
    pub gtin: Option<String>,
    /// Serial number, the same.
    pub serial: Option<String>,
    /// Lot number, the same.
    pub lot: Option<String>,
    /// Expiry as `YYMMDD`.
    pub expiry: Option<String>,
    /// Production date as `YYMMDD`.
    pub production: Option<String>,
}

/// How a mark stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkOutcome {
    /// It has begun.
    Begun,
    /// It is on the thing.
    Done,
    /// It is not, or not as it should be; the marker's code.
    Failed(Option<String>),
    /// Nobody knows; why.
    Unknown(String),
}

/// One mark, or the beginning of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// What makes it the same when it is told again.
    pub id: MarkId,
    /// What was marked.
    pub item: MarkedItem,
    /// How it stands.
    pub outcome: MarkOutcome,
    /// What the verifier says of it.
    pub grade: Option<Grade>,
    /// When it was marked by the marker's clock, in microseconds since the epoch.
    pub device_time_us: Option<i64>,
}

/// The first or last bytes that were read of a file, to know it again by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Print {
    /// How many bytes.
    pub len: u32,
    /// Their hash.
    pub hash: u64,
}

/// How far a log was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogPlace {
    /// Which of the files that were read one after the other, from 0.
    pub generation: u32,
    /// Device and inode of the file; `None` while there was none yet.
    pub file: Option<(u64, u64)>,
    /// What of it begins after this byte was not read yet.
    pub read_to: u64,
    /// From here it is read again after a restart: the first line of the oldest mark that has not ended.
    pub resume: u64,
    /// The beginning of the file.
    pub head: Print,
    /// The bytes before `read_to`.
    pub tail: Print,
    /// Rotated files that changed after this were not read, in nanoseconds since the epoch.
    pub since_ns: i64,
}

/// How far a feed was read; stored together with what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// In a log.
    Log(LogPlace),
    /// A file of a folder was read to its end; its content's hash.
    File(u64),
}

/// What a marker's feed tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkReport {
    /// Which marker.
    pub device: DeviceIndex,
    /// When it was heard.
    pub at: Time,
    /// The mark, if it tells of one.
    pub mark: Option<Mark>,
    /// How far the feed was read with it.
    pub progress: Option<Progress>,
    /// Whether the feed waits for an answer once this is stored.
    pub answer: bool,
}

/// What is known of one feed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MarkFeed {
    log: Option<LogPlace>,
    /// Where marks begin that were told, from `resume` on.
    told: BTreeSet<u64>,
    files: VecDeque<FileRead>,
    own: VecDeque<String>,
    begun: VecDeque<(Time, Mark)>,
    last_device_time_us: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FileRead {
    content: u64,
    marks: u32,
    whole: bool,
}

impl MarkFeed {
    /// How far its log was read.
    #[must_use]
    pub const fn log(&self) -> Option<LogPlace> {
        self.log
    }

    /// Hashes of the files that were read to their end.
    pub fn files(&self) -> impl Iterator<Item = u64> {
        let whole = self.files.iter().filter(|file| file.whole);
        whole.map(|file| file.content)
    }

    /// The newest time that its device told.
    #[must_use]
    pub const fn last_device_time_us(&self) -> Option<i64> {
        self.last_device_time_us
    }

    /// Whether the mark was told before; a mark that has begun was not.
    fn was_told(&self, id: &MarkId) -> bool {
        if self.begun.iter().any(|(_, begun)| begun.id == *id) {
            return false;
        }
        match id {
            MarkId::Log { generation, offset } => self.log.is_some_and(|log| {
                *generation < log.generation
                    || *generation == log.generation
                        && (*offset < log.resume || self.told.contains(offset))
            }),
            MarkId::File { content, index } => self
                .files
                .iter()
                .any(|file| file.content == *content && (file.whole || *index < file.marks)),
            MarkId::Own(own) => self.own.contains(own),
            MarkId::Heard { .. } => false,
        }
    }

    fn remember(&mut self, id: &MarkId) {
        match id {
            MarkId::Log { offset, .. } => {
                self.told.insert(*offset);
                while self.told.len() > MAX_TOLD {
                    self.told.pop_first();
                }
            }
            MarkId::File { content, index } => {
                self.note_file(*content, |file| file.marks = index.saturating_add(1));
            }
            MarkId::Own(own) => {
                if self.own.len() >= MAX_OWN_IDS {
                    self.own.pop_front();
                }
                self.own.push_back(own.clone());
            }
            MarkId::Heard { .. } => {}
        }
    }

    /// Notes something of a file, which is then among the newest.
    fn note_file(&mut self, content: u64, note: impl FnOnce(&mut FileRead)) {
        let at = self.files.iter().position(|file| file.content == content);
        let known = at.and_then(|at| self.files.remove(at));
        if self.files.len() >= MAX_FILES {
            self.files.pop_front();
        }
        let mut file = known.unwrap_or(FileRead {
            content,
            marks: 0,
            whole: false,
        });
        note(&mut file);
        self.files.push_back(file);
    }

    /// Takes what a feed tells of a mark. What comes of it: marks that ended, each for the first time; whether it was
    /// told before.
    pub(crate) fn take(&mut self, at: Time, mark: Mark) -> (Vec<(Time, Mark)>, bool) {
        if self.was_told(&mark.id) {
            return (Vec::new(), true);
        }
        self.last_device_time_us = self.last_device_time_us.max(mark.device_time_us);
        let before = self.begun.iter().position(|(_, begun)| begun.id == mark.id);
        let begun_at = before
            .and_then(|before| self.begun.remove(before))
            .map_or(at, |it| it.0);
        if mark.outcome != MarkOutcome::Begun {
            self.remember(&mark.id);
            return (vec![(begun_at, mark)], false);
        }
        self.begun.push_back((begun_at, mark));
        let mut ended = Vec::new();
        while self.begun.len() > MAX_BEGUN {
            ended.extend(self.give_up("too many marks under way"));
        }
        (ended, false)
    }

    /// Takes how far the feed was read.
    pub(crate) fn advance(&mut self, progress: Progress) {
        match progress {
            Progress::Log(place) => {
                if self
                    .log
                    .is_some_and(|log| log.generation != place.generation)
                {
                    self.told.clear();
                }
                self.told = self.told.split_off(&place.resume);
                self.log = Some(place);
            }
            Progress::File(content) => self.note_file(content, |file| file.whole = true),
        }
    }

    /// What had begun when the gateway ended: nobody heard its end.
    pub(crate) fn restarted(&mut self) -> Vec<(Time, Mark)> {
        let mut ended = Vec::new();
        while !self.begun.is_empty() {
            ended.extend(self.give_up("the gateway was started again before its end"));
        }
        ended
    }

    fn give_up(&mut self, why: &str) -> Option<(Time, Mark)> {
        let (at, mut mark) = self.begun.pop_front()?;
        self.remember(&mark.id);
        mark.outcome = MarkOutcome::Unknown(why.to_owned());
        Some((at, mark))
    }
}

/// All feeds by the name of their device.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MarkFeeds(BTreeMap<String, MarkFeed>);

impl MarkFeeds {
    /// What is known of one.
    #[must_use]
    pub fn get(&self, device: &str) -> Option<&MarkFeed> {
        self.0.get(device)
    }

    pub(crate) fn entry(&mut self, device: &str) -> &mut MarkFeed {
        self.0.entry(device.to_owned()).or_default()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&String, &mut MarkFeed)> {
        self.0.iter_mut()
    }

    /// Forgets feeds of former configurations when there are too many.
    pub(crate) fn configured(&mut self, devices: &[String]) {
        let former = self.0.keys().filter(|name| !devices.contains(*name));
        let excess: Vec<String> = former.skip(MAX_FORMER).cloned().collect();
        for name in excess {
            self.0.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests;
