use proptest::prelude::*;

use super::*;

const S: i64 = 1_000_000;
const PORT: (DeviceIndex, u16) = (0, 1);

fn config(together: bool) -> ZoneConfig {
    let step = |biz_step: &str| {
        Some(Step {
            biz_step: biz_step.to_owned(),
            ..Step::default()
        })
    };
    ZoneConfig {
        antennas: vec![PORT],
        arrive: step("storing"),
        depart: step("staging_outbound"),
        stay: step("storing"),
        dwell: vec![Span(60 * S), Span(600 * S)],
        together,
        tuning: ZoneTuning::default(),
        ..ZoneConfig::default()
    }
}

fn tag(n: u8) -> EpcKey {
    EpcKey {
        epc: vec![n],
        bit_len: 8,
    }
}

/// What is told about reads of tags at times in ms, up to `end` in s, a line each.
fn told(config: &ZoneConfig, reads: &[(i64, u8)], silence: Option<Span>, end: i64) -> Vec<String> {
    let mut zone = Zone::default();
    let mut reads = reads.to_vec();
    reads.sort_unstable();
    let mut noted = Vec::new();
    for (at_ms, n) in reads {
        let at = Time(at_ms * 1000);
        zone.advance(config, at, Some(at), BTreeSet::new(), &mut noted);
        let seen = Seen {
            pc: None,
            uncertainty: Span::default(),
            silence,
        };
        assert_eq!(zone.push(at, PORT, tag(n), seen), Taken::InTime);
    }
    let end = Time(end * S);
    zone.advance(config, end, Some(end), BTreeSet::new(), &mut noted);
    noted.iter().map(line).collect()
}

fn line(noted: &Noted) -> String {
    let members: Vec<String> = noted
        .members
        .iter()
        .map(|(key, _)| key.epc[0].to_string())
        .collect();
    let change = match noted.change {
        Change::Dwell(time) => format!("dwell {}", time.0 / S),
        other => other.as_str().to_owned(),
    };
    format!(
        "{:.1} {change} {}",
        Span(noted.at.0).seconds(),
        members.join(" ")
    )
}

/// A read every `every` ms from `from` to `to` s.
fn steady(n: u8, from: i64, to: i64, every: usize) -> Vec<(i64, u8)> {
    (from * 1000..=to * 1000)
        .step_by(every)
        .map(|at| (at, n))
        .collect()
}

#[test]
fn what_comes_and_leaves_together_is_one_event_each() {
    let reads = [steady(1, 10, 40, 300), steady(2, 11, 41, 700)].concat();
    assert_eq!(
        told(&config(true), &reads, None, 200),
        ["10.0 arrive 1 2", "40.4 depart 1 2"]
    );
    assert_eq!(
        told(&config(false), &reads, None, 200),
        [
            "10.0 arrive 1",
            "11.0 arrive 2",
            "40.0 depart 1",
            "40.4 depart 2"
        ]
    );
}

#[test]
fn a_ghost_does_not_arrive() {
    let reads = [(10_000, 1), (14_000, 1), (20_000, 1), (20_100, 1)];
    assert!(told(&config(true), &reads, None, 100).is_empty());
}

#[test]
fn a_tag_that_fades_has_not_left() {
    // Parked for an hour, with a pause of 25 s every minute.
    let reads: Vec<(i64, u8)> = steady(1, 0, 3_600, 500)
        .into_iter()
        .filter(|(at, _)| at % 60_000 < 35_000)
        .collect();
    assert_eq!(
        told(&config(true), &reads, None, 3_700),
        [
            "0.0 arrive 1",
            "60.0 dwell 60 1",
            "600.0 dwell 600 1",
            "3600.0 depart 1"
        ]
    );
}

#[test]
fn a_tag_that_is_read_rarely_is_given_more_time() {
    let mut visits = [300, 2_000].map(|every| {
        let mut visit = Visit::new(None, 0, None, Time(0));
        let tuning = ZoneTuning {
            appear_within: Span::millis(9_000),
            ..ZoneTuning::default()
        };
        for at in (0..15_000).step_by(every) {
            visit.observe(&tuning, Time(at * 1000), 0);
        }
        visit
    });
    let tuning = ZoneTuning::default();
    let wait = visits.each_ref().map(|it| it.lost_after(&tuning).0 / 1000);
    assert_eq!(wait, [3_000, 9_210]);
    // Parked: the longest.
    for visit in &mut visits {
        visit.observe(&tuning, Time(19 * S), 0);
        assert_eq!(visit.lost_after(&tuning), tuning.lost_max);
    }
}

#[test]
fn a_tag_that_came_back_is_given_twice_its_pause() {
    let reads = [
        steady(1, 0, 100, 500),
        steady(1, 150, 250, 500),
        steady(1, 330, 400, 500),
    ]
    .concat();
    let lines = told(
        &ZoneConfig {
            dwell: Vec::new(),
            ..config(true)
        },
        &reads,
        None,
        700,
    );
    assert_eq!(
        lines,
        [
            "0.0 arrive 1",
            "100.0 depart 1",
            "150.0 arrive 1",
            "400.0 depart 1"
        ]
    );
}

#[test]
fn an_active_tag_may_be_silent_for_some_beacons() {
    let silence = Some(Span(4 * 30 * S));
    let beacons: Vec<(i64, u8)> = [0, 30, 60, 120, 210, 240, 300]
        .map(|at| (at * 1000, 1))
        .into();
    assert_eq!(
        told(&config(true), &beacons, silence, 1_000),
        ["0.0 arrive 1", "60.0 dwell 60 1", "300.0 depart 1"]
    );
}

#[test]
fn a_reader_that_is_away_sees_nobody_leave() {
    let config = config(true);
    let (mut zone, mut noted) = (Zone::default(), Vec::new());
    let feed = |zone: &mut Zone, reads: &[(i64, u8)], noted: &mut Vec<Noted>| {
        for (at_ms, n) in reads {
            let at = Time(at_ms * 1000);
            zone.advance(&config, at, Some(at), BTreeSet::new(), noted);
            let seen = Seen {
                pc: None,
                uncertainty: Span::default(),
                silence: None,
            };
            zone.push(at, PORT, tag(*n), seen);
        }
    };
    let mut reads = [steady(1, 0, 80, 500), steady(2, 51, 80, 500)].concat();
    reads.sort_unstable();
    feed(&mut zone, &reads, &mut noted);
    // Nobody looks for an hour; then only one of them is still there.
    zone.advance(
        &config,
        Time(101 * S),
        None,
        BTreeSet::from([0]),
        &mut noted,
    );
    assert_eq!(zone.deadline(), None);
    feed(&mut zone, &steady(1, 3_700, 3_800, 500), &mut noted);
    let end = Time(3_801 * S);
    zone.advance(&config, end, Some(end), BTreeSet::new(), &mut noted);
    let lines: Vec<String> = noted.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "0.0 arrive 1",
            "51.0 arrive 2",
            "60.0 dwell 60 1",
            "600.0 dwell 600 1",
            "80.0 depart 2"
        ]
    );
}

#[test]
fn tags_are_bounded() {
    let (config, mut zone, mut noted) = (config(true), Zone::default(), Vec::new());
    for n in 0..MAX_TAGS as u32 + 5 {
        let key = EpcKey {
            epc: n.to_be_bytes().to_vec(),
            bit_len: 32,
        };
        let seen = Seen {
            pc: None,
            uncertainty: Span::default(),
            silence: None,
        };
        zone.push(Time(n.into()), PORT, key, seen);
    }
    zone.advance(&config, Time(S), Some(Time(S)), BTreeSet::new(), &mut noted);
    assert_eq!((zone.sizes().0, zone.capped), (MAX_TAGS, 5));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// However a parked tag fades for less than `lost_max`, it arrives once and departs once.
    #[test]
    fn parked_stock_does_not_flap(pauses in proptest::collection::vec(1..29_500_i64, 0..200)) {
        let mut reads = steady(1, 0, 20, 400);
        let mut at = 20_000;
        for pause in pauses {
            at += pause;
            reads.push((at, 1));
        }
        let config = ZoneConfig { dwell: Vec::new(), ..config(true) };
        let lines = told(&config, &reads, None, at / 1000 + 100);
        let last = Span(at.max(20_000) * 1000).seconds();
        prop_assert_eq!(lines, ["0.0 arrive 1".to_owned(), format!("{last:.1} depart 1")]);
    }

    /// Every arrival is followed by one departure at most, and the other way round.
    #[test]
    fn arrivals_and_departures_take_turns(
        reads in proptest::collection::vec((0..400_000_i64, 0..4_u8), 0..300),
        together in any::<bool>(),
    ) {
        let config = ZoneConfig { dwell: Vec::new(), ..config(together) };
        let lines = told(&config, &reads, None, 2_000);
        for n in 0..4_u8 {
            let own = lines.iter().filter(|line| {
                line.split(' ').skip(2).any(|member| member == n.to_string())
            });
            let words: Vec<&str> = own.map(|line| line.split(' ').nth(1).unwrap()).collect();
            prop_assert!(words.chunks(2).all(|pair| pair == ["arrive", "depart"]), "{:?}", lines);
        }
    }
}
