//! Each rule with data that is current, stale and absent; and what may never happen.

mod rows;

use proptest::prelude::*;

use rows::rows;

use super::*;
use crate::movement::{Zone, zone};
use crate::reference::{
    Batch, Content, Facts, Item, ItemLot, Lot, Order, OrderLine, Quantity, Reference, References,
};
use crate::time::Time;

const ITEM: &str = "https://id.gs1.org/01/04012345001006";
const OTHER: &str = "https://id.gs1.org/01/09506000134352";
const SERIAL: &str = "https://id.gs1.org/01/04012345001006/21/7";
const PALLET: &str = "https://id.gs1.org/00/040123450000000011";
const ORDER: &str = "tracegate:order/PO-77";
/// 2026-11-22T12:00:00Z.
const NOW: Time = Time(1_795_348_800_000_000);
const HOUR: Span = Span::millis(3_600_000);

/// What is asked, in the words of a test.
#[derive(Debug, Clone, Default)]
struct Scan {
    item: Option<&'static str>,
    lot: Option<&'static str>,
    serial: Option<&'static str>,
    expiry: Option<String>,
    order: Option<&'static str>,
    quantity: Option<Quantity>,
    issued: bool,
}

impl Scan {
    fn lot(lot: &'static str) -> Self {
        Self {
            item: Some(ITEM),
            lot: Some(lot),
            ..Self::default()
        }
    }

    fn serial(serial: &'static str) -> Self {
        Self {
            serial: Some(serial),
            ..Self::default()
        }
    }

    fn expires(self, six: &str) -> Self {
        Self {
            expiry: Some(six.to_owned()),
            ..self
        }
    }

    fn for_order(self, quantity: &str) -> Self {
        Self {
            order: Some(ORDER),
            quantity: (!quantity.is_empty()).then(|| amount(quantity)),
            ..self
        }
    }

    fn judge_at(&self, config: &GuardConfig, facts: &References, at: Time) -> Judgement {
        self.judge_in(&zone("UTC"), config, facts, at)
    }

    fn judge_in(
        &self,
        zone: &Zone,
        config: &GuardConfig,
        facts: &References,
        at: Time,
    ) -> Judgement {
        let asked = Asked {
            item: self.item,
            lot: self.lot,
            serial: self.serial,
            expiry: self.expiry.as_deref(),
            order: self.order,
            quantity: self.quantity.as_ref(),
            issued: self.issued.then_some(Time(0)),
            ..Asked::at(at, zone)
        };
        judge(config, facts, &asked)
    }
}

fn amount(text: &str) -> Quantity {
    let (value, uom) = text.split_once(' ').unwrap_or((text, ""));
    Quantity {
        value: value.parse().unwrap(),
        uom: Some(uom.to_owned()).filter(|uom| !uom.is_empty()),
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn lot(number: &str, status: &str, expiry: &str) -> (String, Facts) {
    let facts = Facts::Lot(Lot {
        status: some(status),
        expiry: some(expiry),
        ..Lot::default()
    });
    (lot_key(ITEM, number).unwrap(), facts)
}

fn received(number: &str, received: &str) -> (String, Facts) {
    let facts = Facts::Lot(Lot {
        status: some("released"),
        received: some(received),
        ..Lot::default()
    });
    (lot_key(ITEM, number).unwrap(), facts)
}

/// `L1 261201 260101 A`: number, expiry, received, location; `-` for none.
fn usable(lots: &[&str]) -> (String, Facts) {
    let lots = lots.iter().map(|text| {
        let mut parts = text
            .split(' ')
            .map(|part| some(part).filter(|it| it != "-"));
        let mut next = || parts.next().flatten();
        ItemLot {
            lot: next().unwrap(),
            expiry: next(),
            received: next(),
            location: next(),
        }
    });
    (
        ITEM.to_owned(),
        Facts::Item(Item {
            lots: lots.collect(),
        }),
    )
}

fn batch(serial: &str, lot: &str, expiry: &str) -> (String, Facts) {
    let facts = Facts::Serial(Batch {
        lot: lot.to_owned(),
        expiry: some(expiry),
    });
    (serial.to_owned(), facts)
}

fn order(status: &str, lines: &[(&str, &str, &[&str])]) -> (String, Facts) {
    let line = |(item, open, lots): &(&str, &str, &[&str])| OrderLine {
        item: (*item).to_owned(),
        open: (!open.is_empty()).then(|| amount(open)),
        lots: lots.iter().map(|lot| (*lot).to_owned()).collect(),
        line: None,
    };
    let facts = Facts::Order(Order {
        status: some(status),
        lines: lines.iter().map(line).collect(),
    });
    (ORDER.to_owned(), facts)
}

fn contents(items: &[(&str, Option<&str>)]) -> (String, Facts) {
    let content = |(item, lot): &(&str, Option<&str>)| Content {
        item: (*item).to_owned(),
        instance: item.contains("/21/"),
        lot: lot.map(str::to_owned),
        pieces: None,
    };
    (
        PALLET.to_owned(),
        Facts::Contents(items.iter().map(content).collect()),
    )
}

fn known(records: &[(String, Facts)], as_of: Option<Time>) -> References {
    let mut references = References::default();
    references.as_of = as_of;
    for (key, facts) in records {
        let record = Reference {
            key: key.clone(),
            version: 7,
            facts: Some(facts.clone()),
        };
        references.learn(NOW, record);
    }
    references
}

/// What was found, a line each: `refuse lot_hold …`, with a question mark for what could not be verified.
fn told(judgement: &Judgement) -> Vec<String> {
    let line = |finding: &Finding| {
        let mark = if finding.unverified { "?" } else { "" };
        let take = finding.take.as_deref().map(|lot| format!(" -> {lot}"));
        format!(
            "{} {}{mark}: {}{}",
            finding.level.as_str(),
            finding.rule.as_str(),
            finding.text,
            take.unwrap_or_default()
        )
    };
    judgement.findings.iter().map(line).collect()
}

fn guard() -> GuardConfig {
    GuardConfig {
        min_remaining_days: 30,
        tolerance_permille: 50,
        location: some("A"),
        ..GuardConfig::default()
    }
}

#[test]
fn each_rule_with_data_that_is_current_stale_and_absent() {
    for row in rows() {
        let config = guard();
        let current = known(&row.records, Some(NOW - HOUR));
        let judged = row.scan.judge_at(&config, &current, NOW);
        assert_eq!(told(&judged), row.current, "current: {row:#?}");
        assert_eq!(judged.data_age, Some(HOUR));
        for as_of in [Some(NOW - Span(8 * HOUR.0 + 1)), None] {
            let stale = known(&row.records, as_of);
            let judged = row.scan.judge_at(&config, &stale, NOW);
            assert_eq!(told(&judged), row.stale, "stale: {row:#?}");
        }
        let absent = row.scan.judge_at(&config, &References::default(), NOW);
        assert_eq!(told(&absent), row.absent, "absent: {row:#?}");
        assert_eq!((absent.data_version, absent.data_age), (None, None));
        let off = GuardConfig {
            rules: std::collections::BTreeMap::new(),
            ..config
        };
        assert_eq!(row.scan.judge_at(&off, &current, NOW).findings, []);
    }
}

#[test]
fn every_rule_is_in_the_table() {
    let rows = rows();
    for rule in Rule::ALL {
        let word = format!(" {}", rule.as_str());
        let told = |line: &&str| line.contains(&word);
        assert!(
            rows.iter()
                .any(|row| row.current.iter().any(told) || row.absent.iter().any(told)),
            "{rule:?}"
        );
    }
}

#[test]
fn a_lot_expires_when_its_last_day_is_over_at_the_site() {
    let facts = known(&[lot("L1", "released", "261122")], Some(NOW));
    let expired = |zone_name: &str, at: Time| {
        let judged =
            Scan::lot("L1").judge_in(&zone(zone_name), &GuardConfig::default(), &facts, at);
        judged.level() == Level::Refuse
    };
    let midnight = NOW + Span(12 * HOUR.0);
    assert!(!expired("UTC", midnight - Span(1)));
    assert!(expired("UTC", midnight));
    assert!(expired("Europe/Berlin", midnight - HOUR));
    assert!(!expired("Europe/Berlin", midnight - HOUR - Span(1)));
    assert!(!expired("America/New_York", midnight + Span(4 * HOUR.0)));
    let mut slow = zone("UTC");
    slow.wall.ahead = Span(12 * HOUR.0);
    let judged = Scan::lot("L1").judge_in(&slow, &GuardConfig::default(), &facts, NOW);
    assert_eq!(
        judged.level(),
        Level::Refuse,
        "the wall clock tells the day"
    );
}

#[test]
fn the_worst_is_told_first() {
    let records = [
        lot("L1", "hold", "261201"),
        order("open", &[(ITEM, "1", &[])]),
    ];
    let facts = known(&records, Some(NOW + HOUR));
    let judged = Scan::lot("L1")
        .for_order("2")
        .judge_at(&guard(), &facts, NOW);
    assert_eq!(judged.level(), Level::Refuse);
    assert_eq!(judged.worst().map(|it| it.rule), Some(Rule::LotHold));
    assert!(judged.text().starts_with("lot L1 is not released (hold); "));
    assert_eq!(
        (judged.data_version, judged.data_age),
        (Some(7), Some(Span(0)))
    );
    assert!(judged.findings.iter().all(|it| !it.unverified));
}

#[test]
fn sites_have_words_of_their_own() {
    let config = GuardConfig {
        held: vec!["gesperrt".to_owned()],
        released: vec!["frei".to_owned(), "inspection".to_owned()],
        ..GuardConfig::default()
    };
    let level = |word: &str| {
        let facts = known(&[lot("L1", word, "")], Some(NOW));
        Scan::lot("L1").judge_at(&config, &facts, NOW).level()
    };
    assert_eq!(level("Gesperrt"), Level::Refuse);
    assert_eq!(level("frei"), Level::Accept);
    assert_eq!(level("Inspection"), Level::Accept);
    assert_eq!(level("odd"), Level::Warn);
}

#[test]
fn of_a_large_pallet_only_some_lots_are_told() {
    let items: Vec<String> = (0..100).map(|it| format!("{ITEM}/10/L{it}")).collect();
    let listed: Vec<(&str, Option<&str>)> = items.iter().map(|it| (it.as_str(), None)).collect();
    let mut records: Vec<(String, Facts)> = (0..100)
        .map(|it| lot(&format!("L{it}"), "hold", ""))
        .collect();
    records.push(contents(&listed));
    let judged = Scan::serial(PALLET).judge_at(&guard(), &known(&records, None), NOW);
    assert_eq!((judged.findings.len(), judged.level()), (8, Level::Refuse));
}

fn any_fact() -> impl Strategy<Value = (String, Facts)> {
    let six = prop_oneof![
        Just(""),
        Just("260101"),
        Just("271231"),
        Just("990000"),
        Just("xx")
    ];
    let status = prop_oneof![Just(""), Just("released"), Just("hold"), Just("odd")];
    prop_oneof![
        (status, six.clone()).prop_map(|(status, expiry)| lot("L2", status, expiry)),
        six.clone().prop_map(|expiry| batch(SERIAL, "L2", expiry)),
        Just(usable(&[
            "L1 270101 260101",
            "L2 260101",
            "L3 271231 250101 A"
        ])),
        (any::<bool>(), any::<bool>()).prop_map(|(closed, listed)| {
            let lots: &[&str] = if listed { &["L1"] } else { &[] };
            let status = if closed { "closed" } else { "open" };
            order(status, &[(ITEM, "5", lots)])
        }),
        Just(contents(&[(SERIAL, Some("L2"))])),
    ]
}

proptest! {
    /// However old data is, and whatever else is known: held stays held and expired stays expired.
    #[test]
    fn a_hold_or_an_expiry_is_never_accepted(
        is_held in any::<bool>(),
        by_code in any::<bool>(),
        more in prop::collection::vec(any_fact(), 0..6),
        as_of in prop::option::of(-1_000_000_000_000_i64..2_000_000_000_000),
        serial in prop::option::of(prop_oneof![Just(SERIAL), Just(PALLET)]),
        quantity in 0_u32..20,
        for_order in any::<bool>(),
        later in 0_i64..400,
    ) {
        let mut records = vec![match (is_held, by_code) {
            (true, _) => lot("L1", "blocked", "271231"),
            (false, false) => lot("L1", "released", "261121"),
            (false, true) => lot("L1", "released", "271231"),
        }];
        records.extend(more);
        let facts = known(&records, as_of.map(|ago| NOW - Span(ago)));
        let scan = Scan {
            serial,
            expiry: (!is_held && by_code).then(|| "261121".to_owned()),
            order: for_order.then_some(ORDER),
            quantity: Some(Quantity::pieces(quantity)),
            ..Scan::lot("L1")
        };
        let at = NOW + Span(later * 24 * HOUR.0);
        let judged = scan.judge_at(&GuardConfig::default(), &facts, at);
        prop_assert_eq!(judged.level(), Level::Refuse, "{:?}", judged);
        let rule = if is_held { Rule::LotHold } else { Rule::LotExpired };
        prop_assert!(judged.findings.iter().any(|it| it.rule == rule));
    }

    /// Nothing that is known makes it stumble.
    #[test]
    fn it_judges_whatever_is_known(
        records in prop::collection::vec(any_fact(), 0..8),
        six in "[0-9]{0,7}",
        at in any::<i64>(),
        as_of in prop::option::of(any::<i64>()),
    ) {
        let facts = known(&records, as_of.map(Time));
        let scan = Scan::lot("L2").expires(&six).for_order("3");
        let judged = scan.judge_at(&guard(), &facts, Time(at));
        prop_assert!(judged.findings.len() <= Rule::ALL.len());
    }
}
