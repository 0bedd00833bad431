//! Marks, at the station of their marker.

use tracegate_gs1::{Ai, Element, Identity};

use crate::config::{ReadPointConfig, ReadPointKind};
use crate::eyes::Says;
use crate::input::{
    DeviceIndex, NonEvent, NonEventReason, Output, RefusedMark, ScanVerdict, VerdictKind,
};
use crate::mark::{
    Mark, MarkFeed, MarkOutcome, MarkReport, MarkStation, MarkedItem, StationMarker,
};
use crate::movement::{self, Context, MarkFacts};
use crate::pipeline::{Pipeline, Place};
use crate::remarks::Remarks;
use crate::station::{self, Joined};
use crate::time::{Span, Time};

/// A marker's clock that is so far ahead of the gateway's is wrong: then the time of arrival counts.
const AHEAD: Span = Span::millis(5 * 60_000);

impl Pipeline {
    /// What is known of a marker's feed: how far it was read.
    #[must_use]
    pub fn mark_feed(&self, device: &str) -> Option<&MarkFeed> {
        self.state.marks.get(device)
    }

    pub(super) fn mark(&mut self, at: Time, report: MarkReport, outputs: &mut Vec<Output>) {
        let Some(name) = self.state.config.devices.get(usize::from(report.device)) else {
            return;
        };
        let feed = self.state.marks.entry(name);
        let (ended, told_before) = match report.mark {
            Some(mark) => feed.take(at, mark),
            None => (Vec::new(), false),
        };
        if let Some(progress) = report.progress {
            feed.advance(progress);
        }
        self.stats.marks_repeated += u64::from(told_before);
        let mut answer = if told_before {
            VerdictKind::Duplicate
        } else {
            VerdictKind::Accepted
        };
        for (begun_at, mark) in ended {
            match self.book_mark(report.device, begun_at, at, &mark, outputs) {
                Ok(None) => {}
                Ok(Some(warning)) => answer = VerdictKind::Warned(warning),
                Err(refused) => answer = VerdictKind::Refused(refused),
            }
        }
        if report.answer {
            let (device, kind) = (report.device, answer);
            let detail = None;
            outputs.push(Output::Verdict(ScanVerdict {
                device,
                kind,
                detail,
            }));
        }
    }

    /// Marks that had begun when the gateway ended.
    pub(super) fn marks_restarted(&mut self, at: Time, outputs: &mut Vec<Output>) {
        let mut ended = Vec::new();
        for (name, feed) in self.state.marks.iter_mut() {
            let device = self.state.config.devices.iter().position(|it| it == name);
            let device = device.and_then(|it| DeviceIndex::try_from(it).ok());
            ended.extend(feed.restarted().into_iter().map(|it| (device, it)));
        }
        for (device, (begun_at, mark)) in ended {
            if let Some(device) = device {
                // Refused ones are told as such.
                let _ = self.book_mark(device, begun_at, at, &mark, outputs);
            }
        }
    }

    /// Books a mark that ended; a warning and the error are for the operator.
    fn book_mark(
        &mut self,
        device: DeviceIndex,
        begun_at: Time,
        ended_at: Time,
        mark: &Mark,
        outputs: &mut Vec<Output>,
    ) -> Result<Option<String>, String> {
        self.stats.marks += 1;
        let Some((index, read_point, station, marker)) = self.marker(device) else {
            self.stats.unassigned += 1;
            return Err("no read point has this marker".to_owned());
        };
        let arrived = match mark.outcome {
            MarkOutcome::Unknown(_) => begun_at,
            _ => ended_at,
        };
        let ahead = self.zone.wall.ahead;
        let by_device = mark.device_time_us.map(|us| Time(us) - ahead);
        let at = by_device
            .filter(|by| *by - ended_at < AHEAD)
            .unwrap_or(arrived);
        let joined = match &mark.outcome {
            MarkOutcome::Done => self.joins(index, at),
            _ => None,
        };
        let (joined, warning) = match joined {
            Some(Ok(joined)) => (Some(joined), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        let name = self.state.config.devices.get(usize::from(device));
        let id = format!("{}/{}", name.map_or("?", String::as_str), mark.id);
        let refuse = |reason| NonEvent {
            read_point: read_point.name.clone(),
            at,
            reason,
            tags: 1,
            direction: None,
            members: Vec::new(),
            mark: Some(RefusedMark {
                id: id.clone(),
                thing: identity(&mark.item, marker)
                    .ok()
                    .and_then(|identity| identity.instance_uri()),
                code: match &mark.outcome {
                    MarkOutcome::Failed(code) => code.clone(),
                    _ => None,
                },
            }),
            eyes: Says::Nothing,
        };
        let made = match &mark.outcome {
            MarkOutcome::Failed(code) => Err((
                refuse(NonEventReason::MarkFailed),
                format!("marking failed: {}", code.as_deref().unwrap_or("no code")),
            )),
            _ => identity(&mark.item, marker)
                .and_then(|identity| {
                    let context = Context {
                        read_point: &read_point.name,
                        uri: &read_point.uri,
                        step: &station.step,
                        zone: &self.zone,
                        at,
                        remarks: Remarks::by(name.map(String::as_str)),
                    };
                    let uri = identity.instance_uri();
                    let known = uri.and_then(|uri| self.state.references.batch(&uri));
                    let told = mark.item.lot.as_deref().or_else(|| identity.lot());
                    let expiry = mark.item.expiry.as_deref();
                    // What the mark says of itself is more certain than what was scanned for all that follow.
                    let scanned = joined.as_ref().map(|it| &it.data);
                    let production = mark.item.production.as_deref();
                    let grade = mark.grade.as_ref();
                    let facts = MarkFacts {
                        id: &id,
                        lot: told
                            .or_else(|| scanned?.lot.as_deref())
                            .or_else(|| known.map(|it| it.lot.as_str())),
                        expiry: expiry
                            .or_else(|| identity.value(Ai::EXPIRY))
                            .or_else(|| scanned?.expiry.as_deref())
                            .or_else(|| known?.expiry.as_deref()),
                        production: production.or_else(|| scanned?.production.as_deref()),
                        grade,
                        poor: grade.is_some_and(|it| Some(it.overall) < marker.min_grade),
                        unknown: match &mark.outcome {
                            MarkOutcome::Unknown(why) => Some(why),
                            _ => None,
                        },
                        joined: joined.as_ref(),
                    };
                    let event = movement::mark(context, &identity, facts)?;
                    // What was perhaps not marked tells nothing of its lot.
                    let batch = facts
                        .unknown
                        .is_none()
                        .then(|| station::batch_of(&identity));
                    let poor = facts.poor;
                    Ok((event, batch.flatten(), poor))
                })
                .map_err(|error| (refuse(NonEventReason::MarkUnidentified), error)),
        };
        match made {
            Ok((event, batch, poor)) => {
                if let Some(fact) = batch {
                    self.state.references.learn(self.state.now, fact.clone());
                    outputs.push(Output::Learned(fact));
                }
                self.stats.events += 1;
                outputs.push(Output::Event(Box::new(event)));
                if joined.is_some()
                    && let Some(Place::Station(station)) = self.state.places.get_mut(index)
                {
                    station.desk.joined(ended_at);
                }
                if poor {
                    Err("the grade is too poor".to_owned())
                } else {
                    Ok(warning)
                }
            }
            Err((non_event, error)) => {
                *self.stats.non_events.entry(non_event.reason).or_default() += 1;
                outputs.push(Output::NonEvent(non_event));
                Err(error)
            }
        }
    }

    fn marker(
        &self,
        device: DeviceIndex,
    ) -> Option<(usize, &ReadPointConfig, &MarkStation, &StationMarker)> {
        let mut read_points = self.state.config.read_points.iter().enumerate();
        read_points.find_map(|(index, read_point)| {
            let ReadPointKind::Station(config) = &read_point.kind else {
                return None;
            };
            let station = config.marks.as_deref()?;
            let own = |marker: &&StationMarker| marker.reading.device == device;
            let marker = station.markers.iter().find(own)?;
            Some((index, read_point, station, marker))
        })
    }

    /// What a mark of this read point that was made `at` takes from what was scanned there.
    fn joins(&self, index: usize, at: Time) -> Option<Result<Joined, String>> {
        let read_point = self.state.config.read_points.get(index)?;
        let (ReadPointKind::Station(config), Some(Place::Station(station))) =
            (&read_point.kind, self.state.places.get(index))
        else {
            return None;
        };
        station.desk.joins(config.task.as_deref()?, at)
    }

    /// Things that a mark names, as canonical URIs.
    pub(super) fn mark_mentions(&self, report: &MarkReport) -> Vec<String> {
        let (Some(mark), Some((.., marker))) = (&report.mark, self.marker(report.device)) else {
            return Vec::new();
        };
        let identity = identity(&mark.item, marker).ok();
        identity
            .and_then(|it| it.instance_uri())
            .into_iter()
            .collect()
    }
}

/// What a mark names: by its fields, or by its code; a code that is no GS1 code is a serial number where the GTIN is configured.
fn identity(item: &MarkedItem, marker: &StationMarker) -> Result<Identity, String> {
    let gtin = item.gtin.as_deref().or(marker.gtin.as_deref());
    let coded = item
        .code
        .as_deref()
        .map(|code| station::identify(code.as_bytes(), &marker.reading));
    let serial = match (&coded, item.serial.as_deref()) {
        (Some(Ok(_)), None) => None,
        (_, Some(serial)) => Some(serial),
        (Some(Err(_)), None) => item.code.as_deref(),
        (None, None) => None,
    };
    match (coded, gtin, serial) {
        (Some(Ok(identity)), _, None) => match &item.lot {
            // The lot stands beside the code: for the event, and for what is learned.
            Some(lot) if identity.lot().is_none() && identity.gtin().is_some() => {
                let lot = element(Ai::LOT, lot)?;
                let elements = identity.elements().iter().cloned().chain([lot]);
                Identity::from_elements(elements.collect())
                    .map_err(|error| crate::error_chain(&error))
            }
            _ => Ok(identity),
        },
        (_, Some(gtin), serial) if serial.is_some() || item.gtin.is_some() => {
            let padded = format!("{gtin:0>14}");
            let elements = [
                Some(element(Ai::GTIN, &padded)?),
                item.lot
                    .as_deref()
                    .map(|lot| element(Ai::LOT, lot))
                    .transpose()?,
                serial
                    .map(|serial| element(Ai::SERIAL, serial))
                    .transpose()?,
                item.expiry
                    .as_deref()
                    .map(|day| element(Ai::EXPIRY, day))
                    .transpose()?,
            ];
            Identity::from_elements(elements.into_iter().flatten().collect())
                .map_err(|error| crate::error_chain(&error))
        }
        (Some(Ok(identity)), ..) => Ok(identity),
        (Some(Err(error)), ..) => Err(error),
        (None, None, Some(_)) => {
            Err("a serial number without GTIN; set gtin in [marker]".to_owned())
        }
        (None, ..) => Err("the mark does not say what was marked".to_owned()),
    }
}

fn element(ai: Ai, value: &str) -> Result<Element, String> {
    Element::new(ai, value).map_err(|error| crate::error_chain(&error))
}
