//! What EPCIS refuses in the things an event names, by event type.

use super::{InvalidEvent, Problem, distinct, uri, uri_if_given, uris};
use crate::event::EventData;
use crate::parts::Quantity;
use crate::what::{Action, ThingList, What};

pub(super) fn named(data: &EventData) -> Result<(), InvalidEvent> {
    needed(data)?;
    allowed(data)?;
    let things = data.what.things();
    uri_if_given("parentID", things.parent)?;
    uri_if_given("transformationID", things.transformation_id)?;
    let is_set = matches!(data.what, What::Object { .. } | What::Transformation { .. });
    for ThingList { epcs, quantities } in things.lists {
        uris(epcs.0, epcs.1)?;
        if is_set {
            distinct(epcs.0, epcs.1)?;
        }
        all_quantities(quantities.0, quantities.1)?;
    }
    Ok(())
}

/// What the event must name at least.
fn needed(data: &EventData) -> Result<(), InvalidEvent> {
    let things = data.what.things();
    let [first, second] = things.lists;
    let is_delete = things.action == Some(Action::Delete);
    let names_nothing = match &data.what {
        What::Object { .. } => {
            first.is_empty() && (data.sensor_elements.is_empty() || data.read_point.is_none())
        }
        What::Aggregation { action, parent, .. } => {
            if parent.is_none() && *action != Action::Observe {
                return Err(Problem::ParentMissing.at("parentID"));
            }
            first.is_empty() && !is_delete
        }
        What::Transaction { parent, .. } => {
            if data.biz_transactions.is_empty() {
                return Err(Problem::NoTransaction.at("bizTransactionList"));
            }
            first.is_empty() && parent.is_none() && !is_delete
        }
        What::Association { .. } => first.is_empty() && !is_delete,
        What::Transformation { id: None, .. } => {
            let halves = [("inputEPCList", first), ("outputEPCList", second)];
            if let Some((name, _)) = halves.into_iter().find(|(_, half)| half.is_empty()) {
                return Err(Problem::HalfTransformation.at(name));
            }
            false
        }
        What::Transformation { .. } => first.is_empty() && second.is_empty(),
    };
    if names_nothing {
        return Err(Problem::NothingNamed.at(first.epcs.0));
    }
    Ok(())
}

/// Fields that only some event types have.
fn allowed(data: &EventData) -> Result<(), InvalidEvent> {
    let commissions = matches!(
        data.what,
        What::Transformation { .. }
            | What::Object {
                action: Action::Add,
                ..
            }
    );
    if !data.ilmd.is_empty() && !commissions {
        let why = "only object events that add and transformation events have it";
        return Err(Problem::NotAllowed(why).at("ilmd"));
    }
    let disposes = matches!(data.what, What::Transformation { .. } | What::Object { .. });
    if !data.persistent_disposition.is_empty() && !disposes {
        let why = "only object and transformation events have it";
        return Err(Problem::NotAllowed(why).at("persistentDisposition"));
    }
    Ok(())
}

fn all_quantities(list: &str, quantities: &[Quantity]) -> Result<(), InvalidEvent> {
    for (
        at,
        Quantity {
            epc_class,
            quantity,
            uom,
        },
    ) in quantities.iter().enumerate()
    {
        uri(|| format!("{list}[{at}].epcClass"), epc_class)?;
        match (quantity, uom) {
            (_, Some(uom)) if !is_unit(uom) => {
                return Err(Problem::NotUnit(uom.clone()).at(format!("{list}[{at}].uom")));
            }
            (None, Some(_)) => {
                return Err(Problem::UnitWithoutQuantity.at(format!("{list}[{at}].uom")));
            }
            (Some(amount), None) if !amount.is_integer() => {
                return Err(
                    Problem::NotWhole(amount.to_string()).at(format!("{list}[{at}].quantity"))
                );
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_unit(text: &str) -> bool {
    (2..=3).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}
