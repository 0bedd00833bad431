//! A door over weeks of simulated time: traffic by day, nothing at night and on weekends, and what goes wrong.

use std::path::Path;

use tracegate_pipeline::Read;

use super::*;
use crate::config;
use crate::health::{BrokerState, DeviceState};

const DOOR: &str = r#"[gateway]
site = "plant-3"
[llrp.dock_1]
host = "10.0.4.21"
[llrp.dock_2]
host = "10.0.4.22"
[read_point.dock]
mode = "dock"
sgln = "urn:epc:id:sgln:4012345.00001.dock1"
inside = ["dock_1/1", "dock_1/2"]
outside = ["dock_2/1", "dock_2/2"]
in = { biz_step = "receiving" }
[tags]
reference = ["hex:aa*"]
[mqtt]
url = "mqtt://10.0.4.2"
"#;

/// Monday, 2026-11-02, in pieces since 1970.
const MONDAY: i64 = 1_793_577_600 / 900;
const PLACES: [(DeviceIndex, u16); 4] = [(0, 1), (0, 2), (1, 1), (1, 2)];

/// What an antenna does: how many times a tag is read, and how strong; and how often a reference tag is.
#[derive(Debug, Clone, Copy)]
struct Conduct {
    reads: u32,
    rssi: i8,
    reference: u32,
}

const WELL: Conduct = Conduct {
    reads: 20,
    rssi: -55,
    reference: 0,
};

struct Door {
    antennas: Antennas,
    health: Health,
    piece: i64,
    tag: u32,
    conduct: [Conduct; 4],
    /// Tags that are always before an antenna.
    parked: [u32; 4],
    busy: fn(i64) -> bool,
    said: Vec<String>,
}

/// From 6 to 22 o'clock, Monday to Friday.
fn at_work(piece: i64) -> bool {
    let day = (piece - MONDAY).div_euclid(PIECES_PER_DAY).rem_euclid(7);
    day < 5 && (24..88).contains(&piece.rem_euclid(PIECES_PER_DAY))
}

fn config() -> PipelineConfig {
    let path = Path::new("gateway.toml");
    let loaded = config::from_bytes(path, DOOR.as_bytes(), std::iter::empty())
        .unwrap_or_else(|report| panic!("{}", report.render(config::Format::Human)));
    let devices = crate::topology::devices(&loaded.config).unwrap();
    crate::topology::pipeline(&loaded.config, &devices)
}

fn read(antenna: u16, tag: [u8; 5], conduct: Conduct, count: u32) -> Read {
    let mut epc = tag.to_vec();
    epc.resize(12, 0);
    Read {
        epc,
        bit_len: 96,
        pc: None,
        antenna,
        rssi_dbm: Some(conduct.rssi),
        device_time: None,
        waited_us: 0,
        more: count - 1,
        extra: None,
    }
}

/// Broker and readers are connected.
fn well() -> Health {
    let health = Health::new("plant-3", "e");
    health.broker(BrokerState::Up);
    for name in ["dock_1", "dock_2"] {
        health.device(name, DeviceState::Up);
    }
    health
}

impl Door {
    fn new() -> Self {
        let mut antennas = Antennas::default();
        antennas.configure(&config());
        Self {
            antennas,
            health: well(),
            piece: MONDAY,
            tag: 0,
            conduct: [WELL; 4],
            parked: [0; 4],
            busy: at_work,
            said: Vec::new(),
        }
    }

    /// One piece of time.
    fn pass(&mut self) {
        let at = Time(self.piece * PIECE_US);
        for verdict in self.antennas.time(at).into_iter().flatten() {
            tell(&verdict, &self.health);
            if let Some(text) = verdict.text {
                let said = format!("{}: {text}", verdict.device);
                if !self.said.contains(&said) {
                    self.said.push(said);
                }
            }
        }
        // Traffic is not the same in each piece.
        let loads = if (self.busy)(self.piece) {
            14 + self.piece as u32 * 7 % 11
        } else {
            0
        };
        for (index, (device, antenna)) in PLACES.into_iter().enumerate() {
            let (conduct, parked) = (self.conduct[index], self.parked[index]);
            let mut reads = Vec::new();
            for load in 0..loads {
                let [a, b, c, d] = (self.tag + load).to_be_bytes();
                // An antenna that reads little misses tags altogether.
                if conduct.reads > 2 || (load % 2 == 0 && conduct.reads > 0) {
                    reads.push(read(antenna, [0x30, a, b, c, d], conduct, conduct.reads));
                }
            }
            for tag in 0..parked {
                let [a, b, c, d] = tag.to_be_bytes();
                reads.push(read(antenna, [0x31, a, b, c, d], conduct, 9_000));
            }
            if conduct.reference > 0 {
                reads.push(read(
                    antenna,
                    [0xaa, 0, 0, 0, 1],
                    conduct,
                    conduct.reference,
                ));
            }
            if !reads.is_empty() {
                let inputs = [Input::Reads { device, at, reads }];
                self.antennas.take(&inputs, &self.health);
            }
        }
        self.tag += loads;
        self.piece += 1;
    }

    fn days(&mut self, days: i64) {
        for _ in 0..days * PIECES_PER_DAY {
            self.pass();
        }
    }

    /// Pieces until something is said, at most a day's.
    fn until_said(&mut self) -> Option<i64> {
        self.said.clear();
        (1..=PIECES_PER_DAY).find(|_| {
            self.pass();
            !self.said.is_empty()
        })
    }
}

#[test]
fn idle_weekends_nights_and_parked_pallets_are_no_fault_of_antennas() {
    let mut door = Door::new();
    door.days(5);
    // Over the weekend fifty pallets stand before one antenna.
    door.parked = [50, 0, 0, 0];
    door.days(2);
    assert_eq!(door.said, [""; 0]);
    door.parked = [0; 4];
    door.days(12);
    assert_eq!(door.said, [""; 0]);
    // A holiday in the week, and half the traffic after it.
    door.busy = |_| false;
    door.days(3);
    door.busy = |piece| at_work(piece) && piece % 2 == 0;
    door.days(7);
    assert_eq!(door.said, [""; 0]);
}

#[test]
fn an_antenna_that_reads_a_tenth_is_told_within_hours_of_traffic_and_no_other() {
    let mut door = Door::new();
    door.days(9);
    door.pass();
    door.conduct[1].reads = 2;
    // From midnight to six there is no traffic.
    let pieces = door.until_said().expect("it is told");
    assert!((24..=24 + 6).contains(&pieces), "{pieces} pieces");
    assert_eq!(
        door.said,
        [
            "dock_1: antenna 2 reads only about 10 % of what it used to read, while its neighbours read as usual"
        ]
    );
    door.health.shows_alone("ANTENNA-WEAK");
    // It does not become usual within days, and ends soon after it is mended.
    door.days(4);
    door.said.clear();
    door.days(1);
    assert_eq!(door.said.len(), 1);
    door.conduct[1] = WELL;
    door.days(3);
    door.said.clear();
    door.days(1);
    assert_eq!(door.said, [""; 0]);
}

#[test]
fn what_stays_low_for_two_weeks_was_meant() {
    let mut door = Door::new();
    door.days(9);
    door.conduct[1].reads = 6;
    door.days(2);
    assert!(
        door.said[0].contains("only about 30 % of what"),
        "{:?}",
        door.said
    );
    door.days(24);
    door.said.clear();
    door.days(7);
    assert_eq!(door.said, [""; 0]);
}

#[test]
fn a_fading_cable_is_told_by_strength() {
    let mut door = Door::new();
    door.days(9);
    door.conduct[3].rssi = -64;
    door.days(1);
    assert_eq!(
        door.said,
        ["dock_2: antenna 2 reads about 9 dB weaker than it used to"]
    );
}

#[test]
fn nothing_is_said_before_there_is_a_history() {
    let mut door = Door::new();
    door.conduct[2].reads = 1;
    door.days(7);
    assert_eq!(door.said, [""; 0], "it never was better");
}

#[test]
fn a_reader_that_reads_nothing_beside_one_that_reads_is_silent_itself() {
    let mut door = Door::new();
    door.days(8);
    let nothing = Conduct { reads: 0, ..WELL };
    (door.conduct[2], door.conduct[3]) = (nothing, nothing);
    let pieces = door.until_said().expect("it is told");
    assert!((24..=24 + 4).contains(&pieces), "{pieces} pieces");
    assert_eq!(
        door.said,
        ["dock_2: it is connected and reads nothing, although its neighbours read"]
    );
    door.health.shows_alone("READER-SILENT");
    // One that is away is told otherwise.
    let mut door = Door::new();
    door.days(8);
    (door.conduct[2], door.conduct[3]) = (nothing, nothing);
    for _ in 0..PIECES_PER_DAY {
        let at = Time(door.piece * PIECE_US);
        door.pass();
        let gone = Input::Device {
            device: 1,
            at,
            up: false,
            reader_time: None,
        };
        door.antennas.take(&[gone], &door.health);
    }
    assert_eq!(door.said, [""; 0]);
}

#[test]
fn reference_tags_tell_without_traffic() {
    let mut door = Door::new();
    door.busy = |_| false;
    for conduct in &mut door.conduct {
        conduct.reference = 200;
    }
    door.days(5);
    door.conduct[0].reference = 0;
    let pieces = door.until_said().expect("it is told");
    assert!(pieces <= 8, "{pieces} pieces");
    assert_eq!(
        door.said,
        ["dock_1: antenna 1 reads next to nothing of what it used to read of the reference tags"]
    );
}

#[test]
fn what_was_learned_survives_a_restart_and_a_damaged_file_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("antennas.json");
    let mut door = Door::new();
    door.days(9);
    let mut all: BTreeMap<(String, u16), Tracks> = BTreeMap::new();
    for ((device, antenna), known) in &door.antennas.antennas {
        let name = door.antennas.names[usize::from(*device)].clone();
        all.insert((name, *antenna), known.tracks.clone());
    }
    file::save(&path, &all);
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size < 4 * 16 * 1024, "{size} bytes for four antennas");
    assert_eq!(file::load(&path), all);
    let mut again = Door::new();
    again.antennas = Antennas::remembered(path.clone());
    again.antennas.configure(&config());
    again.antennas.file = None;
    again.piece = door.piece;
    again.conduct[1].reads = 1;
    assert!(again.until_said().is_some());
    for damaged in [
        "",
        "{",
        "{\"version\":1,\"antennas\":[[\"a\",1,{\"rate\":{\"days\":7}}]]}",
        "{\"version\":9,\"antennas\":[]}",
    ] {
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(file::load(&path), BTreeMap::new(), "{damaged}");
    }
}

#[test]
fn a_flood_of_tags_takes_no_memory_without_end_and_is_not_judged() {
    let mut slot = Slot::default();
    for tag in 0..20_000_u32 {
        let [a, b, c, d] = tag.to_be_bytes();
        slot.read(0, &read(1, [0x30, a, b, c, d], WELL, 1), &[]);
    }
    assert!(slot.is_full());
    assert_eq!(slot.tags, 4_096);
    slot.begin(1);
    slot.begin(2);
    assert!(!slot.is_full() && slot.tags == 0);
}
