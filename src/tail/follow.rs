//! One who follows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};
use tracegate_pipeline::fate::{Fate, Ghost};
use tracegate_pipeline::filter::Pattern;
use tracegate_pipeline::input::{DeviceIndex, EpcKey, ScanVerdict, VerdictKind};
use tracegate_pipeline::time::Span;
use tracegate_pipeline::{Input, Output, Read};

use super::line::{Line, Sighting};
use super::view::View;
use super::{Following, Told, Wish, words};
use crate::capture::hex;
use crate::health::Health;
use crate::story::{self, Moment};

/// Reads of a tag on an antenna within this time are one line.
const TOGETHER: Duration = Duration::from_secs(1);
/// Lines of reads that are put together, at most; beyond, they are told at once.
const MAX_OPEN: usize = 2_000;
/// Tags of which it is remembered whether they are the wanted one.
const MAX_JUDGED: usize = 4_096;

/// Reads on the way to becoming a line: where, which tag, and what became of them.
type Open = BTreeMap<(DeviceIndex, u16, EpcKey, Option<Fate>), Sighting>;

/// One who follows: see the [module](super).
#[derive(Debug)]
pub struct Follower {
    told: broadcast::Receiver<Arc<Told>>,
    wish: Wish,
    /// What the wanted tag may be called.
    wanted: Vec<String>,
    judged: BTreeMap<EpcKey, bool>,
    open: Open,
    due: Option<Instant>,
    /// What was told before; more than that is a gap.
    expected: u64,
    health: Health,
}

impl Follower {
    /// Follows from there on.
    ///
    /// # Errors
    /// The wish names something that is not configured.
    pub fn new(wish: Wish, following: Following, health: Health) -> Result<Self, String> {
        following.view.check(&wish)?;
        Ok(Self {
            told: following.told,
            wanted: wish.epc.as_deref().map(story::wanted).unwrap_or_default(),
            wish,
            judged: BTreeMap::new(),
            open: Open::new(),
            due: None,
            expected: following.from,
            health,
        })
    }

    /// The next lines, as JSON; `None` when the gateway stops. Nothing is lost when this is not waited for to its end.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            let due = self.due;
            let flush = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            let mut lines = Vec::new();
            tokio::select! {
                biased;
                () = flush => self.flush(&mut lines),
                told = self.told.recv() => match told {
                    Ok(told) => self.take(&told, &mut lines),
                    // How much that was, the next batch tells.
                    Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => return None,
                },
            }
            if !lines.is_empty() {
                return Some(text(&lines));
            }
        }
    }

    fn take(&mut self, told: &Told, lines: &mut Vec<Line>) {
        let end = told.first.saturating_add(told.batch.size());
        let lost = told.first.saturating_sub(self.expected);
        self.expected = end;
        if lost > 0 {
            self.flush(lines);
            self.health.counters().tail_gaps.add(lost);
            lines.push(Line::Gap { lost });
        }
        let (batch, mut view) = (&told.batch, told.view.clone());
        let mut fates = batch.trace.fates.iter().copied();
        for (number, input) in batch.inputs.iter().enumerate() {
            match input {
                Input::Configure(config) => view = Arc::new(View::of(config)),
                Input::Reads { device, at, reads } => {
                    for read in reads {
                        let at = *at - Span(read.waited_us.into());
                        self.read(&view, *device, at.into(), read, fates.next(), lines);
                    }
                }
                Input::Device { device, at, up, .. } => {
                    let (at, up, device) = (*at, *up, view.device(*device));
                    if self.wants_device(device) {
                        self.flush(lines);
                        let (at, device) = (at.into(), device.to_owned());
                        lines.push(Line::Device { at, device, up });
                    }
                }
                Input::Gpi {
                    device,
                    at,
                    port,
                    high,
                    ..
                } => {
                    let device = view.device(*device);
                    if self.wants_device(device) {
                        lines.push(Line::Input {
                            at: (*at).into(),
                            device: device.to_owned(),
                            port: *port,
                            high: *high,
                        });
                    }
                }
                _ => {}
            }
            for (_, output) in batch.said.iter().filter(|(answers, _)| *answers == number) {
                let said = self.said(&view, input, output);
                self.decided(said, lines);
            }
        }
        let ghosts: Vec<_> = batch.trace.ghosts.iter().collect();
        for ghost in ghosts {
            let line = self.ghost(&view, ghost);
            self.decided(line, lines);
        }
        for event in &batch.events {
            let things = |wanted: &[String]| {
                let things = story::things(&event.json);
                wanted.iter().any(|name| things.contains(name))
            };
            let shown = self.wants_place(&view, &event.read_point)
                && (self.wanted.is_empty() || things(&self.wanted));
            self.decided(shown.then(|| Line::Event(story::passage(event))), lines);
        }
        for load in &batch.refused {
            let shown = self.wants_place(&view, &load.read_point)
                && (self.wanted.is_empty()
                    || load
                        .members
                        .iter()
                        .any(|(key, pc)| self.is_wanted(key, *pc)));
            let line = shown.then(|| Line::NotBooked(story::told(load, &view.config)));
            self.decided(line, lines);
        }
    }

    /// A decision comes after the reads of its read point; those of others go on being put together.
    fn decided(&mut self, line: Option<Line>, lines: &mut Vec<Line>) {
        let Some(line) = line else { return };
        let place = match &line {
            Line::Event(it) => Some(&it.read_point),
            Line::NotBooked(it) => Some(&it.read_point),
            Line::Ghost { read_point, .. } | Line::Alert { read_point, .. } => Some(read_point),
            Line::Scan { read_point, .. } => read_point.as_ref(),
            _ => None,
        };
        if let Some(place) = place {
            let open = std::mem::take(&mut self.open).into_iter();
            let (told, others): (Open, Open) =
                open.partition(|(_, it)| it.read_point.as_ref() == Some(place));
            self.open = others;
            push(told, lines);
        }
        lines.push(line);
    }

    fn read(
        &mut self,
        view: &View,
        device: DeviceIndex,
        at: Moment,
        read: &Read,
        fate: Option<Fate>,
        lines: &mut Vec<Line>,
    ) {
        let port = (device, read.antenna);
        let (name, place) = (view.device(device), view.port(port));
        let is_there = |wanted: &String| place.is_some_and(|(it, _)| it.name == *wanted);
        if self.wish.device.as_ref().is_some_and(|it| it != name)
            || self
                .wish
                .read_point
                .as_ref()
                .is_some_and(|it| !is_there(it))
        {
            return;
        }
        let key = EpcKey {
            epc: read.epc.clone(),
            bit_len: read.bit_len,
        };
        if !self.is_wanted(&key, read.pc) {
            return;
        }
        let fate = fate.filter(|_| self.wish.why);
        let count = 1 + u64::from(read.more);
        let open = (device, read.antenna, key, fate);
        if let Some(before) = self.open.get_mut(&open) {
            before.at = before.at.max(at);
            before.reads = before.reads.saturating_add(count);
            before.rssi = before.rssi.max(read.rssi_dbm);
            return;
        }
        let (_, _, key, _) = &open;
        let identity = story::identity(key, read.pc);
        let is = |pattern: &Pattern| pattern.matches(&key.epc, usize::from(key.bit_len), &identity);
        // Badges of people are never told.
        if view.config.tags.person.iter().any(is) {
            return;
        }
        let why = fate.and_then(|fate| {
            let read_point = place.map(|(it, _)| it);
            words::why(fate, view, read_point, (key, read.pc), (name, read.antenna))
        });
        let sighting = Sighting {
            at,
            device: name.to_owned(),
            antenna: read.antenna,
            read_point: place.map(|(it, _)| it.name.clone()),
            side: place.and_then(|(_, side)| Some(side?.as_str().to_owned())),
            epc: hex(&key.epc),
            tag: identity.uri(),
            reads: count,
            rssi: read.rssi_dbm,
            fate: fate.map(|fate| words::word(fate).to_owned()),
            why,
        };
        if self.wish.raw {
            lines.push(Line::Read(Box::new(sighting)));
            return;
        }
        if self.open.len() >= MAX_OPEN {
            self.flush(lines);
        }
        self.due.get_or_insert_with(|| Instant::now() + TOGETHER);
        self.open.insert(open, sighting);
    }

    fn flush(&mut self, lines: &mut Vec<Line>) {
        push(std::mem::take(&mut self.open), lines);
        self.due = None;
    }

    fn ghost(&mut self, view: &View, ghost: &Ghost) -> Option<Line> {
        let read_point = view.config.read_points.get(ghost.read_point)?;
        let shown = self.wish.why
            && self.wants_place(view, &read_point.name)
            && self.is_wanted(&ghost.tag, ghost.pc);
        shown.then(|| Line::Ghost {
            at: ghost.at.into(),
            read_point: read_point.name.clone(),
            epc: hex(&ghost.tag.epc),
            tag: story::identity(&ghost.tag, ghost.pc).uri(),
            why: words::ghost(read_point),
        })
    }

    fn said(&self, view: &View, input: &Input, output: &Output) -> Option<Line> {
        match output {
            Output::Verdict(verdict) => self.scan(view, input, verdict),
            Output::Alert(alert) => {
                let shown = self.wants_place(view, &alert.read_point)
                    && (self.wanted.is_empty() || self.wanted.contains(&alert.thing));
                shown.then(|| Line::Alert {
                    at: alert.at.into(),
                    read_point: alert.read_point.clone(),
                    thing: alert.thing.clone(),
                    text: alert.text.clone(),
                })
            }
            _ => None,
        }
    }

    fn scan(&self, view: &View, input: &Input, verdict: &ScanVerdict) -> Option<Line> {
        let detail = verdict.detail.as_deref();
        let (code, at) = match (detail, input) {
            (Some(detail), _) => (detail.code.as_slice(), Some(detail.at)),
            (None, Input::Scan { data, at, .. }) => (data.as_slice(), Some(*at)),
            (None, input) => (&[][..], input.at()),
        };
        let device = view.device(verdict.device);
        let station = detail.map(|it| it.read_point.as_str());
        let read_point = station.or_else(|| view.station(verdict.device));
        let code = String::from_utf8_lossy(code).into_owned();
        let other_place = |wanted: &String| read_point != Some(wanted);
        if self.wish.device.as_ref().is_some_and(|it| it != device)
            || self.wish.read_point.as_ref().is_some_and(other_place)
            || !(self.wanted.is_empty() || self.wanted.contains(&code))
        {
            return None;
        }
        let (word, text) = match &verdict.kind {
            VerdictKind::Accepted => ("accepted", None),
            VerdictKind::Duplicate => ("duplicate", None),
            VerdictKind::Warned(text) => ("warned", Some(text)),
            VerdictKind::Refused(text) => ("refused", Some(text)),
            VerdictKind::Pending(text) => ("pending", Some(text)),
        };
        let said = detail.map(|it| &it.text).filter(|it| !it.is_empty());
        Some(Line::Scan {
            at: at?.into(),
            device: device.to_owned(),
            read_point: read_point.map(str::to_owned),
            code,
            verdict: word.to_owned(),
            text: text.or(said).cloned(),
        })
    }

    fn wants_device(&self, device: &str) -> bool {
        let other = |wanted: &String| wanted != device;
        !self.wish.device.as_ref().is_some_and(other)
            && self.wish.read_point.is_none()
            && self.wanted.is_empty()
    }

    /// Whether what happens at a read point is wanted, whatever it is.
    fn wants_place(&self, view: &View, read_point: &str) -> bool {
        let device = self.wish.device.as_ref();
        self.wish
            .read_point
            .as_ref()
            .is_none_or(|it| it == read_point)
            && device.is_none_or(|device| view.belongs(device, read_point))
    }

    fn is_wanted(&mut self, key: &EpcKey, pc: Option<u16>) -> bool {
        if self.wanted.is_empty() {
            return true;
        }
        if let Some(known) = self.judged.get(key) {
            return *known;
        }
        if self.judged.len() >= MAX_JUDGED {
            self.judged.clear();
        }
        let names = story::names(key, pc);
        let is_it = names.iter().any(|name| self.wanted.contains(name));
        self.judged.insert(key.clone(), is_it);
        is_it
    }
}

fn push(open: Open, lines: &mut Vec<Line>) {
    let mut reads: Vec<Sighting> = open.into_values().collect();
    reads.sort_by_key(|it| it.at);
    lines.extend(reads.into_iter().map(Box::new).map(Line::Read));
}

fn text(lines: &[Line]) -> Bytes {
    let mut text = Vec::new();
    for line in lines {
        // Texts and numbers only: nothing that JSON cannot say.
        text.extend(serde_json::to_vec(line).unwrap_or_default());
        text.push(b'\n');
    }
    text.into()
}
