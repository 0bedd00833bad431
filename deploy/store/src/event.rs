//! What an event says, as rows: things with their roles, documents, parties, and the fields that a recall asks for.

use serde_json::Value;
use tracegate_epcis::{Action, EventData, EventId, Quantity, Received, What, hash_json};

use crate::message::{MAX_TEXT, MAX_THINGS};
use crate::thing::Thing;

/// The namespace of Tracegate's own fields.
const NAMESPACE: &str = "tracegate:event/";
/// The business step of an issue to an order (there is no word "issuing" in the CBV).
const PICKING: &str = "picking";

/// An event's rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The `eventID`, or for an event without one its hash.
    pub id: String,
    /// `ObjectEvent` and the like.
    pub kind: &'static str,
    /// `OBSERVE`, `ADD` or `DELETE`.
    pub action: Option<&'static str>,
    /// When, in microseconds since 1970.
    pub at_us: i64,
    /// Offset of the clock on the wall, in minutes.
    pub zone_minutes: i16,
    /// Business step.
    pub biz_step: Option<String>,
    /// Disposition.
    pub disposition: Option<String>,
    /// Where it was seen.
    pub read_point: Option<String>,
    /// Where it is.
    pub biz_location: Option<String>,
    /// Who confirmed it.
    pub operator: Option<String>,
    /// What a rule said: `accept`, `warn`, `refuse`, or what became of it: `refused`, `cancelled` and the like.
    pub verdict: Option<String>,
    /// It is declared wrong, since when in microseconds.
    pub wrong_since_us: Option<i64>,
    /// Its things.
    pub uses: Vec<Use>,
    /// Type and name of business transactions.
    pub documents: Vec<(String, String)>,
    /// Direction, type and name of sources and destinations.
    pub parties: Vec<(&'static str, String, String)>,
    /// Its number in the sequence.
    pub seq: Option<i64>,
    /// All of it.
    pub body: String,
}

/// A thing in an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Use {
    /// The thing.
    pub thing: Thing,
    /// A value of the type `thing_role`.
    pub role: &'static str,
    /// Of a child: the parent, unless it was taken out.
    pub parent: Option<String>,
    /// How much.
    pub quantity: Option<String>,
    /// In which unit.
    pub uom: Option<String>,
}

impl Use {
    fn of(thing: Thing, role: &'static str) -> Self {
        Self {
            thing,
            role,
            parent: None,
            quantity: None,
            uom: None,
        }
    }
}

/// Reads an event of a document with this `@context`.
///
/// # Errors
/// It is not valid, its id is not its hash, or it cannot be stored; the text says which and where.
pub fn facts(value: &Value, context: &Value, issue_steps: &[String]) -> Result<Facts, String> {
    let received = Received::within(value, context).map_err(|error| chain(&error))?;
    let data = received.event.data();
    let id = match &received.event_id {
        Some(id) => {
            if id.parse::<EventId>().is_ok() {
                let hash = hash_json(value, context).map_err(|error| chain(&error))?;
                if *id != hash.id().to_string() {
                    return Err(format!(
                        "`eventID` is not the hash of the event, which is {}",
                        hash.id()
                    ));
                }
            }
            id.clone()
        }
        None => hash_json(value, context)
            .map_err(|error| chain(&error))?
            .id()
            .to_string(),
    };
    let own = |name: &str| {
        let prefix = data.namespaces.iter().find(|it| it.uri == NAMESPACE);
        let prefix = prefix.map_or("gw", |it| it.prefix.as_str());
        data.extensions.get(&format!("{prefix}:{name}"))
    };
    // A site may keep such a field in its own namespace.
    let any = |name: &str| {
        let named = |key: &String| {
            key.rsplit_once([':', '/', '#'])
                .is_some_and(|(_, last)| last == name)
        };
        let found = data.extensions.iter().find(|(key, _)| named(key));
        own(name).or(found.map(|(_, value)| value))
    };
    let text = |value: Option<&Value>| match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let verdict = text(own("verdict"));
    // Business steps of our own, such as issue_refused, tell of what somebody wanted to do. Nothing happened either where a
    // rule refused it, unless somebody overrode that, or the load went through the door all the same.
    let step = data.biz_step.as_deref().unwrap_or_default();
    let refused =
        matches!(verdict.as_deref(), Some("refuse" | "refused")) || own("alert").is_some();
    let went = own("passage").is_some() || own("overrides").is_some();
    let happened = !step.starts_with(NAMESPACE) && (went || !refused);
    let mut documents: Vec<(String, String)> = data
        .biz_transactions
        .iter()
        .map(|it| (it.kind.clone(), it.id.clone()))
        .collect();
    if let What::Transformation { id: name, .. } = &data.what {
        let name = name.clone().unwrap_or_else(|| id.clone());
        documents.push(("transformation".to_owned(), name));
    }
    let (kind, action, mut uses) =
        uses(data, issue_steps).ok_or("events of this type are not stored")?;
    if !happened {
        for it in &mut uses {
            (it.role, it.parent) = ("mentioned", None);
        }
    }
    uses.extend(counted(own("quantities")));
    give_lot(data, &mut uses);
    let parties = |list: &[tracegate_epcis::SourceDest], direction| {
        list.iter()
            .map(move |it| (direction, it.kind.clone(), it.id.clone()))
            .collect::<Vec<_>>()
    };
    let mut all = parties(&data.sources, "source");
    all.extend(parties(&data.destinations, "destination"));
    let facts = Facts {
        id,
        kind,
        action: action.map(Action::as_str),
        at_us: data.time.unix_micros(),
        zone_minutes: data.time.offset_minutes(),
        biz_step: data.biz_step.clone(),
        disposition: data.disposition.clone(),
        read_point: data.read_point.clone(),
        biz_location: data.biz_location.clone(),
        operator: text(any("operator")),
        verdict,
        wrong_since_us: data
            .error_declaration
            .as_ref()
            .map(|it| it.declaration_time.unix_micros()),
        uses,
        documents,
        parties: all,
        seq: None,
        body: String::new(),
    };
    storable(&facts)?;
    Ok(facts)
}

type Uses = (&'static str, Option<Action>, Vec<Use>);

/// Type, action and things; `None` for a type that this version does not know.
fn uses(data: &EventData, issue_steps: &[String]) -> Option<Uses> {
    let ordered = data
        .biz_transactions
        .iter()
        .any(|it| it.kind == "prodorder");
    let step = data.biz_step.as_deref().unwrap_or_default();
    let issues = step == PICKING || issue_steps.iter().any(|it| it == step);
    Some(match &data.what {
        What::Object {
            action,
            epcs,
            quantities,
        } => {
            let role = match action {
                Action::Observe if ordered && issues => "input",
                Action::Add if ordered => "output",
                _ => "epc",
            };
            let uses = listed(epcs, quantities, role).collect();
            ("ObjectEvent", Some(*action), uses)
        }
        What::Aggregation {
            action,
            parent,
            children,
            child_quantities,
        } => {
            let uses = nested(*action, parent.as_deref(), children, child_quantities);
            ("AggregationEvent", Some(*action), uses)
        }
        What::Association {
            action,
            parent,
            children,
            child_quantities,
        } => {
            let uses = nested(*action, Some(parent), children, child_quantities);
            ("AssociationEvent", Some(*action), uses)
        }
        What::Transaction {
            action,
            parent,
            epcs,
            quantities,
        } => {
            let parent = parent.iter().map(|it| Use::of(Thing::instance(it), "epc"));
            let uses = parent.chain(listed(epcs, quantities, "epc")).collect();
            ("TransactionEvent", Some(*action), uses)
        }
        What::Transformation {
            inputs,
            input_quantities,
            outputs,
            output_quantities,
            ..
        } => {
            let uses = listed(inputs, input_quantities, "input")
                .chain(listed(outputs, output_quantities, "output"))
                .collect();
            ("TransformationEvent", None, uses)
        }
        _ => return None,
    })
}

fn listed<'a>(
    epcs: &'a [String],
    quantities: &'a [Quantity],
    role: &'static str,
) -> impl Iterator<Item = Use> + 'a {
    let classes = quantities.iter().map(move |it| Use {
        quantity: it.quantity.as_ref().map(ToString::to_string),
        uom: it.uom.clone(),
        ..Use::of(Thing::class(&it.epc_class), role)
    });
    let epcs = epcs.iter();
    epcs.map(move |it| Use::of(Thing::instance(it), role))
        .chain(classes)
}

fn nested(
    action: Action,
    parent: Option<&str>,
    children: &[String],
    quantities: &[Quantity],
) -> Vec<Use> {
    let parent = parent.map(Thing::instance);
    let empty = children.is_empty() && quantities.is_empty();
    let role = match action {
        Action::Delete if empty => "emptied",
        _ => "parent",
    };
    let inside = parent.as_ref().filter(|_| action != Action::Delete);
    let inside = inside.map(|it| it.uri.clone());
    let children = listed(children, quantities, "child").map(|it| Use {
        parent: inside.clone(),
        ..it
    });
    let parent = parent.clone().map(|it| Use::of(it, role));
    parent.into_iter().chain(children).collect()
}

/// `gw:quantities`: what was read, by class and lot.
fn counted(list: Option<&Value>) -> Vec<Use> {
    let entries = list.and_then(Value::as_array).into_iter().flatten();
    let used = entries.filter_map(|entry| {
        let field = |name: &str| {
            let mut fields = entry.as_object()?.iter();
            fields.find(|(key, _)| key.rsplit(':').next() == Some(name))
        };
        let (_, class) = field("epcClass")?;
        let quantity = field("quantity").and_then(|(_, value)| value.as_u64());
        Some(Use {
            quantity: quantity.map(|it| it.to_string()),
            ..Use::of(Thing::class(class.as_str()?), "counted")
        })
    });
    used.collect()
}

/// What the event makes has the lot that its master data names.
fn give_lot(data: &EventData, uses: &mut [Use]) {
    let lot = data
        .ilmd
        .iter()
        .find(|(key, _)| key.rsplit([':', '/', '#']).next() == Some("lotNumber"))
        .and_then(|(_, value)| value.as_str());
    let Some(lot) = lot else { return };
    let made = uses.iter_mut();
    for it in made.filter(|it| matches!(it.role, "epc" | "output") && it.thing.level == "instance")
    {
        it.thing.lot.get_or_insert_with(|| lot.to_owned());
    }
}

/// Refuses what the columns cannot hold.
fn storable(facts: &Facts) -> Result<(), String> {
    if facts.uses.len() > MAX_THINGS {
        return Err(format!("it names more than {MAX_THINGS} things"));
    }
    let optional = [
        ("bizStep", &facts.biz_step),
        ("disposition", &facts.disposition),
        ("readPoint", &facts.read_point),
        ("bizLocation", &facts.biz_location),
        ("operator", &facts.operator),
        ("verdict", &facts.verdict),
    ];
    let optional = optional
        .into_iter()
        .filter_map(|(field, text)| Some((field, text.as_ref()?)));
    let things = facts.uses.iter().flat_map(|it| {
        let uri = std::iter::once(("the name of a thing", &it.thing.uri));
        let lot = it.thing.lot.iter().map(|lot| ("lotNumber", lot));
        uri.chain(lot).chain(it.uom.iter().map(|uom| ("uom", uom)))
    });
    let documents = facts
        .documents
        .iter()
        .flat_map(|(kind, name)| [("type of a document", kind), ("bizTransaction", name)]);
    let parties = facts
        .parties
        .iter()
        .flat_map(|(_, kind, name)| [("type of a party", kind), ("source or destination", name)]);
    let id = std::iter::once(("eventID", &facts.id));
    let texts = id
        .chain(optional)
        .chain(things)
        .chain(documents)
        .chain(parties);
    for (field, text) in texts {
        if text.len() > MAX_TEXT {
            return Err(format!("{field} is longer than {MAX_TEXT} bytes"));
        }
        if text.contains('\0') {
            return Err(format!(
                "{field} holds a NUL character, which PostgreSQL cannot store"
            ));
        }
    }
    Ok(())
}

/// An error with its causes.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
