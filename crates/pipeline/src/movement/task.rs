//! Events of stations with a task: what was booked, and what was not.

use serde_json::{Map, Value};
use tracegate_epcis::{Action, EventData, Quantity, What};

use super::{Context, event_time, finish, short};
use crate::config::Step;
use crate::guard::{self, Judgement};
use crate::input::MovementEvent;
use crate::mapping::{Text, day};
use crate::reference::Quantity as Amount;
use crate::remarks::{NAMESPACE, PREFIX, extend};
use crate::station::{Job, TaskConfig, TaskKind};

/// What an event of a task is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noted<'a> {
    /// The task.
    pub task: &'a TaskConfig,
    /// What was scanned.
    pub job: &'a Job,
    /// How much of each entry, as planned where that was not scanned.
    pub amounts: &'a [Option<Amount>],
    /// What the guard says, if there is one.
    pub judgement: Option<&'a Judgement>,
    /// Number of the operator's badge.
    pub operator: Option<&'a str>,
}

/// What became of a scan that is not booked, or not yet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome<'a> {
    /// It may not be used; why.
    Refused(&'a str),
    /// Somebody must look; at what.
    Warned(&'a str),
    /// Somebody looked.
    Overridden,
    /// It was given up or taken back; why.
    Cancelled(&'a str),
}

impl Outcome<'_> {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Warned(_) => "warned",
            Self::Overridden => "overridden",
            Self::Cancelled(_) => "cancelled",
        }
    }
}

impl Noted<'_> {
    /// Single things, and amounts of classes: several scans of one class are one amount.
    fn things(&self) -> (Vec<String>, Vec<Quantity>) {
        let (mut epcs, mut sums) = (Vec::new(), Vec::<(String, Option<Amount>)>::new());
        for (entry, amount) in self.job.entries.iter().zip(self.amounts) {
            if let Some(instance) = &entry.thing.instance {
                epcs.push(instance.clone());
                continue;
            }
            let Some(class) = &entry.thing.class else {
                continue;
            };
            let sum = sums.iter_mut().find_map(|(known, sum)| {
                let both = sum.as_ref()?.plus(amount.as_ref()?)?;
                (known == class).then_some((sum, both))
            });
            match sum {
                Some((sum, both)) => *sum = Some(both),
                None => sums.push((class.clone(), amount.clone())),
            }
        }
        epcs.sort_unstable();
        epcs.dedup();
        sums.sort_by(|a, b| a.0.cmp(&b.0));
        let quantity = |(epc_class, amount): (String, Option<Amount>)| Quantity {
            epc_class,
            quantity: amount.as_ref().map(|it| it.value.clone()),
            uom: amount.and_then(|it| it.uom),
        };
        (epcs, sums.into_iter().map(quantity).collect())
    }

    /// The task's step with the order as business transaction.
    fn step(&self, step: &Step) -> Step {
        match &self.job.order {
            Some(order) => with_order(step, &self.task.order_type, &order.uri),
            None => step.clone(),
        }
    }

    /// For people: `lot L1 × 5 KGM → WO4711`.
    fn what(&self) -> String {
        let mut what = match (self.job.entries.as_slice(), self.amounts) {
            ([only], [Some(amount)]) => format!("{} × {amount}", short(only.thing.uri())),
            ([only], _) => short(only.thing.uri()).to_owned(),
            ([first, rest @ ..], _) if rest.iter().all(|it| it.thing == first.thing) => {
                short(first.thing.uri()).to_owned()
            }
            (many, _) => format!("{} things", many.len()),
        };
        if let (TaskKind::Packing, Some(parent)) = (self.task.kind, &self.job.parent) {
            what = format!("{} + {what}", short(parent.uri()));
        }
        if let Some(order) = &self.job.order {
            what.push_str(" → ");
            what.push_str(&order.id);
        }
        what
    }

    fn people(&self, event: &mut EventData) {
        if let Some(operator) = self.operator {
            extend(event, "operator", operator);
        }
        let named = |name: &str| format!("{PREFIX}:{name}");
        let overrides: Vec<Value> = self
            .job
            .acks
            .iter()
            .map(|ack| {
                let mut fields = Map::from_iter([
                    (named("rule"), Value::from(ack.rule.as_str())),
                    (named("about"), ack.about.as_str().into()),
                    (named("supervisor"), ack.supervisor.into()),
                ]);
                if let Some(by) = &ack.by {
                    fields.insert(named("by"), by.as_str().into());
                }
                Value::Object(fields)
            })
            .collect();
        if !overrides.is_empty() {
            extend(event, "overrides", Value::Array(overrides));
        }
    }
}

/// A step with an order as business transaction, in place of others of its kind.
pub(super) fn with_order(step: &Step, kind: &str, uri: &str) -> Step {
    let order = (kind.to_owned(), Text::fixed(uri));
    let others = step.biz_transactions.iter().filter(|(it, _)| it != kind);
    Step {
        biz_transactions: std::iter::once(&order).chain(others).cloned().collect(),
        ..step.clone()
    }
}

/// What is booked.
///
/// # Errors
/// The event would not be valid; the text names the field.
pub(crate) fn task(context: Context<'_>, noted: &Noted<'_>) -> Result<MovementEvent, String> {
    let (time, job) = (event_time(context)?, noted.job);
    let mut step = noted.step(context.step);
    let (epcs, quantities) = noted.things();
    let order = job.order.as_ref();
    let mut event = match noted.task.kind {
        TaskKind::Issue if noted.task.consume => {
            let what = What::Transformation {
                inputs: epcs,
                input_quantities: quantities,
                outputs: Vec::new(),
                output_quantities: Vec::new(),
                id: order.map(|order| order.uri.clone()),
            };
            EventData::new(time, what)
        }
        TaskKind::Issue | TaskKind::Return | TaskKind::Inspection => {
            EventData::object(time, Action::Observe, epcs, quantities)
        }
        TaskKind::Packing => {
            let parent = job.parent.as_ref().map(|parent| parent.uri().to_owned());
            let action = if job.unpack {
                step.biz_step = "unpacking".to_owned();
                Action::Delete
            } else {
                Action::Add
            };
            EventData::aggregation(time, action, parent, epcs, quantities)
        }
        TaskKind::Commissioning => {
            let mut event = match order {
                Some(order) => {
                    let what = What::Transformation {
                        inputs: Vec::new(),
                        input_quantities: Vec::new(),
                        outputs: epcs,
                        output_quantities: quantities,
                        id: Some(order.uri.clone()),
                    };
                    EventData::new(time, what)
                }
                None => EventData::object(time, Action::Add, epcs, quantities),
            };
            let data = job.data();
            let date = |six: Option<String>| six.and_then(|it| day(&it));
            let master = [
                ("cbvmda:lotNumber", data.lot),
                ("cbvmda:itemExpirationDate", date(data.expiry)),
                ("cbvmda:productionDate", date(data.production)),
            ];
            let master = master.into_iter();
            event
                .ilmd
                .extend(master.filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
            event
        }
    };
    let mut summary = format!("{} {}", step.biz_step, noted.what());
    if let Some((code, disposition)) = &job.result {
        step.disposition = Some(disposition.clone());
        extend(&mut event, "result", code.as_str());
        summary.push_str(", ");
        summary.push_str(disposition);
    }
    if let Some(judgement) = noted.judgement {
        guard::remark(judgement, &mut event);
    }
    noted.people(&mut event);
    let step = &step;
    finish(Context { step, ..context }, event, summary)
}

/// A verdict as an event of its own: it was seen that somebody wanted to use the things, and nothing became of it yet. Its
/// business step is one of ours, such as `tracegate:event/issue_refused`, so that nobody takes it for what it is not.
///
/// # Errors
/// No thing was scanned, or the event would not be valid; the text says which.
pub(crate) fn verdict(
    context: Context<'_>,
    noted: &Noted<'_>,
    outcome: Outcome<'_>,
) -> Result<MovementEvent, String> {
    let (mut epcs, quantities) = noted.things();
    epcs.extend(noted.job.parent.as_ref().and_then(|it| it.instance.clone()));
    let word = format!("{}_{}", noted.task.kind.as_str(), outcome.as_str());
    let step = Step {
        biz_step: format!("{NAMESPACE}{word}"),
        disposition: None,
        biz_location: None,
        set: Vec::new(),
        unset: Vec::new(),
        sources: Vec::new(),
        destinations: Vec::new(),
        profiles: Default::default(),
        ..noted.step(context.step)
    };
    let mut event = EventData::object(event_time(context)?, Action::Observe, epcs, quantities);
    if let Some(judgement) = noted.judgement {
        guard::remark(judgement, &mut event);
    }
    extend(&mut event, "verdict", outcome.as_str());
    let mut summary = format!("{word} {}", noted.what());
    if let Outcome::Refused(text) | Outcome::Warned(text) | Outcome::Cancelled(text) = outcome {
        extend(&mut event, "text", text);
        summary.push_str(": ");
        summary.push_str(text);
    }
    noted.people(&mut event);
    let step = &step;
    finish(Context { step, ..context }, event, summary)
}
