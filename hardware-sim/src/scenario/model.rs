//! The scenario as written.

use std::time::Duration;

use serde::Deserialize;

use super::{Company, ScenarioError, units};
use crate::reader::Fault;

/// A day (or a minute) at a plant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Everything random follows from it.
    #[serde(default = "defaults::seed")]
    pub seed: u64,
    /// Whose goods these are.
    pub company: Company,
    /// LLRP readers, each one portal.
    #[serde(default, rename = "reader")]
    pub readers: Vec<ReaderSpec>,
    /// What moves through the portals.
    #[serde(default)]
    pub traffic: Vec<Traffic>,
    /// Barcode scanners and what they scan.
    #[serde(default, rename = "scanner")]
    pub scanners: Vec<ScannerSpec>,
    /// What goes wrong with the readers.
    #[serde(default, rename = "fault")]
    pub faults: Vec<FaultSpec>,
}

/// A reader with the antennas of one door.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReaderSpec {
    /// Name of the device.
    pub name: String,
    /// Antennas on the inner side of the door.
    pub inside: Vec<u16>,
    /// Antennas on the outer side.
    pub outside: Vec<u16>,
    /// Number of antenna ports; 4 unless said.
    #[serde(default = "defaults::antennas")]
    pub antennas: u16,
    /// Name of the read point; the device's name unless said.
    #[serde(default)]
    pub read_point: Option<String>,
    /// Business step of an inbound passage.
    #[serde(default = "defaults::receiving")]
    pub in_step: String,
    /// Business step of an outbound passage.
    #[serde(default = "defaults::shipping")]
    pub out_step: String,
}

/// Pallets through one door.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// Name of the reader at the door.
    pub reader: String,
    /// How many pallets.
    pub pallets: u32,
    /// Fewest and most item tags on a pallet.
    #[serde(default = "defaults::items")]
    pub items: [u32; 2],
    /// Who goes where.
    #[serde(default)]
    pub pattern: Pattern,
    /// From 3 m outside to 3 m inside.
    #[serde(default = "defaults::crossing", deserialize_with = "units::duration")]
    pub crossing: Duration,
    /// Between the end of one passage and the start of the next.
    #[serde(default = "defaults::gap", deserialize_with = "units::duration")]
    pub gap: Duration,
    /// A pallet stays inside at least so long before it leaves again.
    #[serde(default = "defaults::dwell", deserialize_with = "units::duration")]
    pub dwell: Duration,
    /// Foreign tags read in passing, for ten passages: the mean.
    #[serde(default = "defaults::strays")]
    pub strays_in_ten: u32,
}

/// Something that goes wrong with a reader.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// Name of the reader.
    pub reader: String,
    /// How long after the start.
    #[serde(deserialize_with = "units::duration")]
    pub at: Duration,
    /// What: the words are those of [`FAULTS`](crate::reader::FAULTS).
    #[serde(deserialize_with = "fault")]
    pub what: Fault,
}

fn fault<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Fault, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// Which ways the pallets of a [`Traffic`] take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pattern {
    /// Every pallet comes in.
    In,
    /// Every pallet leaves.
    Out,
    /// Every pallet comes in and leaves later, others moving in between.
    #[default]
    InThenOut,
}

/// A scanner at a line: it scans lot labels.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScannerSpec {
    /// Name of the device.
    pub name: String,
    /// How it is attached.
    #[serde(default)]
    pub kind: ScannerKind,
    /// Name of the read point; the device's name unless said.
    #[serde(default)]
    pub read_point: Option<String>,
    /// How many lots, each scanned once.
    pub lots: u32,
    /// Time between two scans.
    #[serde(default = "defaults::every", deserialize_with = "units::duration")]
    pub every: Duration,
    /// Business step of a scan here.
    #[serde(default = "defaults::picking")]
    pub biz_step: String,
}

/// How a scanner is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ScannerKind {
    /// A serial port: a real pty.
    #[default]
    Pty,
    /// A TCP server on loopback; the daemon connects.
    Tcp,
}

/// What the daemon has to be told about a read point, and the ledger to expect of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadPoint {
    /// Its name: in config, topics and the table.
    pub name: String,
    /// Its identity as `urn:epc:id:sgln:…`.
    pub sgln: String,
    /// The reader or scanner behind it.
    pub device: String,
    /// Business step of inbound passages; `None` at a scanner.
    pub in_step: Option<String>,
    /// Business step of outbound passages; `None` at a scanner.
    pub out_step: Option<String>,
    /// Business step of scans; `None` at a portal.
    pub scan_step: Option<String>,
}

impl Scenario {
    /// Reads a scenario from TOML and checks that it fits together.
    ///
    /// # Errors
    /// [`ScenarioError`] naming the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// A scenario that comes with the program: `demo` is one dock and one line, for some minutes.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "demo" => {
                let demo =
                    Self::empty(2026)
                        .dock("dock_1", 40)
                        .line("line_1", ScannerKind::Pty, 40);
                let (crossing, gap) = (Duration::from_millis(2400), Duration::from_millis(2600));
                Some(demo.pace(crossing, gap, Duration::from_secs(4)))
            }
            _ => None,
        }
    }

    /// The names [`Scenario::named`] knows.
    pub const NAMES: [&'static str; 1] = ["demo"];

    /// Nothing happens; to be filled with [`Scenario::dock`] and [`Scenario::line`].
    pub fn empty(seed: u64) -> Self {
        let company = Company::new("4012345").expect("seven digits are a company prefix");
        Self {
            seed,
            company,
            readers: Vec::new(),
            traffic: Vec::new(),
            scanners: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Adds a dock door (antennas 1 and 2 outside, 3 and 4 inside) where `pallets` come in and leave again.
    #[must_use]
    pub fn dock(mut self, name: &str, pallets: u32) -> Self {
        self.readers.push(ReaderSpec {
            name: name.to_owned(),
            inside: vec![3, 4],
            outside: vec![1, 2],
            antennas: defaults::antennas(),
            read_point: None,
            in_step: defaults::receiving(),
            out_step: defaults::shipping(),
        });
        self.traffic.push(Traffic {
            reader: name.to_owned(),
            pallets,
            items: defaults::items(),
            pattern: Pattern::InThenOut,
            crossing: defaults::crossing(),
            gap: defaults::gap(),
            dwell: defaults::dwell(),
            strays_in_ten: defaults::strays(),
        });
        self
    }

    /// Adds a scanner where `lots` are scanned once each.
    #[must_use]
    pub fn line(mut self, name: &str, kind: ScannerKind, lots: u32) -> Self {
        self.scanners.push(ScannerSpec {
            name: name.to_owned(),
            kind,
            read_point: None,
            lots,
            every: defaults::every(),
            biz_step: defaults::picking(),
        });
        self
    }

    /// Sets the pace of everything so far: how long a pallet crosses, the gap to the next, the time between scans.
    #[must_use]
    pub fn pace(mut self, crossing: Duration, gap: Duration, every: Duration) -> Self {
        for traffic in &mut self.traffic {
            (traffic.crossing, traffic.gap) = (crossing, gap);
        }
        for scanner in &mut self.scanners {
            scanner.every = every;
        }
        self
    }

    /// All read points, doors first, in the order of the scenario.
    pub fn read_points(&self) -> Vec<ReadPoint> {
        let doors = self.readers.iter().map(|r| {
            (
                &r.name,
                &r.read_point,
                Some((&r.in_step, &r.out_step)),
                None,
            )
        });
        let lines = self
            .scanners
            .iter()
            .map(|s| (&s.name, &s.read_point, None, Some(s.biz_step.clone())));
        doors
            .chain(lines)
            .zip(1..)
            .map(|((device, read_point, steps, scan_step), number)| {
                let name = read_point.as_ref().unwrap_or(device).clone();
                ReadPoint {
                    sgln: self.company.sgln(number, &name),
                    name,
                    device: device.clone(),
                    in_step: steps.map(|(inbound, _)| inbound.clone()),
                    out_step: steps.map(|(_, outbound)| outbound.clone()),
                    scan_step,
                }
            })
            .collect()
    }

    /// Whether the parts fit together; [`Scenario::timeline`] asks too.
    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        let wrong = |what: String| Err(ScenarioError::Invalid(what));
        let mut names: Vec<&str> = self.readers.iter().map(|r| r.name.as_str()).collect();
        names.extend(self.scanners.iter().map(|s| s.name.as_str()));
        names.sort_unstable();
        if let Some([twice, _]) = names.array_windows().find(|[a, b]| a == b) {
            return wrong(format!("two devices are called `{twice}`"));
        }
        for reader in &self.readers {
            if reader.inside.is_empty() || reader.outside.is_empty() {
                return wrong(format!(
                    "reader `{}` needs antennas inside and outside",
                    reader.name
                ));
            }
            let beyond = reader
                .inside
                .iter()
                .chain(&reader.outside)
                .find(|a| !(1..=reader.antennas).contains(*a));
            if let Some(antenna) = beyond {
                return wrong(format!("reader `{}` has no antenna {antenna}", reader.name));
            }
        }
        let faulty = self.faults.iter().map(|fault| &fault.reader);
        for reader in faulty {
            if !self.readers.iter().any(|known| known.name == *reader) {
                return wrong(format!("there is no reader `{reader}` to go wrong"));
            }
        }
        for traffic in &self.traffic {
            if !self.readers.iter().any(|r| r.name == traffic.reader) {
                return wrong(format!("there is no reader `{}`", traffic.reader));
            }
            let [fewest, most] = traffic.items;
            if fewest == 0 || fewest > most || most > 500 {
                return wrong(format!(
                    "items = [{fewest}, {most}] is not a range within 1 to 500"
                ));
            }
            if traffic.crossing < Duration::from_millis(200) {
                return wrong(format!(
                    "nothing crosses the door of `{}` in {:?}",
                    traffic.reader, traffic.crossing
                ));
            }
        }
        Ok(())
    }
}

mod defaults {
    use std::time::Duration;

    pub(super) fn seed() -> u64 {
        1
    }
    pub(super) fn antennas() -> u16 {
        4
    }
    pub(super) fn items() -> [u32; 2] {
        [8, 24]
    }
    pub(super) fn crossing() -> Duration {
        Duration::from_millis(1500)
    }
    pub(super) fn gap() -> Duration {
        Duration::from_millis(1500)
    }
    pub(super) fn dwell() -> Duration {
        Duration::from_secs(10)
    }
    pub(super) fn every() -> Duration {
        Duration::from_secs(2)
    }
    pub(super) fn strays() -> u32 {
        3
    }
    pub(super) fn receiving() -> String {
        "receiving".to_owned()
    }
    pub(super) fn shipping() -> String {
        "shipping".to_owned()
    }
    pub(super) fn picking() -> String {
        "picking".to_owned()
    }
}
