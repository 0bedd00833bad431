//! The event of a mark.

use serde_json::{Map, Value};
use tracegate_epcis::{Action, EventData, Quantity, What, has_hash};
use tracegate_feed::marker::Grade;
use tracegate_gs1::Identity;

use super::task::with_order;
use super::{Context, event_time, finish, short};
use crate::config::Step;
use crate::input::MovementEvent;
use crate::mapping::{self, day};
use crate::remarks::{PREFIX, extend};
use crate::station::Joined;

/// What the event says of a mark, beside the thing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MarkFacts<'a> {
    /// What makes it the same mark: device and id.
    pub id: &'a str,
    /// Lot number.
    pub lot: Option<&'a str>,
    /// Expiry as `YYMMDD`.
    pub expiry: Option<&'a str>,
    /// Production date as `YYMMDD`.
    pub production: Option<&'a str>,
    /// What the verifier says.
    pub grade: Option<&'a Grade>,
    /// It is worse than it may be.
    pub poor: bool,
    /// Why its outcome is not known, if it is not.
    pub unknown: Option<&'a str>,
    /// The order that it is made for.
    pub joined: Option<&'a Joined>,
}

/// A thing that was marked: it is commissioned (CBV 2.0 §7.1), or `non_conformant` from the start if its grade is too poor. If
/// nobody knows whether it was marked it was only written to (`encoding`), and its disposition is `unknown`; such an event
/// observes and adds nothing.
///
/// # Errors
/// The code names no object, or the event would not be valid; the text says which.
pub(crate) fn mark(
    context: Context<'_>,
    identity: &Identity,
    facts: MarkFacts<'_>,
) -> Result<MovementEvent, String> {
    let (time, context) = (event_time(context)?, context.of_code(identity));
    let action = match facts.unknown {
        None => Action::Add,
        Some(_) => Action::Observe,
    };
    let joined = facts.joined.filter(|_| facts.unknown.is_none());
    let made = |epcs: Vec<String>, quantities: Vec<Quantity>| match joined {
        None => EventData::object(time, action, epcs, quantities),
        Some(joined) => {
            let what = What::Transformation {
                inputs: Vec::new(),
                input_quantities: Vec::new(),
                outputs: epcs,
                output_quantities: quantities,
                id: Some(joined.order.clone()),
            };
            EventData::new(time, what)
        }
    };
    let (what, mut event) = if let Some(uri) = identity.instance_uri() {
        let what = short(&uri).to_owned();
        (what, made(vec![uri], Vec::new()))
    } else if let Some(class) = identity.class_uri() {
        let (what, one) = (short(&class).to_owned(), "1".parse().ok());
        let quantity = Quantity {
            epc_class: class,
            quantity: one,
            uom: None,
        };
        (what, made(Vec::new(), vec![quantity]))
    } else {
        return Err("the mark names neither a GTIN (01) nor an SSCC (00)".to_owned());
    };
    let step = match joined {
        Some(joined) => &with_order(context.step, &joined.kind, &joined.order),
        None => context.step,
    };
    let step = match facts.unknown {
        Some(_) => Step {
            biz_step: "encoding".to_owned(),
            disposition: Some("unknown".to_owned()),
            ..step.clone()
        },
        None if facts.poor => Step {
            disposition: Some("non_conformant".to_owned()),
            ..step.clone()
        },
        None => step.clone(),
    };
    if facts.unknown.is_none() {
        let dates = [
            ("cbvmda:lotNumber", facts.lot.map(str::to_owned)),
            ("cbvmda:itemExpirationDate", facts.expiry.and_then(day)),
            ("cbvmda:productionDate", facts.production.and_then(day)),
        ];
        let ilmd = dates
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .filter(|(_, value)| has_hash(value))
            .map(|(name, value)| (name, value.into()));
        event.ilmd.extend(ilmd);
        mapping::describe(identity, &mut event);
    }
    extend(&mut event, "mark", facts.id);
    if let Some(operator) = joined.and_then(|it| it.operator.as_deref()) {
        extend(&mut event, "operator", operator);
    }
    if let Some(grade) = facts.grade {
        extend(&mut event, "grade", graded(grade));
    }
    let mut summary = format!("{} {what}", step.biz_step);
    if let Some(why) = facts.unknown {
        extend(&mut event, "outcome", why);
        summary.push_str(", outcome unknown: ");
        summary.push_str(why);
    } else if facts.poor {
        summary.push_str(", non_conformant");
    }
    if let Some(grade) = facts.grade {
        summary.push_str(&format!(
            ", grade {} ({})",
            grade.overall,
            grade.overall.letter()
        ));
    }
    finish(
        Context {
            step: &step,
            ..context
        },
        event,
        summary,
    )
}

/// A grade as a field of the gateway's own namespace.
fn graded(grade: &Grade) -> Value {
    let named = |name: &str| format!("{PREFIX}:{name}");
    let mut fields = Map::from_iter([
        (named("overall"), Value::from(grade.overall.to_string())),
        (
            named("letter"),
            Value::from(grade.overall.letter().to_string()),
        ),
    ]);
    if let Some(standard) = grade.standard {
        fields.insert(named("standard"), standard.as_str().into());
    }
    if let Some(conditions) = &grade.conditions {
        fields.insert(named("conditions"), conditions.as_str().into());
    }
    if !grade.parameters.is_empty() {
        let parameter = |(name, level): &(String, tracegate_feed::marker::grade::Level)| {
            Value::Object(Map::from_iter([
                (named("parameter"), Value::from(name.as_str())),
                (named("grade"), Value::from(level.to_string())),
            ]))
        };
        let parameters = grade.parameters.iter().map(parameter).collect();
        fields.insert(named("parameters"), Value::Array(parameters));
    }
    Value::Object(fields)
}
