//! Rules that say what the record of a step must hold, and which of it an event lacks.
//!
//! The table is our reading, in our words; it shows gaps and is no proof of compliance. What every event has (when, and the
//! read point) is not in it.

use serde::{Deserialize, Serialize};
use tracegate_epcis::{EventData, What};

use crate::config::Step;
use crate::mapping::{MASTER_DATA_PREFIX, SITE_PREFIX, StepAction};
use crate::remarks::PREFIX;

/// A set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Profile {
    /// Food traceability, 21 CFR part 1 subpart S (FSMA section 204).
    Fsma204,
    /// Unique device identification: 21 CFR parts 801 and 830, Regulation (EU) 2017/745.
    Udi,
    /// Identification and traceability in automotive production, IATF 16949.
    Iatf16949,
    /// Identification and traceability, ISO 9001.
    Iso9001,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Fsma204, Self::Udi, Self::Iatf16949, Self::Iso9001];

    /// The word in config and events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fsma204 => "fsma204",
            Self::Udi => "udi",
            Self::Iatf16949 => "iatf16949",
            Self::Iso9001 => "iso9001",
        }
    }
}

/// Something that a record must hold (a key data element).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Element {
    /// What it is: a GTIN, a serial number, a logistic unit, an asset.
    Item,
    /// The lot of all goods.
    Lot,
    /// The lot, or the serial number, of all goods.
    LotOrSerial,
    /// How many or how much.
    Quantity,
    /// Expiry, best before or production date.
    Date,
    /// Whom it comes from.
    Source,
    /// Whom it goes to.
    Destination,
    /// Who assigned the lot.
    LotSource,
    /// A document it belongs to.
    Document,
    /// The production order.
    Order,
    /// The state of the goods.
    Status,
    /// The machine.
    Machine,
    /// Who did it.
    Operator,
}

impl Element {
    /// The word in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::Lot => "lot",
            Self::LotOrSerial => "lot_or_serial",
            Self::Quantity => "quantity",
            Self::Date => "date",
            Self::Source => "source",
            Self::Destination => "destination",
            Self::LotSource => "lot_source",
            Self::Document => "document",
            Self::Order => "production_order",
            Self::Status => "status",
            Self::Machine => "machine",
            Self::Operator => "operator",
        }
    }

    /// What it is, for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Item => "what it is",
            Self::Lot => "the lot",
            Self::LotOrSerial => "the lot or serial number",
            Self::Quantity => "the quantity",
            Self::Date => "an expiry, best before or production date",
            Self::Source => "whom it comes from",
            Self::Destination => "whom it goes to",
            Self::LotSource => "who assigned the lot",
            Self::Document => "a document it belongs to",
            Self::Order => "the production order",
            Self::Status => "the state of the goods",
            Self::Machine => "the machine",
            Self::Operator => "who did it",
        }
    }

    /// What to add to the step so that its events have it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Item | Self::Lot | Self::LotOrSerial => "fields = { lot = \"{10}\" }",
            Self::Quantity => "fields = { quantity = \"{37}\" }",
            Self::Date => "fields = { expiry = \"{17}\" }",
            Self::Source => "sources = { possessing_party = \"urn:epc:id:pgln:4012345.00225\" }",
            Self::Destination => {
                "destinations = { possessing_party = \"urn:epc:id:pgln:4012345.00225\" }"
            }
            Self::LotSource => "fields = { lot_source = \"urn:epc:id:sgln:4012345.00225.0\" }",
            Self::Document => {
                "biz_transactions = { desadv = \"urn:epcglobal:cbv:bt:4012345000009:DN-1\" }"
            }
            Self::Order => {
                "biz_transactions = { prodorder = \"urn:epcglobal:cbv:bt:4012345000009:WO-1\" }"
            }
            Self::Status => "disposition = \"in_progress\"",
            Self::Machine => "fields = { machine = \"{device}\" }",
            Self::Operator => "fields = { operator = \"QA-1\" }",
        }
    }

    /// Whether events of a step can have it, as the step is configured; `coded`: they come from scans or marks.
    fn can_be_had(self, step: &Step, coded: bool) -> bool {
        let has = |name| step.fields.iter().any(|(field, _)| is_field(field, name));
        match self {
            // Codes and tags may say it.
            Self::Item | Self::Lot | Self::LotOrSerial | Self::Quantity => true,
            Self::Date => {
                let adds = coded && step.action == StepAction::Add;
                let dated = |(name, _): &(String, _)| is_date(name);
                adds || step.fields.iter().chain(&step.ilmd).any(dated)
            }
            Self::Source => !step.sources.is_empty(),
            Self::Destination => !step.destinations.is_empty(),
            Self::LotSource => step.action == StepAction::Add || has("lot_source"),
            Self::Document => !step.biz_transactions.is_empty() || has("document"),
            Self::Order => step.biz_transactions.iter().any(|it| it.0 == "prodorder"),
            Self::Status => step.disposition.is_some() || !step.set.is_empty(),
            Self::Machine => has("machine"),
            Self::Operator => has("operator"),
        }
    }

    /// Whether the event has it.
    fn is_in(self, step: &Step, event: &EventData) -> bool {
        let has = |name| event.extensions.keys().any(|field| is_field(field, name));
        let is_there = |any: &[String]| !any.is_empty();
        let (things, classes) = named(event);
        match self {
            Self::Item => is_there(&things) || is_there(&classes),
            Self::Lot => {
                let all = is_there(&classes) && classes.iter().all(|it| has_lot(it));
                all || has("lot") || event.ilmd.contains_key(&lot_number())
            }
            Self::LotOrSerial => {
                let goods: Vec<&String> = things.iter().filter(|it| !is_unit(it)).collect();
                let listed = listed(event);
                let lots = listed.iter().all(|it| has_lot(it));
                let by_name = lots && !(goods.is_empty() && listed.is_empty());
                by_name || has("lot") || event.ilmd.contains_key(&lot_number())
            }
            Self::Quantity => {
                let goods = things.iter().any(|it| !is_unit(it));
                has("quantity") || counted(event).unwrap_or(goods || is_there(&classes))
            }
            Self::Date => {
                let dated =
                    |fields: &tracegate_epcis::Extensions| fields.keys().any(|it| is_date(it));
                dated(&event.ilmd) || dated(&event.extensions)
            }
            Self::Source => !event.sources.is_empty(),
            Self::Destination => !event.destinations.is_empty(),
            Self::LotSource => step.action == StepAction::Add || has("lot_source"),
            Self::Document => !event.biz_transactions.is_empty() || has("document"),
            Self::Order => {
                let by_document = event
                    .biz_transactions
                    .iter()
                    .any(|it| it.kind == "prodorder");
                by_document || matches!(event.what, What::Transformation { id: Some(_), .. })
            }
            Self::Status => {
                event.disposition.is_some() || !event.persistent_disposition.set.is_empty()
            }
            Self::Machine => has("machine"),
            Self::Operator => has("operator"),
        }
    }
}

/// Master data that is a day (CBV 2.0 §9.2).
const DATES: [&str; 4] = [
    "cbvmda:itemExpirationDate",
    "cbvmda:bestBeforeDate",
    "cbvmda:productionDate",
    "cbvmda:sellByDate",
];
/// Names of fields for one.
const DATE_FIELDS: [&str; 5] = [
    "expiry",
    "expiry_date",
    "best_before",
    "production_date",
    "sell_by",
];

/// What the record of a critical tracking event must hold.
struct Rule {
    profile: Profile,
    /// Business steps that are this event; none: every step.
    steps: &'static [&'static str],
    needs: &'static [Element],
}

#[rustfmt::skip]
const RULES: &[Rule] = &[
    // 21 CFR 1.1345(a): who receives a food keeps its lot code, quantity, description, the previous source, place, date, who
    // assigned the lot code, and the document.
    Rule { profile: Profile::Fsma204, steps: &["receiving", "accepting"],
        needs: &[Element::Item, Element::Lot, Element::Quantity, Element::Source, Element::LotSource, Element::Document] },
    // 21 CFR 1.1340(a): who ships it, the same with the next recipient.
    Rule { profile: Profile::Fsma204, steps: &["shipping", "departing", "consigning"],
        needs: &[Element::Item, Element::Lot, Element::Quantity, Element::Destination, Element::LotSource, Element::Document] },
    // 21 CFR 1.1330, 1.1350: who packs it first, or makes another food of it, keeps the new lot code, quantity and document.
    Rule { profile: Profile::Fsma204, steps: &["commissioning", "creating_class_instance", "repackaging"],
        needs: &[Element::Item, Element::Lot, Element::Quantity, Element::LotSource, Element::Document] },
    // 21 CFR 801.40, 830.3; Regulation (EU) 2017/745 Annex VI part C: device identifier, and the production identifiers.
    Rule { profile: Profile::Udi, steps: &["commissioning", "creating_class_instance", "encoding"],
        needs: &[Element::Item, Element::LotOrSerial, Element::Date] },
    // Regulation (EU) 2017/745 Article 25(2): whoever supplied a device, and whoever was supplied with it, can be named.
    Rule { profile: Profile::Udi, steps: &["receiving", "accepting"],
        needs: &[Element::Item, Element::LotOrSerial, Element::Source] },
    Rule { profile: Profile::Udi, steps: &["shipping", "departing", "consigning"],
        needs: &[Element::Item, Element::LotOrSerial, Element::Destination] },
    // IATF 16949 8.5.2.1: suspect product can be told apart and found, back to what was bought and on to the customer.
    Rule { profile: Profile::Iatf16949, steps: &["receiving", "accepting"],
        needs: &[Element::Item, Element::LotOrSerial, Element::Source, Element::Document] },
    Rule { profile: Profile::Iatf16949, steps: &["picking"],
        needs: &[Element::Item, Element::LotOrSerial, Element::Quantity, Element::Order] },
    Rule { profile: Profile::Iatf16949, steps: &["commissioning", "creating_class_instance", "assembling", "installing"],
        needs: &[Element::Item, Element::LotOrSerial, Element::Order, Element::Machine] },
    Rule { profile: Profile::Iatf16949, steps: &["shipping", "departing", "consigning"],
        needs: &[Element::Item, Element::LotOrSerial, Element::Destination, Element::Document] },
    // IATF 16949 8.7.1: what does not conform, or may not, is known as such.
    Rule { profile: Profile::Iatf16949, steps: &["inspecting", "holding"],
        needs: &[Element::Item, Element::LotOrSerial, Element::Status, Element::Operator] },
    // ISO 9001:2015 8.5.2: outputs are identified, and whether they passed.
    Rule { profile: Profile::Iso9001, steps: &[], needs: &[Element::Item, Element::Status] },
    // ISO 9001:2015 8.6: who released it can be found.
    Rule { profile: Profile::Iso9001, steps: &["inspecting"], needs: &[Element::Operator] },
];

/// What the record of a step must hold.
fn needs(step: &Step) -> impl Iterator<Item = (Profile, Element)> {
    step.profiles.iter().flat_map(|profile| {
        let applies = |rule: &&Rule| {
            let is_step = rule.steps.is_empty() || rule.steps.contains(&step.biz_step.as_str());
            rule.profile == *profile && is_step
        };
        let elements = RULES.iter().filter(applies).flat_map(|rule| rule.needs);
        elements.map(|element| (*profile, *element))
    })
}

/// What events of a step can never have, as it is configured; `coded`: they come from scans or marks.
pub fn undeliverable(step: &Step, coded: bool) -> Vec<(Profile, Element)> {
    needs(step)
        .filter(|(_, element)| !element.can_be_had(step, coded))
        .collect()
}

/// What an event lacks, as `fsma204/source`.
#[must_use]
pub fn missing(step: &Step, event: &EventData) -> Vec<String> {
    needs(step)
        .filter(|(_, element)| !element.is_in(step, event))
        .map(|(profile, element)| format!("{}/{}", profile.as_str(), element.as_str()))
        .collect()
}

/// A field with this name, in our namespace or the site's.
fn is_field(field: &str, name: &str) -> bool {
    let own = field.split_once(':');
    own.is_some_and(|(prefix, rest)| [PREFIX, SITE_PREFIX].contains(&prefix) && rest == name)
}

/// A field that tells a day of the goods: master data, or a field that is named for one.
fn is_date(field: &str) -> bool {
    DATES.contains(&field) || DATE_FIELDS.iter().any(|name| is_field(field, name))
}

fn lot_number() -> String {
    format!("{MASTER_DATA_PREFIX}:lotNumber")
}

/// All instances, and all classes with those that are only counted beside the EPC list.
fn named(event: &EventData) -> (Vec<String>, Vec<String>) {
    let (epcs, quantities) = lists(&event.what);
    let mut classes: Vec<String> = quantities.iter().map(|it| it.epc_class.clone()).collect();
    let counts = event.extensions.get(&format!("{PREFIX}:quantities"));
    let counts = counts.and_then(serde_json::Value::as_array);
    let class = |entry: &serde_json::Value| {
        Some(
            entry
                .get(format!("{PREFIX}:epcClass"))?
                .as_str()?
                .to_owned(),
        )
    };
    classes.extend(counts.into_iter().flatten().filter_map(class));
    (epcs.into_iter().cloned().collect(), classes)
}

/// The classes that stand for goods without serial numbers.
fn listed(event: &EventData) -> Vec<String> {
    let (_, quantities) = lists(&event.what);
    quantities.iter().map(|it| it.epc_class.clone()).collect()
}

/// Whether every class has an amount; `None` without classes.
fn counted(event: &EventData) -> Option<bool> {
    let (_, quantities) = lists(&event.what);
    (!quantities.is_empty()).then(|| quantities.iter().all(|it| it.quantity.is_some()))
}

/// Instances and classes of an event; of a transformation, of both its sides.
fn lists(what: &What) -> (Vec<&String>, Vec<&tracegate_epcis::Quantity>) {
    match what {
        What::Object {
            epcs, quantities, ..
        } => (epcs.iter().collect(), quantities.iter().collect()),
        What::Aggregation {
            parent,
            children,
            child_quantities,
            ..
        } => (
            parent.iter().chain(children).collect(),
            child_quantities.iter().collect(),
        ),
        What::Transformation {
            inputs,
            input_quantities,
            outputs,
            output_quantities,
            ..
        } => (
            inputs.iter().chain(outputs).collect(),
            input_quantities.iter().chain(output_quantities).collect(),
        ),
        What::Transaction {
            parent,
            epcs,
            quantities,
            ..
        } => (
            parent.iter().chain(epcs).collect(),
            quantities.iter().collect(),
        ),
        What::Association {
            parent,
            children,
            child_quantities,
            ..
        } => (
            std::iter::once(parent).chain(children).collect(),
            child_quantities.iter().collect(),
        ),
        _ => (Vec::new(), Vec::new()),
    }
}

fn has_lot(class: &str) -> bool {
    class.contains("/10/") || class.starts_with("urn:epc:class:lgtin:")
}

/// A pallet or another unit, which is no goods by itself.
fn is_unit(thing: &str) -> bool {
    ["/00/", "/8003/"].iter().any(|key| thing.contains(key))
}

#[cfg(test)]
mod tests;
