//! The book that stories are told from.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tracegate_gs1::TagIdentity;
use tracegate_gs1::epc::decode_bank;
use tracegate_pipeline::config::{ReadPointKind, Side, Tuning};
use tracegate_pipeline::filter::TagClass;
use tracegate_pipeline::input::{DeviceIndex, EpcKey, MovementEvent, NonEvent, NonEventReason};
use tracegate_pipeline::presence::RESIDENT_AFTER;
use tracegate_pipeline::time::Span;
use tracegate_pipeline::{Input, Output, PipelineConfig, Read, Time};

use super::told::{Told, guards};
use super::words;
use super::{NotBooked, Passage, Recent, SeenAt, Story};
use crate::capture::hex;
use crate::capture::tap::Batch;

/// Tags remembered; beyond, a quarter is forgotten: those unread for longest.
const MAX_TAGS: usize = 4_096;
/// Antennas remembered of a tag; beyond, the one with the oldest read is forgotten.
const MAX_ANTENNAS: usize = 16;
/// Movements remembered.
const MAX_PASSAGES: usize = 1_000;
/// Loads remembered that were not booked.
const MAX_NON_EVENTS: usize = 1_000;
/// Things in all movements, and in all loads, that are remembered; the oldest of them go first.
const MAX_MEMBERS: usize = 100_000;
/// The newest movements or loads of all read points, and of each.
const MAX_RECENT: usize = 50;
const RECENT_EACH: usize = 3;
/// Stories told of one name.
const MAX_STORIES: usize = 8;

/// The book: see the [module](super).
#[derive(Debug)]
pub struct Book {
    config: PipelineConfig,
    ports: BTreeMap<(DeviceIndex, u16), (usize, Option<Side>)>,
    tags: BTreeMap<EpcKey, Tag>,
    passages: VecDeque<(Passage, BTreeSet<String>)>,
    non_events: VecDeque<(NotBooked, Vec<EpcKey>, Option<String>)>,
    members: (usize, usize),
    told: Told,
}

#[derive(Debug)]
struct Tag {
    pc: Option<u16>,
    last: Time,
    class: TagClass,
    seen: BTreeMap<(DeviceIndex, u16), Sightings>,
}

#[derive(Debug, Clone, Copy)]
struct Sightings {
    port: Option<(usize, Option<Side>)>,
    reads: u64,
    weak: u64,
    first: Time,
    last: Time,
    since: Time,
    peak_rssi: Option<i8>,
}

impl Default for Book {
    fn default() -> Self {
        let nothing = tracegate_pipeline::Pipeline::default();
        Self {
            config: nothing.config().clone(),
            ports: BTreeMap::new(),
            tags: BTreeMap::new(),
            passages: VecDeque::new(),
            non_events: VecDeque::new(),
            members: (0, 0),
            told: Told::default(),
        }
    }
}

impl Book {
    /// From here on this is the configuration.
    pub fn configure(&mut self, config: &PipelineConfig) {
        let before = std::mem::replace(&mut self.config, config.clone());
        self.ports.clear();
        for (index, read_point) in config.read_points.iter().enumerate() {
            match &read_point.kind {
                ReadPointKind::Gate(gate) => {
                    let antennas = gate.antennas.iter();
                    let sides =
                        antennas.map(|it| ((it.device, it.antenna), (index, Some(it.side))));
                    self.ports.extend(sides);
                }
                ReadPointKind::Zone(zone) => {
                    let antennas = zone.antennas.iter();
                    self.ports.extend(antennas.map(|it| (*it, (index, None))));
                }
                ReadPointKind::Station(_) => {}
            }
        }
        // Which tags count, and where, may be another matter now, and devices may have other numbers.
        let (rules, ports) = (&config.tags, &self.ports);
        let renumbered = |device: DeviceIndex| {
            let name = before.devices.get(usize::from(device))?;
            let index = config.devices.iter().position(|it| it == name)?;
            DeviceIndex::try_from(index).ok()
        };
        for (key, tag) in &mut self.tags {
            tag.class = classify(rules, key, tag.pc);
            let seen = std::mem::take(&mut tag.seen).into_iter();
            let kept = seen.filter_map(|((device, antenna), sightings)| {
                let place = (renumbered(device)?, antenna);
                let port = ports.get(&place).copied();
                Some((place, Sightings { port, ..sightings }))
            });
            tag.seen = kept.collect();
        }
    }

    /// Notes an input.
    pub fn input(&mut self, input: &Input) {
        match input {
            Input::Configure(config) => self.configure(config),
            Input::Reads { device, at, reads } => {
                for read in reads {
                    self.read(*device, *at, read);
                }
            }
            _ => {}
        }
    }

    fn read(&mut self, device: DeviceIndex, at: Time, read: &Read) {
        let at = at - Span(read.waited_us.into());
        let port = self.ports.get(&(device, read.antenna)).copied();
        let key = EpcKey {
            epc: read.epc.clone(),
            bit_len: read.bit_len,
        };
        if self.tags.len() >= MAX_TAGS && !self.tags.contains_key(&key) {
            self.forget();
        }
        let tuning = port.and_then(|(index, _)| tuning(&self.config, index));
        let rules = &self.config.tags;
        let tag = self.tags.entry(key).or_insert_with_key(|key| Tag {
            pc: read.pc,
            last: at,
            class: classify(rules, key, read.pc),
            seen: BTreeMap::new(),
        });
        tag.last = tag.last.later(at);
        let place = (device, read.antenna);
        if tag.seen.len() >= MAX_ANTENNAS && !tag.seen.contains_key(&place) {
            let oldest = tag.seen.iter().min_by_key(|(_, it)| it.last);
            if let Some(oldest) = oldest.map(|(place, _)| *place) {
                tag.seen.remove(&oldest);
            }
        }
        let seen = tag.seen.entry(place).or_insert(Sightings {
            port,
            reads: 0,
            weak: 0,
            first: at,
            last: at,
            since: at,
            peak_rssi: None,
        });
        let count = 1 + u64::from(read.more);
        let pause = tuning.map_or(RESIDENT_AFTER, |tuning| tuning.lost_after);
        if at - seen.last > pause {
            seen.since = at;
        }
        seen.last = seen.last.later(at);
        seen.reads = seen.reads.saturating_add(count);
        seen.peak_rssi = seen.peak_rssi.max(read.rssi_dbm);
        if let (Some(rssi), Some(tuning)) = (read.rssi_dbm, tuning)
            && rssi < tuning.min_rssi_dbm
        {
            seen.weak = seen.weak.saturating_add(count);
        }
    }

    fn forget(&mut self) {
        let mut times: Vec<Time> = self.tags.values().map(|tag| tag.last).collect();
        let (_, limit, _) = times.select_nth_unstable(MAX_TAGS / 4);
        let limit = *limit;
        self.tags.retain(|_, tag| tag.last > limit);
    }

    /// Notes a movement.
    pub fn booked(&mut self, event: &MovementEvent) {
        let things = things(&event.json);
        self.members.0 += things.len();
        self.passages.push_back((passage(event), things));
        while (self.passages.len() > MAX_PASSAGES || self.members.0 > MAX_MEMBERS)
            && let Some((_, things)) = self.passages.pop_front()
        {
            self.members.0 -= things.len();
        }
    }

    /// Notes a load that was not booked.
    pub fn not_booked(&mut self, load: &NonEvent) {
        // It has no tag that could be asked for.
        if load.reason == NonEventReason::Untagged {
            return;
        }
        let told = told(load, &self.config);
        let keys: Vec<EpcKey> = load.members.iter().map(|(key, _)| key.clone()).collect();
        self.members.1 += keys.len();
        let marked = load.mark.as_ref().and_then(|mark| mark.thing.clone());
        self.non_events.push_back((told, keys, marked));
        while (self.non_events.len() > MAX_NON_EVENTS || self.members.1 > MAX_MEMBERS)
            && let Some((_, keys, _)) = self.non_events.pop_front()
        {
            self.members.1 -= keys.len();
        }
    }

    /// Notes what guards of doors said.
    pub fn told(&mut self, batch: &Batch) {
        for (_, output) in &batch.said {
            if let Output::Alert(alert) = output {
                self.told.stopped(alert);
            }
        }
    }

    /// Tags, movements and loads that are remembered.
    #[must_use]
    pub fn sizes(&self) -> (usize, usize, usize) {
        (self.tags.len(), self.passages.len(), self.non_events.len())
    }

    /// The newest of what happened, and at least the last few of every read point; how stations stand is not in here.
    #[must_use]
    pub fn recent(&self) -> Recent {
        let passages = self.passages.iter().map(|(it, _)| (&*it.read_point, it));
        let loads = self.non_events.iter().map(|(it, ..)| (&*it.read_point, it));
        Recent {
            passages: newest(passages),
            non_events: newest(loads),
            alerts: self.told.alerts(),
            stations: BTreeMap::new(),
            guards: guards(&self.config),
        }
    }

    /// The stories of the tags that `name` names: their memory in hexadecimal, an EPC URI, a GS1 Digital Link, `(00)…`, or
    /// the digits of an SSCC.
    #[must_use]
    pub fn stories(&self, name: &str) -> Vec<Story> {
        let wanted = wanted(name);
        let tags = self.tags.iter().filter_map(|(key, tag)| {
            let names = names(key, tag.pc);
            let is_it = names.iter().any(|name| wanted.contains(name));
            is_it.then(|| self.story(key, tag, &names))
        });
        let mut stories: Vec<Story> = tags.take(MAX_STORIES).collect();
        if stories.is_empty() {
            // Scanned, or read too long ago.
            let found = wanted.iter().find(|name| {
                self.passages
                    .iter()
                    .any(|(_, things)| things.contains(*name))
                    || self.marks_of(name).next().is_some()
            });
            stories.extend(found.map(|name| self.untagged(name)));
        }
        stories
    }

    fn untagged(&self, name: &str) -> Story {
        Story {
            epc: None,
            identity: name.to_owned(),
            time_zone: self.config.time_zone.clone(),
            ignored: None,
            sightings: Vec::new(),
            passages: self.passages_of(&[name.to_owned()]),
            non_events: self.marks_of(name).cloned().collect(),
        }
    }

    /// Marks that were not booked of the thing with this name.
    fn marks_of(&self, name: &str) -> impl Iterator<Item = &NotBooked> {
        let marks = self.non_events.iter();
        let own = marks.filter(move |(_, _, marked)| marked.as_deref() == Some(name));
        own.map(|(mark, ..)| mark)
    }

    fn passages_of(&self, names: &[String]) -> Vec<Passage> {
        let passages = self.passages.iter();
        let own = passages.filter(|(_, things)| names.iter().any(|name| things.contains(name)));
        own.map(|(passage, _)| passage.clone()).collect()
    }

    fn story(&self, key: &EpcKey, tag: &Tag, names: &[String]) -> Story {
        let passages = self.passages_of(names);
        let seen = tag.seen.iter().map(|((device, antenna), seen)| {
            let read_point = seen
                .port
                .and_then(|(index, _)| self.config.read_points.get(index));
            let side = seen.port.and_then(|(_, side)| side);
            let tuning = seen.port.and_then(|(index, _)| tuning(&self.config, index));
            let passed = passages.iter().filter(|it| !it.alert).any(|passage| {
                Some(&passage.read_point) == read_point.map(|it| &it.name)
                    && Time::from(passage.at) >= seen.since
            });
            let name = self.config.devices.get(usize::from(*device));
            SeenAt {
                device: name.cloned().unwrap_or_default(),
                antenna: *antenna,
                read_point: read_point.map(|it| it.name.clone()),
                side: side.map(|it| it.as_str().to_owned()),
                reads: seen.reads,
                weak: seen.weak,
                min_rssi: tuning.map(|it| it.min_rssi_dbm),
                first: seen.first.into(),
                last: seen.last.into(),
                since: seen.since.into(),
                peak_rssi: seen.peak_rssi,
                resident: !passed
                    && side.is_some()
                    && tag.last - seen.last <= RESIDENT_AFTER
                    && seen.last - seen.since > RESIDENT_AFTER,
            }
        });
        let loads = self
            .non_events
            .iter()
            .filter(|(_, keys, _)| keys.contains(key));
        let ignored = tag.class == TagClass::Ignored;
        Story {
            epc: Some(hex(&key.epc)),
            identity: identity(key, tag.pc).uri(),
            time_zone: self.config.time_zone.clone(),
            ignored: ignored.then(|| words::ignored(&self.config.tags, key, tag.pc)),
            sightings: seen.collect(),
            non_events: loads.map(|(load, ..)| load.clone()).collect(),
            passages,
        }
    }
}

/// The newest, and those that are among the newest of their read point.
fn newest<'a, T: Clone + 'a>(all: impl DoubleEndedIterator<Item = (&'a str, &'a T)>) -> Vec<T> {
    let mut of: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wanted = |(index, (read_point, _)): &(usize, (&'a str, &'a T))| {
        let count = of.entry(read_point).or_default();
        *count += 1;
        *index < MAX_RECENT || *count <= RECENT_EACH
    };
    let all = all.rev().enumerate().filter(|it| wanted(it));
    all.map(|(_, (_, it))| it.clone()).collect()
}

/// A movement that was booked, in short.
pub(crate) fn passage(event: &MovementEvent) -> Passage {
    Passage {
        at: event.at.into(),
        read_point: event.read_point.clone(),
        event_id: event.id.to_string(),
        summary: event.summary.clone(),
        alert: is_alert(&event.json),
        eyes: event.eyes.as_str().map(str::to_owned),
    }
}

/// A load that was not booked, in words.
pub(crate) fn told(load: &NonEvent, config: &PipelineConfig) -> NotBooked {
    let read_points = &config.read_points;
    let index = read_points.iter().position(|it| it.name == load.read_point);
    let tuning = index.and_then(|index| tuning(config, index));
    words::not_booked(load, tuning)
}

/// The name of a tag.
pub(crate) fn identity(key: &EpcKey, pc: Option<u16>) -> TagIdentity {
    decode_bank(pc, &key.epc, usize::from(key.bit_len))
}

fn classify(
    rules: &tracegate_pipeline::filter::TagRules,
    key: &EpcKey,
    pc: Option<u16>,
) -> TagClass {
    rules.classify(&key.epc, usize::from(key.bit_len), &identity(key, pc))
}

fn tuning(config: &PipelineConfig, read_point: usize) -> Option<&Tuning> {
    match &config.read_points.get(read_point)?.kind {
        ReadPointKind::Gate(gate) => Some(&gate.tuning),
        ReadPointKind::Station(_) | ReadPointKind::Zone(_) => None,
    }
}

/// What people and events call a tag.
pub(crate) fn names(key: &EpcKey, pc: Option<u16>) -> Vec<String> {
    let identity = identity(key, pc);
    let mut names = vec![hex(&key.epc), identity.uri()];
    if let Some(epc) = identity.epc() {
        let forms = [epc.tag_uri(), epc.pure_uri(), epc.digital_link()];
        names.extend(forms.into_iter().flatten());
    }
    names
}

/// What a text that names a tag may stand for.
pub(crate) fn wanted(name: &str) -> Vec<String> {
    let name = name.trim();
    let mut wanted = vec![name.to_owned(), name.to_ascii_lowercase()];
    let digits = name.bytes().all(|byte| byte.is_ascii_digit());
    if name.len() == 18 && digits {
        wanted.push(format!("https://id.gs1.org/00/{name}"));
    }
    if let Some(elements) = name.strip_prefix('(') {
        let path = elements.replace(['(', ')'], "/");
        wanted.push(format!("https://id.gs1.org/{path}"));
    }
    wanted
}

/// An alert of a guard; a movement that has one names its passage, too.
fn is_alert(json: &str) -> bool {
    json.contains("\"gw:alert\"") && !json.contains("\"gw:passage\"")
}

/// Every object that an event names.
pub fn things(json: &str) -> BTreeSet<String> {
    let event: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let mut things: BTreeSet<String> = event.get("parentID").and_then(text).into_iter().collect();
    for list in ["epcList", "childEPCs"] {
        let list = event.get(list).and_then(serde_json::Value::as_array);
        things.extend(list.into_iter().flatten().filter_map(text));
    }
    for list in ["quantityList", "childQuantityList"] {
        let list = event.get(list).and_then(serde_json::Value::as_array);
        let classes = list.into_iter().flatten();
        things.extend(classes.filter_map(|it| it.get("epcClass").and_then(text)));
    }
    things
}
