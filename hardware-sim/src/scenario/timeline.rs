//! Every read and scan of a scenario with its time, and the truth behind them.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use fastrand::Rng;

use crate::reader::Fault;

use super::{
    Pattern, ReaderSpec, ScannerSpec, Scenario, ScenarioError, Traffic,
    identity::Product,
    portal::{self, Antenna, Mounting, Way},
};

/// One tag read by one antenna.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Microseconds after the start of the timeline.
    pub at_us: u64,
    /// Name of the reader.
    pub reader: Arc<str>,
    /// Antenna number, from 1.
    pub antenna: u16,
    /// EPC memory after the PC word.
    pub epc: Arc<[u8]>,
    /// The PC word.
    pub pc: u16,
    /// As a reader reports it: whole dBm.
    pub rssi_dbm: i8,
}

/// One label scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Microseconds after the start of the timeline.
    pub at_us: u64,
    /// Name of the scanner.
    pub scanner: Arc<str>,
    /// AIM identifier and element string, FNC1 as GS, without the line end.
    pub text: String,
}

/// Which way through a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From outside to inside.
    In,
    /// From inside to outside.
    Out,
}

/// Something that really happened, and must arrive at the store once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Movement {
    /// A pallet went through a door.
    Passage(Passage),
    /// A lot was scanned.
    Scan(ScanMovement),
}

impl Movement {
    /// The read point it happened at.
    pub fn read_point(&self) -> &str {
        match self {
            Self::Passage(passage) => &passage.read_point,
            Self::Scan(scan) => &scan.read_point,
        }
    }

    /// The reader or scanner that saw it.
    pub fn device(&self) -> &Arc<str> {
        match self {
            Self::Passage(passage) => &passage.reader,
            Self::Scan(scan) => &scan.scanner,
        }
    }

    /// First and last moment, in microseconds after the start of the timeline.
    pub fn span_us(&self) -> (u64, u64) {
        match self {
            Self::Passage(passage) => (passage.from_us, passage.to_us),
            Self::Scan(scan) => (scan.at_us, scan.at_us),
        }
    }
}

/// A pallet went through a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Name of the reader.
    pub reader: Arc<str>,
    /// Name of the read point.
    pub read_point: String,
    /// Which way.
    pub direction: Direction,
    /// The pallet: `https://id.gs1.org/00/…`.
    pub sscc: String,
    /// What is on it: `https://id.gs1.org/01/…/21/…`, sorted.
    pub items: Vec<String>,
    /// When the pallet set off, in microseconds after the start.
    pub from_us: u64,
    /// When it was through.
    pub to_us: u64,
}

/// A lot was scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanMovement {
    /// Name of the scanner.
    pub scanner: Arc<str>,
    /// Name of the read point.
    pub read_point: String,
    /// The lot: `https://id.gs1.org/01/…/10/…`.
    pub class: String,
    /// Pieces on the label (AI 30).
    pub quantity: u64,
    /// When, in microseconds after the start.
    pub at_us: u64,
}

/// What happens, in order of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    /// All reads of all readers.
    pub sightings: Vec<Sighting>,
    /// All scans of all scanners.
    pub scans: Vec<Scan>,
    /// All movements.
    pub truth: Vec<Movement>,
    /// Everything that goes wrong.
    pub faults: Vec<TimedFault>,
}

/// Something that goes wrong with a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedFault {
    /// When, in microseconds after the start.
    pub at_us: u64,
    /// Name of the reader.
    pub reader: Arc<str>,
    /// What.
    pub fault: Fault,
}

impl Timeline {
    /// When the last thing has happened.
    pub fn duration(&self) -> Duration {
        let movements = self.truth.iter().map(|movement| movement.span_us().1);
        let sightings = self.sightings.iter().map(|sighting| sighting.at_us);
        Duration::from_micros(movements.chain(sightings).max().unwrap_or(0))
    }

    /// What happens before `end`: at each device everything up to the first movement that is not over by then.
    #[must_use]
    pub fn until(mut self, end: Duration) -> Self {
        let end_us = micros(end);
        let mut cuts: HashMap<Arc<str>, u64> = HashMap::new();
        for movement in self
            .truth
            .iter()
            .filter(|movement| movement.span_us().1 > end_us)
        {
            let cut_us = cuts.entry(movement.device().clone()).or_insert(u64::MAX);
            *cut_us = movement.span_us().0.min(*cut_us);
        }
        let kept =
            |device: &Arc<str>, at_us: u64| cuts.get(device).is_none_or(|cut_us| at_us < *cut_us);
        self.truth
            .retain(|movement| kept(movement.device(), movement.span_us().0));
        self.sightings
            .retain(|sighting| kept(&sighting.reader, sighting.at_us));
        self.scans.retain(|scan| kept(&scan.scanner, scan.at_us));
        self.faults.retain(|fault| fault.at_us < end_us);
        self
    }
}

impl Scenario {
    /// Everything that happens, from the seed.
    ///
    /// # Errors
    /// [`ScenarioError`] when the scenario does not fit together or an identity does not fit on a tag.
    pub fn timeline(&self) -> Result<Timeline, ScenarioError> {
        self.check()?;
        let mut rng = Rng::with_seed(self.seed);
        let mut goods = Goods::new(self, &mut rng);
        let mut timeline = Timeline::default();
        for traffic in &self.traffic {
            let reader = self
                .readers
                .iter()
                .find(|reader| reader.name == traffic.reader);
            let reader = reader
                .ok_or_else(|| ScenarioError::Invalid(format!("no reader `{}`", traffic.reader)))?;
            Door::new(reader, traffic, rng.fork()).run(&mut goods, &mut timeline)?;
        }
        for scanner in &self.scanners {
            scan_lots(scanner, &goods, &mut rng.fork(), &mut timeline);
        }
        timeline
            .sightings
            .sort_by(|a, b| (a.at_us, &a.reader).cmp(&(b.at_us, &b.reader)));
        timeline
            .scans
            .sort_by(|a, b| (a.at_us, &a.scanner).cmp(&(b.at_us, &b.scanner)));
        timeline.truth.sort_by_key(Movement::span_us);
        timeline.faults = self.timed_faults();
        Ok(timeline)
    }
}

impl Scenario {
    fn timed_faults(&self) -> Vec<TimedFault> {
        let timed = self.faults.iter().map(|spec| TimedFault {
            at_us: micros(spec.at),
            reader: spec.reader.as_str().into(),
            fault: spec.what.clone(),
        });
        let mut faults: Vec<TimedFault> = timed.collect();
        faults.sort_by_key(|fault| fault.at_us);
        faults
    }
}

/// Makes pallets and hands out serial numbers, none twice in a scenario.
struct Goods {
    company: super::Company,
    products: Vec<Product>,
    next_pallet: u64,
    next_serial: u64,
}

/// A pallet with its tags; the first is its own.
struct Pallet {
    sscc: String,
    items: Vec<String>,
    tags: Vec<(Arc<[u8]>, Mounting)>,
}

impl Goods {
    fn new(scenario: &Scenario, rng: &mut Rng) -> Self {
        let first = rng.u64(100..900);
        Self {
            company: scenario.company.clone(),
            products: (0..3)
                .map(|i| scenario.company.product(first + 7 * i))
                .collect(),
            next_pallet: rng.u64(1_000..50_000),
            next_serial: rng.u64(100_000..900_000),
        }
    }

    fn pallet(&mut self, items: [u32; 2], rng: &mut Rng) -> Result<Pallet, ScenarioError> {
        let (tag, sscc) = self.company.logistic_unit(self.next_pallet);
        self.next_pallet += 1;
        let mut tags = vec![(encode(&tag)?, Mounting::random(rng))];
        let kinds = rng.usize(1..=self.products.len());
        let mut links = Vec::new();
        for number in 0..rng.u32(items[0]..=items[1]) {
            let kind = usize::try_from(number).unwrap_or(0) % kinds;
            let product = self
                .products
                .get(kind)
                .ok_or_else(|| ScenarioError::Invalid("no product".to_owned()))?;
            let (tag, link) = product.item(self.next_serial);
            self.next_serial += 1;
            tags.push((encode(&tag)?, Mounting::random(rng)));
            links.push(link);
        }
        links.sort();
        Ok(Pallet {
            sscc,
            items: links,
            tags,
        })
    }

    /// A tag of somebody else's goods.
    fn stray(&self, rng: &mut Rng) -> Result<Arc<[u8]>, ScenarioError> {
        encode(&format!(
            "urn:epc:tag:sgtin-96:1.7612345.0{:05}.{}",
            rng.u32(0..99_999),
            rng.u32(1..9_999_999)
        ))
    }
}

fn encode(uri: &str) -> Result<Arc<[u8]>, ScenarioError> {
    tracegate_gs1::epc::encode_tag_uri(uri)
        .map(|epc| epc.bytes.into())
        .map_err(|error| ScenarioError::Tag {
            uri: uri.to_owned(),
            reason: error.to_string(),
        })
}

/// One door while its traffic passes.
struct Door<'a> {
    reader: Arc<str>,
    read_point: &'a str,
    antennas: Vec<Antenna>,
    traffic: &'a Traffic,
    rng: Rng,
}

impl<'a> Door<'a> {
    fn new(reader: &'a ReaderSpec, traffic: &'a Traffic, rng: Rng) -> Self {
        Self {
            reader: reader.name.as_str().into(),
            read_point: reader.read_point.as_deref().unwrap_or(&reader.name),
            antennas: portal::antennas(&reader.inside, &reader.outside),
            traffic,
            rng,
        }
    }

    fn run(mut self, goods: &mut Goods, timeline: &mut Timeline) -> Result<(), ScenarioError> {
        let (gap_us, dwell_us) = (micros(self.traffic.gap), micros(self.traffic.dwell));
        let mut to_come = self.traffic.pallets;
        let mut inside: VecDeque<(u64, Pallet)> = VecDeque::new();
        let mut now_us = gap_us.max(500_000);
        loop {
            let may_leave = inside
                .front()
                .is_some_and(|(since, _)| since + dwell_us <= now_us);
            // Arrivals go on while pallets wait inside, so that the two directions mix.
            let leaves = may_leave && (to_come == 0 || self.rng.bool());
            if !leaves && to_come > 0 {
                to_come -= 1;
                let pallet = goods.pallet(self.traffic.items, &mut self.rng)?;
                let direction = if self.traffic.pattern == Pattern::Out {
                    Direction::Out
                } else {
                    Direction::In
                };
                now_us = self.pass(&pallet, direction, now_us, goods, timeline)?;
                if self.traffic.pattern == Pattern::InThenOut {
                    inside.push_back((now_us, pallet));
                }
                now_us += gap_us;
            } else if leaves {
                if let Some((_, pallet)) = inside.pop_front() {
                    now_us = self.pass(&pallet, Direction::Out, now_us, goods, timeline)? + gap_us;
                }
            } else if let Some((since, _)) = inside.front() {
                now_us = since + dwell_us;
            } else {
                return Ok(());
            }
        }
    }

    /// One pallet through the door from `from_us` on; returns when it is through.
    fn pass(
        &mut self,
        pallet: &Pallet,
        direction: Direction,
        from_us: u64,
        goods: &Goods,
        timeline: &mut Timeline,
    ) -> Result<u64, ScenarioError> {
        // No two passages take exactly as long.
        let crossing_us = micros(self.traffic.crossing) * self.rng.u64(95..=105) / 100;
        let to_us = from_us + crossing_us;
        let mountings: Vec<Mounting> = pallet
            .tags
            .iter()
            .map(|(_, mounting)| mounting.clone())
            .collect();
        let way = Way {
            direction,
            from_us,
            to_us,
        };
        let (heard, next) = way.legible(&self.antennas, &mountings, &mut self.rng);
        for read in heard {
            if let Some((epc, _)) = pallet.tags.get(read.tag) {
                let sighting = self.sighting(read.at_us, read.antenna, epc.clone(), read.rssi_dbm);
                timeline.sightings.push(sighting);
            }
        }
        if self.rng.u32(0..10) < self.traffic.strays_in_ten {
            let at_us = self.rng.u64(from_us..to_us);
            let antenna = self.antennas.get(next).map_or(1, |antenna| antenna.number);
            let rssi = -73.0 - 4.0 * self.rng.f64();
            let epc = goods.stray(&mut self.rng)?;
            timeline
                .sightings
                .push(self.sighting(at_us, antenna, epc, rssi));
        }
        timeline.truth.push(Movement::Passage(Passage {
            reader: self.reader.clone(),
            read_point: self.read_point.to_owned(),
            direction,
            sscc: pallet.sscc.clone(),
            items: pallet.items.clone(),
            from_us,
            to_us,
        }));
        Ok(to_us)
    }

    fn sighting(&self, at_us: u64, antenna: u16, epc: Arc<[u8]>, rssi: f64) -> Sighting {
        let words = u16::try_from(epc.len() / 2).unwrap_or(0);
        // Casting saturates, and no RSSI is near the ends.
        Sighting {
            at_us,
            reader: self.reader.clone(),
            antenna,
            epc,
            pc: words << 11,
            rssi_dbm: rssi.round() as i8,
        }
    }
}

fn scan_lots(scanner: &ScannerSpec, goods: &Goods, rng: &mut Rng, timeline: &mut Timeline) {
    let name: Arc<str> = scanner.name.as_str().into();
    let read_point = scanner.read_point.as_deref().unwrap_or(&scanner.name);
    let first_lot = rng.u32(1000..9000);
    for number in 0..scanner.lots {
        let Some(product) = goods.products.get(rng.usize(0..goods.products.len())) else {
            continue;
        };
        let lot = format!(
            "{}-{}",
            scanner.name.to_uppercase().replace('_', ""),
            first_lot + number
        );
        let lot: String = lot
            .chars()
            .rev()
            .take(20)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        let quantity = rng.u64(10..500);
        let at_us = micros(scanner.every) * u64::from(number + 1);
        // Made in 2026, good to the end of 2028 (AI 17 is fixed length, AI 10 needs its GS).
        let text = format!("]d201{}1728123110{lot}\u{1d}30{quantity}", product.gtin);
        timeline.scans.push(Scan {
            at_us,
            scanner: name.clone(),
            text,
        });
        timeline.truth.push(Movement::Scan(ScanMovement {
            scanner: name.clone(),
            read_point: read_point.to_owned(),
            class: product.lot(&lot),
            quantity,
            at_us,
        }));
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
