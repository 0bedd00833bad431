//! A scanner station: each scan is judged and answered at once.
//!
//! A station books every scan by itself ([`Station::scan`]), or it has a task ([`task`]) and several scans make one event
//! ([`work`]): `code` says what a scan is, `job` what is open, `assess` what guards say of it, `past` what was issued.

mod assess;
mod code;
mod job;
mod joined;
mod now;
mod past;
pub(crate) mod task;
mod tell;
mod work;

pub(crate) use code::Meaning;
pub use code::{BadCode, Codes};
pub(crate) use job::Job;
pub(crate) use joined::Joined;
pub use now::{JobNow, RefusedNow, StationNow};
pub use task::{CodeRules, Command, Confirm, TaskConfig, TaskKind, Verdicts};
pub(crate) use work::{Place, Worked};

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tracegate_gs1::{Ai, Identity, ScanContent, ScanOptions, Unidentified, parse_scan};

use crate::association::class_uri;
use crate::config::{ReadPointConfig, StationConfig, StationScanner};
use crate::error_chain;
use crate::guard::{Asked, Judgement, Level, judge};
use crate::input::{DeviceIndex, MovementEvent, VerdictKind};
use crate::movement::{self, Zone};
use crate::reference::{Batch, Facts, Reference, References};
use crate::remarks::Remarks;
use crate::time::Time;

/// Labels remembered per station; more than anyone can scan within a duplicate window.
const MAX_REMEMBERED: usize = 64;

/// State of one station: what was booked lately.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Station {
    recent: VecDeque<Booked>,
    /// With a task.
    pub desk: work::Desk,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Booked {
    device: DeviceIndex,
    data: Vec<u8>,
    at: Time,
}

/// What a scan at a station without a task is judged with.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub zone: &'a Zone,
    /// Name of the scanner.
    pub scanner: Option<&'a str>,
    pub facts: &'a References,
}

/// What becomes of a scan at a station without a task.
pub(crate) struct Answer {
    pub kind: VerdictKind,
    pub event: Option<MovementEvent>,
    /// What the label says of a serial number's batch.
    pub learned: Option<Reference>,
    /// What the guard made of it.
    pub level: Level,
}

impl Answer {
    fn none(kind: VerdictKind, level: Level) -> Self {
        Self {
            kind,
            event: None,
            learned: None,
            level,
        }
    }
}

impl Station {
    /// Forgets the device numbers of an older configuration.
    pub fn reconfigured(&mut self, renumber: impl Fn(DeviceIndex) -> Option<DeviceIndex>) {
        self.desk.reconfigured(&renumber);
        self.recent
            .retain_mut(|booked| match renumber(booked.device) {
                Some(device) => {
                    booked.device = device;
                    true
                }
                None => false,
            });
    }

    /// Judges one scan: what the read point's guard refuses is not booked, what it warns of is.
    pub fn scan(
        &mut self,
        read_point: &ReadPointConfig,
        station: &StationConfig,
        scanner: &StationScanner,
        site: Site<'_>,
        at: Time,
        data: &[u8],
    ) -> Answer {
        let window = scanner.duplicate_window;
        let again = self
            .recent
            .iter_mut()
            .find(|booked| booked.device == scanner.device && booked.data == data);
        if let Some(booked) = again
            && at - booked.at < window
        {
            // The window slides: a scanner in presentation mode repeats a label for as long as it sees it.
            booked.at = at;
            return Answer::none(VerdictKind::Duplicate, Level::Accept);
        }
        let identity = match identify(data, scanner) {
            Ok(identity) => identity,
            Err(reason) => return Answer::none(VerdictKind::Refused(reason), Level::Accept),
        };
        let judgement = judge_code(read_point, &identity, site, at).unwrap_or_default();
        let level = judgement.level();
        if level == Level::Refuse {
            return Answer::none(VerdictKind::Refused(judgement.text()), level);
        }
        let mut remarks = Remarks::by(site.scanner);
        remarks.verdict = (level > Level::Accept).then_some(&judgement);
        let context = movement::Context {
            read_point: &read_point.name,
            uri: &read_point.uri,
            step: &station.step,
            zone: site.zone,
            at,
            remarks,
        };
        let event = match movement::scan(context, &identity) {
            Ok(event) => event,
            Err(reason) => return Answer::none(VerdictKind::Refused(reason), Level::Accept),
        };
        self.remember(Booked {
            device: scanner.device,
            data: data.to_vec(),
            at,
        });
        Answer {
            kind: match level {
                Level::Accept => VerdictKind::Accepted,
                Level::Warn | Level::Refuse => VerdictKind::Warned(judgement.text()),
            },
            event: Some(event),
            learned: batch_of(&identity),
            level,
        }
    }

    fn remember(&mut self, booked: Booked) {
        self.recent
            .retain(|old| (old.device, &old.data) != (booked.device, &booked.data));
        if self.recent.len() >= MAX_REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(booked);
    }
}

/// What the guard says of a code that is booked by itself; `None` without a guard.
fn judge_code(
    read_point: &ReadPointConfig,
    identity: &Identity,
    site: Site<'_>,
    at: Time,
) -> Option<Judgement> {
    let guard = read_point.guard.as_deref()?;
    let (item, serial) = (item_of(identity), identity.instance_uri());
    let expiry = expiry_of(identity);
    let asked = Asked {
        item: item.as_deref(),
        lot: identity.lot(),
        serial: serial.as_deref(),
        expiry: expiry.as_deref(),
        ..Asked::at(at, site.zone)
    };
    Some(judge(guard, site.facts, &asked))
}

/// The class of a code's item, without its lot.
fn item_of(identity: &Identity) -> Option<String> {
    class_uri(identity.gtin()?, None)
}

/// When it expires, as `YYMMDD`: by AI (17), else the day of AI (7003).
fn expiry_of(identity: &Identity) -> Option<String> {
    let time = || identity.value(Ai::EXPIRY_TIME)?.get(..6);
    let six = identity.value(Ai::EXPIRY).or_else(time)?;
    Some(six.to_owned())
}

/// The keys of what a guard would like to know of a code that is booked by itself.
pub(crate) fn judged_by(identity: &Identity) -> impl Iterator<Item = String> + use<> {
    let class = identity.class_uri().filter(|_| identity.lot().is_some());
    let keys = [identity.instance_uri(), class, item_of(identity)];
    keys.into_iter().flatten()
}

/// A label or mark with GTIN, serial number and lot says where the serial number comes from. Tags do not say it, so it is
/// kept for when the thing passes a door.
pub(crate) fn batch_of(identity: &Identity) -> Option<Reference> {
    let (lot, _, _) = (identity.lot()?, identity.serial()?, identity.gtin()?);
    let batch = Batch {
        lot: lot.to_owned(),
        expiry: expiry_of(identity),
    };
    // What the site says of it, in any version, is more certain than what was seen here.
    Some(Reference {
        key: identity.instance_uri()?,
        version: 0,
        facts: Some(Facts::Serial(batch)),
    })
}

/// How codes of this scanner are read.
fn scan_options(scanner: &StationScanner) -> ScanOptions {
    ScanOptions {
        unidentified: if scanner.assume_gs1 {
            Unidentified::Gs1
        } else {
            Unidentified::Plain
        },
        gs_substitutes: scanner.gs_substitutes.clone(),
        keep_unknown_ais: scanner.keep_unknown_ais,
        ..ScanOptions::default()
    }
}

/// What a scanned code names.
pub(crate) fn identify(data: &[u8], scanner: &StationScanner) -> Result<Identity, String> {
    let scan = parse_scan(data, &scan_options(scanner)).map_err(|error| error_chain(&error))?;
    match &scan.content {
        ScanContent::Gs1(elements) => {
            Identity::from_elements(elements.clone()).map_err(|error| error_chain(&error))
        }
        // A message may hold GS1 elements (format 05).
        _ => scan.identity().ok_or_else(|| {
            "not a GS1 code; switch the AIM identifier on at the scanner, or set assume_gs1"
                .to_owned()
        }),
    }
}

/// The keys of what a scan mentions at a station with a task.
pub(crate) fn mentioned(codes: &Codes, scanner: &StationScanner, data: &[u8]) -> Vec<String> {
    let Ok(Meaning::Content(content)) = codes.meaning(data, scanner) else {
        return Vec::new();
    };
    let order = content.order.map(|order| order.uri);
    let things = content.thing.iter().flat_map(job::keys);
    order.into_iter().chain(things).collect()
}
