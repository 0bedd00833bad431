use std::{collections::HashMap, time::Duration};

use super::*;

fn one_dock(seed: u64, pallets: u32) -> Scenario {
    Scenario::empty(seed)
        .dock("dock_1", pallets)
        .line("line_1", ScannerKind::Pty, 5)
}

#[test]
fn the_seed_decides_everything() {
    let timeline = one_dock(7, 6).timeline().unwrap();
    assert_eq!(timeline, one_dock(7, 6).timeline().unwrap());
    assert_ne!(
        timeline.sightings,
        one_dock(8, 6).timeline().unwrap().sightings
    );
    assert!(timeline.sightings.is_sorted_by_key(|s| s.at_us));
}

#[test]
fn every_pallet_comes_in_and_leaves_with_the_same_goods() {
    let timeline = one_dock(3, 12).timeline().unwrap();
    let mut by_pallet: HashMap<&str, Vec<&Passage>> = HashMap::new();
    for movement in &timeline.truth {
        if let Movement::Passage(passage) = movement {
            by_pallet.entry(&passage.sscc).or_default().push(passage);
        }
    }
    assert_eq!(by_pallet.len(), 12);
    for passages in by_pallet.values() {
        let [inbound, outbound] = passages[..] else {
            panic!("{passages:?}")
        };
        assert_eq!(
            (inbound.direction, outbound.direction),
            (Direction::In, Direction::Out)
        );
        assert!(
            outbound.from_us >= inbound.to_us + 10_000_000,
            "dwells inside"
        );
        assert_eq!(inbound.items, outbound.items);
        assert!((8..=24).contains(&inbound.items.len()) && inbound.items.is_sorted());
    }
    let mut spans: Vec<_> = by_pallet
        .values()
        .flatten()
        .map(|p| (p.from_us, p.to_us))
        .collect();
    spans.sort_unstable();
    assert!(
        spans.array_windows().all(|[a, b]| a.1 + 1_500_000 <= b.0),
        "passages keep their gap"
    );
}

/// Loudness of the two sides in the first and last third of a passage, summed over its reads.
#[test]
fn the_side_a_pallet_is_on_is_the_louder_one() {
    let timeline = one_dock(11, 20).timeline().unwrap();
    for movement in &timeline.truth {
        let Movement::Passage(passage) = movement else {
            continue;
        };
        let third = (passage.to_us - passage.from_us) / 3;
        let energy = |antennas: [u16; 2], from: u64, to: u64| -> f64 {
            (timeline.sightings.iter())
                .filter(|s| (from..to).contains(&s.at_us) && antennas.contains(&s.antenna))
                .map(|s| 10_f64.powf(f64::from(s.rssi_dbm) / 10.0))
                .sum()
        };
        let (origin, destination) = match passage.direction {
            Direction::In => ([1, 2], [3, 4]),
            Direction::Out => ([3, 4], [1, 2]),
        };
        let first = (passage.from_us, passage.from_us + third);
        let last = (passage.to_us - third, passage.to_us);
        assert!(
            energy(origin, first.0, first.1) > 2.0 * energy(destination, first.0, first.1),
            "{passage:?}"
        );
        assert!(
            energy(destination, last.0, last.1) > 2.0 * energy(origin, last.0, last.1),
            "{passage:?}"
        );
    }
}

#[test]
fn every_tag_is_read_on_both_sides_but_not_without_end() {
    for seed in 0..5 {
        let timeline = one_dock(seed, 30).timeline().unwrap();
        let (mut worst, mut reads, mut tags) = (usize::MAX, 0, 0);
        for movement in &timeline.truth {
            let Movement::Passage(passage) = movement else {
                continue;
            };
            let mut sides: HashMap<&[u8], [usize; 2]> = HashMap::new();
            let during =
                |s: &&Sighting| (passage.from_us..passage.to_us + 100_000).contains(&s.at_us);
            for sighting in timeline
                .sightings
                .iter()
                .filter(during)
                .filter(|s| s.rssi_dbm > -73)
            {
                sides.entry(&sighting.epc).or_default()[usize::from(sighting.antenna > 2)] += 1;
            }
            tags += sides.len();
            reads += sides.values().flatten().sum::<usize>();
            worst = sides
                .values()
                .map(|side| side[0].min(side[1]))
                .min()
                .unwrap_or(0)
                .min(worst);
            assert_eq!(
                sides.len(),
                passage.items.len() + 1,
                "seed {seed}: {passage:?}"
            );
        }
        eprintln!(
            "seed {seed}: {:.1} reads a tag, fewest on a side {worst}",
            reads as f64 / tags as f64
        );
        assert!(worst >= 1, "seed {seed}");
        assert!(
            (6..60).contains(&(reads / tags)),
            "seed {seed}: {reads} reads of {tags} tags"
        );
    }
}

/// In seed 10037 the air left out all but one read of a tag, and nobody could have told that it went along.
#[test]
fn a_pallet_in_a_hurry_is_legible() {
    let docks = (1..=4).map(|dock| format!("dock_{dock}"));
    let scenario = docks.fold(Scenario::empty(10_037), |scenario, dock| {
        scenario.dock(&dock, 50)
    });
    let (crossing, second) = (Duration::from_millis(1_200), Duration::from_secs(1));
    let timeline = scenario.pace(crossing, second, second).timeline().unwrap();
    for movement in &timeline.truth {
        let Movement::Passage(passage) = movement else {
            continue;
        };
        let during = passage.from_us..passage.to_us + 100_000;
        let mut reads: HashMap<&[u8], usize> = HashMap::new();
        for sighting in &timeline.sightings {
            if sighting.reader == passage.reader && during.contains(&sighting.at_us) {
                *reads.entry(&sighting.epc).or_default() += 1;
            }
        }
        let well_read = reads.values().filter(|reads| **reads >= 2).count();
        assert_eq!(well_read, passage.items.len() + 1, "{passage:?}");
    }
}

#[test]
fn scans_are_gs1_element_strings_with_their_truth() {
    let timeline = one_dock(5, 1).timeline().unwrap();
    let truth: Vec<_> = timeline
        .truth
        .iter()
        .filter(|m| matches!(m, Movement::Scan(_)))
        .collect();
    assert_eq!((timeline.scans.len(), truth.len()), (5, 5));
    for (scan, truth) in timeline.scans.iter().zip(truth) {
        let Movement::Scan(truth) = truth else {
            panic!()
        };
        let (gtin, rest) = scan.text.strip_prefix("]d201").unwrap().split_at(14);
        let (lot, quantity) = rest
            .strip_prefix("1728123110")
            .unwrap()
            .split_once("\u{1d}30")
            .unwrap();
        assert_eq!(
            truth.class,
            format!("https://id.gs1.org/01/{gtin}/10/{lot}")
        );
        assert_eq!(truth.quantity.to_string(), quantity);
        assert_eq!(check_digit(&gtin[..13]).to_string(), gtin[13..]);
    }
}

#[test]
fn the_same_thing_has_one_spelling() {
    for (urn, link) in [
        (
            "urn:epc:id:sgtin:0614141.712345.17",
            "https://id.gs1.org/01/70614141123451/21/17",
        ),
        (
            "urn:epc:id:sscc:4012345.3000000123",
            "https://id.gs1.org/00/340123450000001236",
        ),
        (
            "urn:epc:class:lgtin:4012345.012345.L1",
            "https://id.gs1.org/01/04012345123456/10/L1",
        ),
        (
            "urn:epc:id:sgln:4012345.00001.dock1",
            "https://id.gs1.org/414/4012345000016/254/dock1",
        ),
        (
            "urn:epc:id:sgln:4012345.00001.0",
            "https://id.gs1.org/414/4012345000016",
        ),
        ("https://id.gs1.org/00/1", "https://id.gs1.org/00/1"),
        ("urn:epc:id:sgtin:", "urn:epc:id:sgtin:"),
    ] {
        assert_eq!(canonical_uri(urn), link);
    }
}

#[test]
fn cutting_short_keeps_whole_movements() {
    let whole = one_dock(9, 10)
        .line("line_2", ScannerKind::Tcp, 9)
        .dock("dock_2", 10)
        .timeline()
        .unwrap();
    let part = whole.clone().until(Duration::from_secs(15));
    assert!(!part.truth.is_empty() && part.truth.len() < whole.truth.len());
    assert!(part.duration() <= Duration::from_millis(15_200));
    let scans = part
        .truth
        .iter()
        .filter(|m| matches!(m, Movement::Scan(_)))
        .count();
    assert_eq!(part.scans.len(), scans);
    for sighting in &part.sightings {
        let covers =
            |m: &Movement| (m.span_us().0..m.span_us().1 + 100_000).contains(&sighting.at_us);
        assert!(
            part.truth
                .iter()
                .any(|m| m.device() == &sighting.reader && covers(m))
        );
    }
}

#[test]
fn mistakes_in_a_scenario_are_named() {
    let head = "[company]\nprefix = \"4012345\"\n";
    let dock = "[[reader]]\nname = \"d\"\ninside = [3]\noutside = [1]\n";
    for (text, expect) in [
        (format!("{head}{dock}"), None),
        (
            format!("{head}[[traffic]]\nreader = \"x\"\npallets = 1\n"),
            Some("there is no reader `x`"),
        ),
        (
            format!("{head}{dock}{dock}"),
            Some("two devices are called `d`"),
        ),
        (
            format!("{head}[[reader]]\nname = \"d\"\ninside = [9]\noutside = [1]\n"),
            Some("has no antenna 9"),
        ),
        (
            format!("{head}{dock}[[traffic]]\nreader = \"d\"\npallets = 1\nitems = [5, 2]\n"),
            Some("not a range"),
        ),
        (
            format!("{head}{dock}[[fault]]\nreader = \"x\"\nat = \"1s\"\nwhat = \"reboot\"\n"),
            Some("there is no reader `x` to go wrong"),
        ),
        (
            format!("{head}{dock}[[fault]]\nreader = \"d\"\nat = \"1s\"\nwhat = \"burn\"\n"),
            Some("`burn` is no fault; faults are: cut fin|rst"),
        ),
        (format!("{head}colour = 1\n"), Some("colour")),
        (
            "[company]\nprefix = \"40\"\n".to_owned(),
            Some("not a company prefix"),
        ),
    ] {
        let said = Scenario::parse(&text).err().map(|error| match &error {
            ScenarioError::Toml(cause) => cause.to_string(),
            other => other.to_string(),
        });
        match (expect, said) {
            (None, None) => {}
            (Some(expect), Some(said)) => assert!(said.contains(expect), "{said}"),
            (expect, said) => panic!("{text}\nexpected {expect:?}, got {said:?}"),
        }
    }
    assert!(Scenario::named("demo").unwrap().timeline().is_ok());
    assert!(Scenario::named("nothing").is_none());
}

#[test]
fn the_documented_example_is_a_scenario() {
    let lines = include_str!("mod.rs")
        .lines()
        .map(|line| line.trim_start_matches("//!").trim());
    let example: Vec<&str> = lines
        .skip_while(|line| *line != "```toml")
        .skip(1)
        .take_while(|line| *line != "```")
        .collect();
    let scenario = Scenario::parse(&example.join("\n")).unwrap();
    assert_eq!((scenario.seed, scenario.traffic[0].pallets), (7, 50));
    let points = scenario.read_points();
    let told: Vec<_> = points
        .iter()
        .map(|point| (point.name.as_str(), point.sgln.as_str()))
        .collect();
    let dock = ("dock_1", "urn:epc:id:sgln:4012345.00001.dock_1");
    assert_eq!(
        told,
        [dock, ("line_1", "urn:epc:id:sgln:4012345.00002.line_1")]
    );
}
