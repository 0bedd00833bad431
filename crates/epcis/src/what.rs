//! The "what" of an event: the five event types and the things they name.

use crate::parts::Quantity;

/// Whether things were seen, added or taken away (EPCIS 2.0 §7.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Seen, nothing changed. A portal observes aggregations, it makes none.
    Observe,
    /// Came to be, or joined a parent.
    Add,
    /// Ceased to be, or left a parent.
    Delete,
}

impl Action {
    /// The word in JSON: `OBSERVE`, `ADD` or `DELETE`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "OBSERVE",
            Self::Add => "ADD",
            Self::Delete => "DELETE",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Observe, Self::Add, Self::Delete]
            .into_iter()
            .find(|action| action.as_str() == word)
    }
}

/// What the event is about: one of the five event types of EPCIS 2.0.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum What {
    /// An `ObjectEvent` (EPCIS 2.0 §7.4.1): things by themselves.
    Object {
        /// Seen, added or deleted.
        action: Action,
        /// Instances, as URIs without repeats.
        epcs: Vec<String>,
        /// Classes with amounts.
        quantities: Vec<Quantity>,
    },
    /// An `AggregationEvent` (EPCIS 2.0 §7.4.2): things in or on a parent.
    Aggregation {
        /// Seen together, put together or taken apart.
        action: Action,
        /// The container, as a URI; only an observation may lack it.
        parent: Option<String>,
        /// Contained instances, as URIs. Empty with [`Action::Delete`] means all of them.
        children: Vec<String>,
        /// Contained classes with amounts.
        child_quantities: Vec<Quantity>,
    },
    /// A `TransactionEvent` (EPCIS 2.0 §7.4.3): things that belong to business documents, of which there is at least one.
    Transaction {
        /// Seen, added or taken away.
        action: Action,
        /// The container of the things, as a URI.
        parent: Option<String>,
        /// Instances, as URIs. Empty with [`Action::Delete`] means all of them.
        epcs: Vec<String>,
        /// Classes with amounts.
        quantities: Vec<Quantity>,
    },
    /// A `TransformationEvent` (EPCIS 2.0 §7.4.4): things that were used up for others.
    Transformation {
        /// Instances used up, as URIs without repeats.
        inputs: Vec<String>,
        /// Classes used up, with amounts.
        input_quantities: Vec<Quantity>,
        /// Instances made, as URIs without repeats.
        outputs: Vec<String>,
        /// Classes made, with amounts.
        output_quantities: Vec<Quantity>,
        /// Joins the events of one transformation, as a URI. Without it an event has inputs and outputs.
        id: Option<String>,
    },
    /// An `AssociationEvent` (EPCIS 2.0 §7.4.5): things fixed to an asset or a place.
    Association {
        /// Seen together, put together or taken apart.
        action: Action,
        /// The asset or place, as a URI.
        parent: String,
        /// Instances fixed to it, as URIs. Empty with [`Action::Delete`] means all of them.
        children: Vec<String>,
        /// Classes fixed to it, with amounts.
        child_quantities: Vec<Quantity>,
    },
}

/// The same view of every event type; lists in the order of the event hash, which is also that of the JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Things<'a> {
    pub(crate) parent: Option<&'a str>,
    pub(crate) lists: [ThingList<'a>; 2],
    pub(crate) action: Option<Action>,
    pub(crate) transformation_id: Option<&'a str>,
}

/// Instances and classes with the JSON names of their lists.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ThingList<'a> {
    pub(crate) epcs: (&'static str, &'a [String]),
    pub(crate) quantities: (&'static str, &'a [Quantity]),
}

impl ThingList<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.epcs.1.is_empty() && self.quantities.1.is_empty()
    }
}

impl What {
    /// The `type` of the event.
    pub(crate) const fn event_type(&self) -> &'static str {
        match self {
            Self::Object { .. } => "ObjectEvent",
            Self::Aggregation { .. } => "AggregationEvent",
            Self::Transaction { .. } => "TransactionEvent",
            Self::Transformation { .. } => "TransformationEvent",
            Self::Association { .. } => "AssociationEvent",
        }
    }

    pub(crate) fn things(&self) -> Things<'_> {
        let one = |parent, action, epcs, quantities| Things {
            parent,
            lists: [ThingList { epcs, quantities }, ThingList::default()],
            action: Some(action),
            transformation_id: None,
        };
        match self {
            Self::Object {
                action,
                epcs,
                quantities,
            } => one(
                None,
                *action,
                ("epcList", epcs),
                ("quantityList", quantities),
            ),
            Self::Aggregation {
                action,
                parent,
                children,
                child_quantities,
            } => one(
                parent.as_deref(),
                *action,
                ("childEPCs", children),
                ("childQuantityList", child_quantities),
            ),
            Self::Transaction {
                action,
                parent,
                epcs,
                quantities,
            } => one(
                parent.as_deref(),
                *action,
                ("epcList", epcs),
                ("quantityList", quantities),
            ),
            Self::Association {
                action,
                parent,
                children,
                child_quantities,
            } => one(
                Some(parent),
                *action,
                ("childEPCs", children),
                ("childQuantityList", child_quantities),
            ),
            Self::Transformation {
                inputs,
                input_quantities,
                outputs,
                output_quantities,
                id,
            } => Things {
                parent: None,
                lists: [
                    ThingList {
                        epcs: ("inputEPCList", inputs),
                        quantities: ("inputQuantityList", input_quantities),
                    },
                    ThingList {
                        epcs: ("outputEPCList", outputs),
                        quantities: ("outputQuantityList", output_quantities),
                    },
                ],
                action: None,
                transformation_id: id.as_deref(),
            },
        }
    }
}
