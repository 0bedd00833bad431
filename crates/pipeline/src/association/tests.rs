use proptest::prelude::*;

use super::*;
use crate::reference::{Batch, Facts, Reference};

const GTIN: &str = "04012345000016";
const OTHER: &str = "04012345000023";
const GAP: Span = Span::millis(650);

fn sscc(n: u32) -> String {
    format!("https://id.gs1.org/00/04012345000000{n:04}")
}

fn item(gtin: &str, serial: u32) -> String {
    format!("https://id.gs1.org/01/{gtin}/21/{serial}")
}

fn unit(n: u32, crossed_ms: i64) -> Member {
    Member {
        uri: sscc(n),
        gtin: None,
        item: None,
        lot: None,
        rank: Rank::Unit,
        crossed: Time(crossed_ms * 1000),
    }
}

fn goods(gtin: &str, serial: u32, crossed_ms: i64) -> Member {
    Member {
        uri: item(gtin, serial),
        gtin: Some(gtin.to_owned()),
        item: class_uri(gtin, None),
        lot: None,
        rank: Rank::Goods,
        crossed: Time(crossed_ms * 1000),
    }
}

fn instance(item: String) -> Content {
    Content {
        item,
        instance: true,
        lot: None,
        pieces: None,
    }
}

fn pieces(gtin: &str, lot: Option<&str>, pieces: u64) -> Content {
    Content {
        item: class_uri(gtin, lot).unwrap(),
        instance: false,
        lot: None,
        pieces: Some(pieces),
    }
}

fn knowing(contents: &[(String, Vec<Content>)]) -> References {
    let mut references = References::default();
    for (key, contents) in contents {
        let facts = Some(Facts::Contents(contents.clone()));
        let (key, version) = (key.clone(), 1);
        references.learn(
            Time(0),
            Reference {
                key,
                version,
                facts,
            },
        );
    }
    references
}

/// A line per load: parents, children, what is known of them.
fn lines(members: &[Member], references: &References) -> Vec<String> {
    let short = |uri: &String| uri.rsplit('/').next().unwrap_or_default().to_owned();
    let line = |load: &Load| {
        let parents: Vec<String> = load.parents.iter().map(short).collect();
        let children: Vec<String> = load.children.iter().map(|it| short(&it.uri)).collect();
        let doubt = if load.ambiguous { " ambiguous" } else { "" };
        let state = load.contents.as_ref().map_or(String::new(), |contents| {
            format!(
                " {:?} -{} -{:?} +{}",
                contents.state,
                contents.missing.len(),
                contents.short.values().collect::<Vec<_>>(),
                contents.unexpected.len()
            )
        });
        format!(
            "{}: {}{doubt}{state}",
            parents.join("+"),
            children.join(" ")
        )
    };
    let loads = associate(members.to_vec(), references, GAP, 0.5);
    loads.iter().map(line).collect()
}

#[test]
fn one_unit_is_the_parent_and_none_leaves_children_alone() {
    let nothing = References::default();
    let load = [unit(1, 0), goods(GTIN, 1, 0), goods(GTIN, 2, 0)];
    assert_eq!(lines(&load, &nothing), ["040123450000000001: 1 2"]);
    assert_eq!(lines(&load[1..], &nothing), [": 1 2"]);
    assert_eq!(lines(&load[..1], &nothing), ["040123450000000001: "]);
}

#[test]
fn a_carrier_is_the_parent_only_where_there_is_no_unit() {
    let nothing = References::default();
    let tray = Member {
        uri: "https://id.gs1.org/8003/04012345000016T".to_owned(),
        rank: Rank::Carrier,
        ..unit(0, 0)
    };
    let load = [tray.clone(), goods(GTIN, 1, 0)];
    assert_eq!(lines(&load, &nothing), ["04012345000016T: 1"]);
    let load = [unit(1, 0), tray, goods(GTIN, 1, 0)];
    assert_eq!(
        lines(&load, &nothing),
        ["040123450000000001: 04012345000016T 1"]
    );
}

#[test]
fn several_units_get_what_is_known_to_be_theirs() {
    let known = knowing(&[
        (
            sscc(1),
            vec![instance(item(GTIN, 1)), instance(item(GTIN, 2))],
        ),
        (sscc(2), vec![pieces(OTHER, None, 1)]),
    ]);
    let load = [
        unit(1, 0),
        unit(2, 10),
        goods(GTIN, 1, 0),
        goods(GTIN, 2, 10),
        goods(OTHER, 3, 0),
    ];
    assert_eq!(
        lines(&load, &known),
        [
            "040123450000000001: 1 2 Verified -0 -[] +0",
            "040123450000000002: 3 Verified -0 -[] +0",
        ]
    );
    // What is listed nowhere is on the only unit that nothing is known of; of two such nobody can tell.
    let load = [load.as_slice(), &[unit(3, 0), goods(GTIN, 9, 0)]].concat();
    assert_eq!(lines(&load, &known)[2], "040123450000000003: 9");
    let load = [load.as_slice(), &[unit(4, 0)]].concat();
    assert_eq!(lines(&load, &known)[4], ": 9 ambiguous");
}

#[test]
fn several_units_of_unknown_contents_fall_apart_where_nothing_crosses() {
    let nothing = References::default();
    let load = [
        unit(1, 0),
        goods(GTIN, 1, 300),
        goods(GTIN, 2, 400),
        goods(GTIN, 3, 1_100),
        unit(2, 1_200),
    ];
    assert_eq!(
        lines(&load, &nothing),
        ["040123450000000001: 1 2", "040123450000000002: 3"]
    );
    let together: Vec<Member> = load
        .iter()
        .map(|member| Member {
            crossed: Time(member.crossed.0 / 2),
            ..member.clone()
        })
        .collect();
    assert_eq!(
        lines(&together, &nothing),
        ["040123450000000001+040123450000000002: 1 2 3 ambiguous"]
    );
    // Pallets without goods are things like any other.
    assert_eq!(
        lines(&[unit(1, 0), unit(2, 0)], &nothing),
        ["040123450000000001+040123450000000002: "]
    );
}

#[test]
fn reads_are_held_against_known_contents() {
    let listed = (1..=10).map(|serial| instance(item(GTIN, serial)));
    let known = knowing(&[(sscc(1), listed.collect())]);
    let read = |serials: &[u32]| {
        let goods = serials.iter().map(|serial| goods(GTIN, *serial, 0));
        let load: Vec<Member> = std::iter::once(unit(1, 0)).chain(goods).collect();
        let line = lines(&load, &known).remove(0);
        line.split_once(": ").unwrap().1.to_owned()
    };
    let all: Vec<u32> = (1..=10).collect();
    assert_eq!(read(&all), "1 2 3 4 5 6 7 8 9 10 Verified -0 -[] +0");
    assert_eq!(read(&all[..5]), "1 2 3 4 5 Inferred -5 -[] +0");
    assert_eq!(read(&all[..4]), "1 2 3 4 Open -6 -[] +0");
    assert_eq!(read(&[]), " Open -10 -[] +0");
    assert_eq!(read(&[1, 2, 11]), "1 2 11 MismatchInstance -8 -[] +1");
}

#[test]
fn reads_are_counted_against_known_quantities() {
    let check = |contents: Vec<Content>, reads: &[(&str, u32)]| {
        let known = knowing(&[(sscc(1), contents)]);
        let goods = reads.iter().enumerate().flat_map(|(kind, (gtin, count))| {
            (0..*count).map(move |n| goods(gtin, kind as u32 * 100 + n, 0))
        });
        let load = std::iter::once(unit(1, 0)).chain(goods).collect();
        let loads = associate(load, &known, GAP, 0.5);
        let contents = loads[0].contents.clone().unwrap();
        let sum = |list: &BTreeMap<String, u64>| list.values().sum::<u64>();
        (contents.state, sum(&contents.short), sum(&contents.over))
    };
    use Completeness::{Inferred, MismatchInstance, MismatchQuantity, Open, Verified};
    let four = || vec![pieces(GTIN, Some("L"), 4)];
    assert_eq!(check(four(), &[(GTIN, 4)]), (Verified, 0, 0));
    assert_eq!(check(four(), &[(GTIN, 3)]), (Inferred, 1, 0));
    assert_eq!(check(four(), &[(GTIN, 1)]), (Open, 3, 0));
    assert_eq!(check(four(), &[(GTIN, 5)]), (MismatchQuantity, 0, 1));
    assert_eq!(check(four(), &[(OTHER, 1)]).0, MismatchInstance);
    // Two lots of one item: the second takes what the first has no room for.
    let lots = vec![pieces(GTIN, Some("A"), 2), pieces(GTIN, Some("B"), 2)];
    assert_eq!(check(lots, &[(GTIN, 4)]), (Verified, 0, 0));
    // Goods without tags beside tagged ones are not read, and not missed; but nobody has seen all.
    let mixed = vec![instance(item(GTIN, 0)), pieces(OTHER, None, 500)];
    assert_eq!(check(mixed, &[(GTIN, 1)]), (Inferred, 500, 0));
}

#[test]
fn lots_come_from_contents_and_from_serial_numbers() {
    let mut known = knowing(&[(
        sscc(1),
        vec![
            Content {
                lot: Some("LISTED".to_owned()),
                ..instance(item(GTIN, 1))
            },
            pieces(OTHER, Some("ON/LY"), 3),
        ],
    )]);
    known.learn(
        Time(0),
        Reference {
            key: item(GTIN, 2),
            version: 0,
            facts: Some(Facts::Serial(Batch {
                lot: "SEEN".to_owned(),
                expiry: None,
            })),
        },
    );
    let load = vec![
        unit(1, 0),
        goods(GTIN, 1, 0),
        goods(GTIN, 2, 0),
        goods(GTIN, 3, 0),
        goods(OTHER, 4, 0),
    ];
    let loads = associate(load, &known, GAP, 0.5);
    let classes: Vec<String> = loads[0].children.iter().filter_map(Member::class).collect();
    assert_eq!(
        classes,
        [
            "https://id.gs1.org/01/04012345000016/10/LISTED",
            "https://id.gs1.org/01/04012345000016/10/SEEN",
            "https://id.gs1.org/01/04012345000016",
            "https://id.gs1.org/01/04012345000023/10/ON%2FLY",
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is known, exactly what was read is told, each thing once, and nothing that was missed is among it.
    #[test]
    fn what_was_not_read_is_never_a_child(
        units in 0..4_u32,
        read in proptest::collection::btree_set(0..30_u32, 0..20),
        listed in proptest::collection::vec((0..4_u32, 0..40_u32, any::<bool>(), 0..9_u64), 0..40),
        crossed in proptest::collection::vec(0..3_000_i64, 32),
    ) {
        let mut contents: BTreeMap<String, Vec<Content>> = BTreeMap::new();
        for (unit, serial, single, count) in listed {
            contents.entry(sscc(unit)).or_default().push(if single {
                instance(item(GTIN, serial))
            } else {
                pieces(if serial % 2 == 0 { GTIN } else { OTHER }, None, count)
            });
        }
        let known = knowing(&contents.into_iter().collect::<Vec<_>>());
        let mut times = crossed.iter().cycle();
        let mut next = || *times.next().unwrap();
        let mut members: Vec<Member> = (0..units).map(|n| unit(n, next())).collect();
        members.extend(read.iter().map(|serial| goods(GTIN, *serial, next())));
        let loads = associate(members.clone(), &known, GAP, 0.5);
        let mut told: Vec<String> = loads
            .iter()
            .flat_map(|load| load.parents.iter().cloned().chain(load.children.iter().map(|it| it.uri.clone())))
            .collect();
        let mut expected: Vec<String> = members.iter().map(|it| it.uri.clone()).collect();
        told.sort();
        expected.sort();
        prop_assert_eq!(&told, &expected);
        for load in &loads {
            let missing = load.contents.iter().flat_map(|contents| &contents.missing);
            for item in missing {
                prop_assert!(load.children.iter().all(|child| child.uri != *item));
            }
        }
    }
}
