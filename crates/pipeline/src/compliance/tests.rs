//! Gaps in configurations and events.

use tracegate_epcis::{Action, BizTransaction, EventTime, Extensions, Quantity, SourceDest};

use super::*;
use crate::mapping::{Part, Text};

const LOT: &str = "https://id.gs1.org/01/09506000134352/10/A1";
const PALLET: &str = "https://id.gs1.org/00/340123450000000017";

fn step(biz_step: &str, profile: Profile) -> Step {
    Step {
        biz_step: biz_step.to_owned(),
        profiles: vec![profile],
        ..Step::default()
    }
}

fn event(epcs: &[&str], classes: &[(&str, Option<&str>)]) -> EventData {
    let quantity = |(class, amount): &(&str, Option<&str>)| Quantity {
        epc_class: (*class).to_owned(),
        quantity: amount.map(|text| text.parse().unwrap()),
        uom: None,
    };
    EventData::object(
        EventTime::new(0, 0).unwrap(),
        Action::Observe,
        epcs.iter().map(|uri| (*uri).to_owned()).collect(),
        classes.iter().map(quantity).collect(),
    )
}

#[test]
fn a_receipt_of_food_has_all_that_the_rule_wants_or_says_what_is_missing() {
    let step = step("receiving", Profile::Fsma204);
    let mut receipt = event(&[PALLET], &[]);
    assert_eq!(
        missing(&step, &receipt),
        [
            "fsma204/lot",
            "fsma204/quantity",
            "fsma204/source",
            "fsma204/lot_source",
            "fsma204/document"
        ]
    );
    receipt = event(&[], &[(LOT, Some("40"))]);
    receipt.sources = vec![SourceDest {
        kind: "possessing_party".to_owned(),
        id: "urn:epc:id:pgln:4012345.00225".to_owned(),
    }];
    receipt.biz_transactions = vec![BizTransaction {
        kind: "desadv".to_owned(),
        id: "urn:x:1".to_owned(),
    }];
    assert_eq!(missing(&step, &receipt), ["fsma204/lot_source"]);
    let name = "site:lot_source".to_owned();
    receipt.extensions.insert(name, "supplier".into());
    assert_eq!(missing(&step, &receipt), [""; 0]);
    // Another step of the same place needs none of it.
    let other = Step {
        biz_step: "storing".to_owned(),
        ..step
    };
    assert_eq!(missing(&other, &event(&[PALLET], &[])), [""; 0]);
}

#[test]
fn one_lot_that_is_not_known_is_a_gap() {
    let step = step("receiving", Profile::Fsma204);
    let without = "https://id.gs1.org/01/09506000134352";
    let both = event(&[], &[(LOT, Some("40")), (without, None)]);
    let gaps = missing(&step, &both);
    assert!(gaps.contains(&"fsma204/lot".to_owned()), "{gaps:?}");
    assert!(gaps.contains(&"fsma204/quantity".to_owned()), "{gaps:?}");
}

#[test]
fn devices_have_a_lot_or_serial_number_and_a_date() {
    let step = step("commissioning", Profile::Udi);
    let serial = "https://id.gs1.org/01/09506000134352/21/7";
    let mut marked = event(&[serial], &[]);
    assert_eq!(missing(&step, &marked), ["udi/date"]);
    let day = ("cbvmda:productionDate".to_owned(), "2026-11-22".into());
    marked.ilmd = Extensions::from_iter([day]);
    assert_eq!(missing(&step, &marked), [""; 0]);
    let class = event(&[], &[("https://id.gs1.org/01/09506000134352", Some("1"))]);
    assert_eq!(missing(&step, &class), ["udi/lot_or_serial", "udi/date"]);
}

#[test]
fn every_step_has_an_item_and_a_state() {
    let step = step("transporting", Profile::Iso9001);
    let mut moved = event(&[PALLET], &[]);
    assert_eq!(missing(&step, &moved), ["iso9001/status"]);
    moved.disposition = Some("in_transit".to_owned());
    assert_eq!(missing(&step, &moved), [""; 0]);
}

#[test]
fn what_a_configuration_cannot_deliver_is_known_before() {
    let mut step = step("commissioning", Profile::Iatf16949);
    step.profiles.push(Profile::Udi);
    let gaps = |step: &Step, coded| {
        let gaps = undeliverable(step, coded);
        gaps.into_iter().map(|it| it.1.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(gaps(&step, true), ["production_order", "machine", "date"]);
    let text = Text(vec![Part::Device]);
    step.fields.push(("gw:machine".to_owned(), text.clone()));
    step.biz_transactions.push(("prodorder".to_owned(), text));
    step.action = StepAction::Add;
    assert_eq!(gaps(&step, true), [""; 0]);
    // Tags hold no dates.
    assert_eq!(gaps(&step, false), ["date"]);
}
