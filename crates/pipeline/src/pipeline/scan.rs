//! Scans, at the station of their scanner.

use crate::config::ReadPointKind;
use crate::input::{DeviceIndex, Output, ScanVerdict, StationNow, VerdictKind};
use crate::pipeline::{Pipeline, Place};
use crate::station::Worked;
use crate::time::Time;

impl Pipeline {
    /// How the stations with a task stand at the time of the newest input, in order of name.
    #[must_use]
    pub fn stations(&self) -> Vec<StationNow> {
        let places = self.state.places.iter().zip(&self.state.config.read_points);
        let desks = places.filter_map(|(place, read_point)| match (place, &read_point.kind) {
            (Place::Station(station), ReadPointKind::Station(config)) => {
                let task = config.task.as_deref()?;
                Some(station.desk.now(&read_point.name, task, self.state.now))
            }
            _ => None,
        });
        desks.collect()
    }

    pub(super) fn scan(
        &mut self,
        device: DeviceIndex,
        at: Time,
        data: &[u8],
        outputs: &mut Vec<Output>,
    ) {
        let Some(&(index, ref scanner)) = self.scanners.get(&device) else {
            self.stats.unassigned += 1;
            return;
        };
        let read_point = self.state.config.read_points.get(index);
        let (Some(Place::Station(station)), Some(read_point)) =
            (self.state.places.get_mut(index), read_point)
        else {
            return;
        };
        let ReadPointKind::Station(config) = &read_point.kind else {
            return;
        };
        let name = self.state.config.devices.get(usize::from(device));
        let name = name.map(String::as_str);
        if let Some(task) = config.task.as_deref() {
            let Some(codes) = self.codes.get(&index) else {
                return;
            };
            let place = crate::station::Place {
                read_point,
                task,
                zone: &self.zone,
                facts: &self.state.references,
            };
            let worked = station.desk.scan(place, codes, scanner, at, data);
            self.tell_worked(worked, outputs);
            return;
        }
        let site = crate::station::Site {
            zone: &self.zone,
            scanner: name,
            facts: &self.state.references,
        };
        let answer = station.scan(read_point, config, scanner, site, at, data);
        if let Some(fact) = answer.learned {
            self.state.references.learn(at, fact.clone());
            outputs.push(Output::Learned(fact));
        }
        let (kind, event) = (answer.kind, answer.event);
        self.stats.judged(answer.level);
        self.count_scan(&kind);
        self.stats.events += u64::from(event.is_some());
        outputs.extend(event.map(|event| Output::Event(Box::new(event))));
        outputs.push(Output::Verdict(ScanVerdict {
            device,
            kind,
            detail: None,
        }));
    }

    /// Gives up what is open at stations and nobody goes on with.
    pub(super) fn expire_desks(&mut self, outputs: &mut Vec<Output>) {
        let now = self.state.now;
        let state = &mut self.state;
        let mut given_up = Vec::new();
        for (place, read_point) in state.places.iter_mut().zip(&state.config.read_points) {
            let (Place::Station(station), ReadPointKind::Station(config)) =
                (place, &read_point.kind)
            else {
                continue;
            };
            let Some(task) = config.task.as_deref() else {
                continue;
            };
            let place = crate::station::Place {
                read_point,
                task,
                zone: &self.zone,
                facts: &state.references,
            };
            given_up.extend(station.desk.expire(place, now));
        }
        for worked in given_up {
            self.tell_worked(worked, outputs);
        }
    }

    /// Counts and tells what came of a scan at a station with a task.
    pub(super) fn tell_worked(&mut self, worked: Worked, outputs: &mut Vec<Output>) {
        for event in worked.events {
            self.stats.events += 1;
            outputs.push(Output::Event(Box::new(event)));
        }
        for non_event in worked.non_events {
            *self.stats.non_events.entry(non_event.reason).or_default() += 1;
            outputs.push(Output::NonEvent(non_event));
        }
        self.stats.judged(worked.level);
        if let Some((device, kind, detail)) = worked.verdict {
            if !detail.code.is_empty() {
                self.count_scan(&kind);
            }
            let detail = Some(Box::new(detail));
            outputs.push(Output::Verdict(ScanVerdict {
                device,
                kind,
                detail,
            }));
        }
    }

    fn count_scan(&mut self, kind: &VerdictKind) {
        let [accepted, repeated, refused] = &mut self.stats.scans;
        *match kind {
            VerdictKind::Accepted | VerdictKind::Warned(_) | VerdictKind::Pending(_) => accepted,
            VerdictKind::Duplicate => repeated,
            VerdictKind::Refused(_) => refused,
        } += 1;
    }
}
