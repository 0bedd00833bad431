//! The pre-hash string: an event's elements in the order of CBV 2.0 §8.9, then whatever the order does not name.

use std::borrow::Cow;
use std::mem;

use super::tree::Node;
use super::{HashError, canonical};

/// Elements that are named, and what is ordered below them.
type Order = [(&'static str, Below)];

#[derive(Clone, Copy)]
enum Below {
    /// Nothing below takes part here.
    Nothing,
    /// These.
    These(&'static Order),
}

use Below::{Nothing, These};

const EPCS: &Order = &[("epc", Nothing)];
const QUANTITIES: &Order = &[(
    "quantityElement",
    These(&[
        ("epcClass", Nothing),
        ("quantity", Nothing),
        ("uom", Nothing),
    ]),
)];
const PLACE: &Order = &[("id", Nothing)];

/// The order of CBV 2.0 §8.9 table 8-2 as the reference follows it. Business transactions, sources and destinations
/// are not here: it never finds them by name, so they come with the rest.
const EVENT: &Order = &[
    ("eventTime", Nothing),
    ("eventTimeZoneOffset", Nothing),
    ("certificationInfo", Nothing),
    ("parentID", Nothing),
    ("epcList", These(EPCS)),
    ("inputEPCList", These(EPCS)),
    ("childEPCs", These(EPCS)),
    ("quantityList", These(QUANTITIES)),
    ("childQuantityList", These(QUANTITIES)),
    ("inputQuantityList", These(QUANTITIES)),
    ("outputEPCList", These(EPCS)),
    ("outputQuantityList", These(QUANTITIES)),
    ("action", Nothing),
    ("transformationID", Nothing),
    ("bizStep", Nothing),
    ("disposition", Nothing),
    (
        "persistentDisposition",
        These(&[("set", Nothing), ("unset", Nothing)]),
    ),
    ("readPoint", These(PLACE)),
    ("bizLocation", These(PLACE)),
    (
        "sensorElementList",
        These(&[("sensorElement", These(SENSOR_ELEMENT))]),
    ),
];

const SENSOR_ELEMENT: &Order = &[
    (
        "sensorMetadata",
        These(&[
            ("time", Nothing),
            ("startTime", Nothing),
            ("endTime", Nothing),
            ("deviceID", Nothing),
            ("deviceMetadata", Nothing),
            ("rawData", Nothing),
            ("dataProcessingMethod", Nothing),
            ("bizRules", Nothing),
        ]),
    ),
    (
        "sensorReport",
        These(&[
            ("type", Nothing),
            ("exception", Nothing),
            ("deviceID", Nothing),
            ("deviceMetadata", Nothing),
            ("rawData", Nothing),
            ("dataProcessingMethod", Nothing),
            ("time", Nothing),
            ("microorganism", Nothing),
            ("chemicalSubstance", Nothing),
            ("value", Nothing),
            ("component", Nothing),
            ("stringValue", Nothing),
            ("booleanValue", Nothing),
            ("hexBinaryValue", Nothing),
            ("uriValue", Nothing),
            ("minValue", Nothing),
            ("maxValue", Nothing),
            ("meanValue", Nothing),
            ("sDev", Nothing),
            ("percRank", Nothing),
            ("percValue", Nothing),
            ("uom", Nothing),
            ("coordinateReferenceSystem", Nothing),
        ]),
    ),
];

/// The pre-hash string of an event of type `event_type`.
pub(super) fn prehash(event_type: &str, mut children: Vec<Node<'_>>) -> Result<String, HashError> {
    let mut out = format!("eventType={event_type}");
    out += &in_order(&mut children, EVENT)?;
    children.retain(|child| {
        !["recordTime", "eventID", "type", "errorDeclaration"].contains(&&*child.name)
    });
    out += &the_rest(&children)?;
    Ok(out)
}

/// The named elements in order. What is written leaves the tree; an element with unwritten children stays.
fn in_order(children: &mut Vec<Node<'_>>, order: &Order) -> Result<String, HashError> {
    let extensions = take_extensions(children);
    let mut out = String::new();
    for (name, below) in order {
        let mut values = Vec::new();
        for child in children.iter_mut().filter(|child| child.name == *name) {
            values.push(element(child, *below)?);
        }
        if values.is_empty() {
            continue;
        }
        children.retain(|child| child.name != *name || !child.children.is_empty());
        values.sort();
        out.extend(values);
    }
    out += &the_rest(&extensions)?;
    Ok(out)
}

fn element(node: &mut Node<'_>, below: Below) -> Result<String, HashError> {
    let inner = match below {
        Nothing => String::new(),
        These(order) => in_order(&mut node.children, order)?,
    };
    let text = canonical::trim(&node.text);
    let is_time = matches!(&*node.name, "eventTime" | "time" | "startTime" | "endTime");
    let value = match text {
        "" => None,
        _ if is_time => Some(Cow::Owned(canonical::time(&node.name, text)?)),
        _ => Some(canonical::value(&node.name, text)?),
    };
    if value.is_none() && inner.is_empty() {
        return Ok(String::new());
    }
    Ok(written(&node.name, value.as_deref(), &inner))
}

/// `name=value` and what is below.
fn written(name: &str, value: Option<&str>, below: &str) -> String {
    let length = name.len() + value.map_or(0, |value| value.len() + 1) + below.len();
    let mut out = String::with_capacity(length);
    out.push_str(name);
    if let Some(value) = value {
        out.push('=');
        out.push_str(value);
    }
    out.push_str(below);
    out
}

/// Extension elements below the event's own level, which go behind the element that holds them.
///
/// The reference leaves all of them in place beside a sibling whose name contains `eventTime` or `action`, when there
/// is only one child, and when their namespace does not end in `/`.
fn take_extensions<'a>(children: &mut Vec<Node<'a>>) -> Vec<Node<'a>> {
    let is_event =
        |child: &Node<'_>| child.name.contains("eventTime") || child.name.contains("action");
    if children.len() <= 1 || children.iter().any(is_event) {
        return Vec::new();
    }
    let (extensions, rest) = mem::take(children)
        .into_iter()
        .partition(|child| child.name.contains('{') && child.name.contains("/}"));
    *children = rest;
    extensions
}

/// Everything the order does not name, sorted by what is written.
pub(super) fn the_rest(children: &[Node<'_>]) -> Result<String, HashError> {
    let mut values = Vec::with_capacity(children.len());
    for child in children {
        values.push(if child.is_pair {
            the_rest(&child.children)?
        } else {
            let text = canonical::trim(&child.text);
            let below = the_rest(&child.children)?;
            let value = match text {
                "" => None,
                _ => Some(canonical::value(&child.name, text)?),
            };
            written(&child.name, value.as_deref(), &below)
        });
    }
    let keeps_order =
        |child: &Node<'_>| ["bizTransaction", "source", "destination"].contains(&&*child.name);
    if !children.iter().any(keeps_order) {
        values.sort();
    }
    Ok(values.concat())
}
