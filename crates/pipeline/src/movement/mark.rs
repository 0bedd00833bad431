//! The event of a mark.

use serde_json::{Map, Value};
use tracegate_epcis::{Action, EventData, Quantity};
use tracegate_feed::marker::Grade;
use tracegate_gs1::Identity;

use super::{Context, event_time, finish, short};
use crate::config::Step;
use crate::input::MovementEvent;
use crate::remarks::{PREFIX, extend};

/// What the event says of a mark, beside the thing.
#[derive(Debug, Clone, Copy)]
pub struct MarkFacts<'a> {
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
}

/// A thing that was marked: it is commissioned (CBV 2.0 §7.1), or `non_conformant` from the start if its grade is too poor. If
/// nobody knows whether it was marked it was only written to (`encoding`), and its disposition is `unknown`; such an event
/// observes and adds nothing.
///
/// # Errors
/// The code names no object, or the event would not be valid; the text says which.
pub fn mark(
    context: Context<'_>,
    identity: &Identity,
    facts: MarkFacts<'_>,
) -> Result<MovementEvent, String> {
    let time = event_time(context)?;
    let action = match facts.unknown {
        None => Action::Add,
        Some(_) => Action::Observe,
    };
    let (what, mut event) = if let Some(uri) = identity.instance_uri() {
        let what = short(&uri).to_owned();
        (what, EventData::object(time, action, vec![uri], Vec::new()))
    } else if let Some(class) = identity.class_uri() {
        let (what, one) = (short(&class).to_owned(), "1".parse().ok());
        let quantity = Quantity {
            epc_class: class,
            quantity: one,
            uom: None,
        };
        (
            what,
            EventData::object(time, action, Vec::new(), vec![quantity]),
        )
    } else {
        return Err("the mark names neither a GTIN (01) nor an SSCC (00)".to_owned());
    };
    let step = match facts.unknown {
        Some(_) => Step {
            biz_step: "encoding".to_owned(),
            disposition: Some("unknown".to_owned()),
            ..context.step.clone()
        },
        None if facts.poor => Step {
            disposition: Some("non_conformant".to_owned()),
            ..context.step.clone()
        },
        None => context.step.clone(),
    };
    if facts.unknown.is_none() {
        let dates = [
            ("cbvmda:lotNumber", facts.lot.map(str::to_owned)),
            ("cbvmda:itemExpirationDate", facts.expiry.and_then(day)),
            ("cbvmda:productionDate", facts.production.and_then(day)),
        ];
        let ilmd = dates
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
        event.ilmd.extend(ilmd);
    }
    extend(&mut event, "mark", facts.id);
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

/// `YYMMDD` as a date; day 00 is the last of the month (GS1 General Specifications §3.4.7).
pub(super) fn day(six: &str) -> Option<String> {
    let part = |range: std::ops::Range<usize>| six.get(range)?.parse::<i8>().ok();
    let (year, month, day) = (part(0..2)?, part(2..4)?, part(4..6)?);
    let first = jiff::civil::Date::new(2000 + i16::from(year), month, day.max(1)).ok()?;
    let date = if day == 0 {
        first.last_of_month()
    } else {
        first
    };
    Some(date.to_string())
}
