//! What is open at a station: scans that belong together until they are booked.

use serde::{Deserialize, Serialize};

use super::assess::Bench;
use super::code::{Content, OrderRef, Thing};
use super::task::{Confirm, TaskConfig, TaskKind};
use crate::guard::Rule;
use crate::input::DeviceIndex;
use crate::reference::Quantity;
use crate::time::Time;

/// Things in one job; more than fit on a pallet.
pub(super) const MAX_ENTRIES: usize = 500;
/// Scans that can be taken back.
pub(super) const MAX_TRAIL: usize = 2_000;

/// One thing, or some amount of a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub thing: Thing,
    /// As it was scanned.
    pub quantity: Option<Quantity>,
}

impl Entry {
    /// How much of its item it is: a single piece of goods is one.
    pub fn counted(&self) -> Option<Quantity> {
        if self.thing.instance.is_some() && !self.thing.is_unit {
            return Some(Quantity::pieces(1));
        }
        self.quantity.clone()
    }
}

/// Somebody looked at what a rule found, and went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ack {
    /// The thing, or the order where there is none yet.
    pub about: String,
    pub rule: Rule,
    /// Number of the badge.
    pub by: Option<String>,
    pub supervisor: bool,
}

/// What scans say of what is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct OrderData {
    /// Lot number.
    pub lot: Option<String>,
    /// Expiry as `YYMMDD`.
    pub expiry: Option<String>,
    /// Production date as `YYMMDD`.
    pub production: Option<String>,
}

/// What a scan did, to take it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Done {
    /// A scan begins here.
    Scan,
    /// The order before, whether it was used, and since when it was open.
    Order(Option<OrderRef>, bool, Time),
    Parent(Option<Thing>),
    Entry,
    /// The last entry's quantity.
    Quantity,
    Loose(Option<Quantity>),
    Result(Option<(String, String)>),
    Unpack(bool),
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// The scanner of the newest scan.
    pub device: DeviceIndex,
    /// When that was.
    pub touched: Time,
    pub order: Option<OrderRef>,
    /// When the order was scanned.
    pub since: Time,
    /// Something was booked for the order: nothing is lost when it is forgotten.
    pub order_used: bool,
    /// The pallet or box; of a commissioning the lot that what follows belongs to.
    pub parent: Option<Thing>,
    pub entries: Vec<Entry>,
    /// A quantity that came before its lot.
    pub loose: Option<Quantity>,
    /// An inspection's: code and disposition.
    pub result: Option<(String, String)>,
    pub unpack: bool,
    pub acks: Vec<Ack>,
    /// What the newest answer warned of: the thing and the rule.
    pub told: Vec<(String, Rule)>,
    /// What refuses it as it stands and was told as a verdict: the thing and the rule.
    pub refused: Vec<(String, Rule)>,
    trail: Vec<Done>,
}

impl Job {
    pub fn new(device: DeviceIndex, touched: Time) -> Self {
        Self {
            device,
            touched,
            order: None,
            since: touched,
            order_used: false,
            parent: None,
            entries: Vec::new(),
            loose: None,
            result: None,
            unpack: false,
            acks: Vec::new(),
            told: Vec::new(),
            refused: Vec::new(),
            trail: Vec::new(),
        }
    }

    /// What comes after this is one scan.
    pub fn begin(&mut self) {
        if self.trail.len() >= MAX_TRAIL {
            let cut = MAX_TRAIL / 2;
            let next = self.trail.iter().skip(cut).position(|it| *it == Done::Scan);
            self.trail
                .drain(..next.map_or(self.trail.len(), |next| cut + next));
        }
        self.trail.push(Done::Scan);
    }

    /// Something would be lost if it were forgotten.
    pub fn is_open(&self) -> bool {
        !self.entries.is_empty()
            || self.loose.is_some()
            || self.result.is_some()
            || self.order.is_some() && !self.order_used
            || self.parent.is_some() && !self.order_used
    }

    /// Takes the last scan back; false if there is none.
    pub fn undo(&mut self) -> bool {
        if self.trail.is_empty() {
            return false;
        }
        while let Some(done) = self.trail.pop() {
            match done {
                Done::Scan => break,
                Done::Order(before, used, since) => {
                    (self.order, self.order_used, self.since) = (before, used, since);
                }
                Done::Parent(before) => self.parent = before,
                Done::Entry => drop(self.entries.pop()),
                Done::Quantity => {
                    if let Some(entry) = self.entries.last_mut() {
                        entry.quantity = None;
                    }
                }
                Done::Loose(before) => self.loose = before,
                Done::Result(before) => self.result = before,
                Done::Unpack(before) => self.unpack = before,
            }
        }
        let order = self.order.as_ref().map(|order| order.uri.as_str());
        let entries = &self.entries;
        self.acks.retain(|ack| {
            Some(ack.about.as_str()) == order
                || entries.iter().any(|it| it.thing.uri() == ack.about)
        });
        true
    }

    pub fn set_result(&mut self, code: String, disposition: String) {
        let before = self.result.replace((code, disposition));
        self.trail.push(Done::Result(before));
    }

    pub fn set_unpack(&mut self) {
        self.trail.push(Done::Unpack(self.unpack));
        self.unpack = true;
    }

    /// Takes what a code says; the error is for the operator.
    pub fn take(&mut self, task: &TaskConfig, content: Content) -> Result<(), String> {
        let Content {
            order,
            thing,
            quantity,
        } = content;
        if let Some(order) = order {
            self.take_order(task, order)?;
        }
        if thing.is_some() || quantity.is_some() {
            // Who looked at an amount has not looked at a larger one.
            self.acks.retain(|ack| ack.rule != Rule::OverQuantity);
        }
        // A single thing counts as one, whatever its label says of its weight or contents.
        let is_single = thing.as_ref().is_some_and(|it| it.instance.is_some());
        if let Some(thing) = thing {
            self.take_thing(task, thing)?;
        }
        if let Some(quantity) = quantity.filter(|_| !is_single) {
            self.take_quantity(task, quantity)?;
        }
        Ok(())
    }

    fn take_order(&mut self, task: &TaskConfig, order: OrderRef) -> Result<(), String> {
        let has_orders = matches!(
            task.kind,
            TaskKind::Issue | TaskKind::Commissioning | TaskKind::Return
        );
        if !has_orders {
            return Err(format!("{} takes no order", task.kind.as_str()));
        }
        match &self.order {
            Some(open) if open.uri == order.uri => return Ok(()),
            Some(open) if !self.entries.is_empty() => {
                return Err(format!(
                    "order {} is open: confirm or cancel it first",
                    open.id
                ));
            }
            _ => {}
        }
        let before = self.order.replace(order);
        self.trail
            .push(Done::Order(before, self.order_used, self.since));
        (self.order_used, self.since) = (false, self.touched);
        Ok(())
    }

    fn take_thing(&mut self, task: &TaskConfig, thing: Thing) -> Result<(), String> {
        let is_pack = task.kind == TaskKind::Packing;
        if is_pack && thing.is_unit && self.parent.is_none()
            || task.kind == TaskKind::Commissioning && thing.instance.is_none()
        {
            let before = self.parent.replace(thing);
            self.trail.push(Done::Parent(before));
            return Ok(());
        }
        let is_same = |entry: &Entry| entry.thing.uri() == thing.uri();
        match task.kind {
            TaskKind::Commissioning => {
                if let Some(first) = self.entries.first()
                    && !is_same(first)
                {
                    let name = first.thing.name();
                    return Err(format!(
                        "this is not what was marked: {name}; scan that again"
                    ));
                }
            }
            TaskKind::Inspection if !self.entries.is_empty() => {
                return Err("one at a time: scan the result, or cancel".to_owned());
            }
            _ if thing.instance.is_some() && self.entries.iter().any(is_same) => {
                return Err(format!("{} is in already", thing.name()));
            }
            _ => {}
        }
        if self
            .parent
            .as_ref()
            .is_some_and(|it| is_pack && it.uri() == thing.uri())
        {
            return Err(format!("{} is the pallet itself", thing.name()));
        }
        if thing.instance.is_none()
            && matches!(task.kind, TaskKind::Issue | TaskKind::Return)
            && self
                .entries
                .iter()
                .any(|it| is_same(it) && it.quantity.is_none())
        {
            return Err(format!("scan the quantity of {} first", thing.name()));
        }
        if self.entries.len() >= MAX_ENTRIES {
            return Err("too much at once: confirm what was scanned first".to_owned());
        }
        let loose = self.loose.clone().filter(|_| thing.instance.is_none());
        if loose.is_some() {
            self.trail.push(Done::Loose(self.loose.take()));
        }
        self.entries.push(Entry {
            thing,
            quantity: loose,
        });
        self.trail.push(Done::Entry);
        Ok(())
    }

    fn take_quantity(&mut self, task: &TaskConfig, quantity: Quantity) -> Result<(), String> {
        if task.kind == TaskKind::Commissioning {
            return Err("commissioning takes no quantity".to_owned());
        }
        match self.entries.last_mut() {
            Some(last) if last.thing.instance.is_none() && last.quantity.is_none() => {
                last.quantity = Some(quantity);
                self.trail.push(Done::Quantity);
            }
            // A single thing counts as one, whatever its label says.
            Some(last) if last.thing.instance.is_some() && task.kind == TaskKind::Inspection => {}
            _ => {
                let before = self.loose.replace(quantity);
                self.trail.push(Done::Loose(before));
            }
        }
        Ok(())
    }

    /// How much of an entry is booked: as scanned, or as planned.
    pub fn amount(&self, bench: &Bench<'_>, entry: &Entry) -> Option<Quantity> {
        if entry.thing.instance.is_some() || entry.quantity.is_some() {
            return entry.quantity.clone();
        }
        let (order, item) = (self.order.as_ref()?, entry.thing.item.as_deref()?);
        let is_alone = self
            .entries
            .iter()
            .filter(|it| it.thing.item == entry.thing.item);
        if !bench.task.as_planned || is_alone.count() != 1 {
            return None;
        }
        let (record, version) = bench.facts.order(&order.uri)?;
        let mut lines = record.lines.iter().filter(|line| line.item == item);
        // Of several lines nobody knows which is meant.
        let open = match (lines.next(), lines.next()) {
            (Some(only), None) => only.open.as_ref()?,
            _ => return None,
        };
        let left = match bench.issued(&order.uri, item, version) {
            Some(issued) => open.minus(&issued)?,
            None => open.clone(),
        };
        (left.value.as_str() != "0").then_some(left)
    }

    /// What is still needed before it can be booked, for the operator.
    pub fn missing(&self, bench: &Bench<'_>) -> Option<String> {
        let task = bench.task;
        let text = |text: &str| Some(text.to_owned());
        if let Some(quantity) = &self.loose {
            return Some(format!("scan what {quantity} is the quantity of"));
        }
        match task.kind {
            TaskKind::Issue if self.order.is_none() => text("scan the order"),
            TaskKind::Issue | TaskKind::Return if self.entries.is_empty() => text("scan the lot"),
            TaskKind::Issue | TaskKind::Return => {
                let unknown = self.entries.iter().find(|entry| {
                    entry.thing.instance.is_none() && self.amount(bench, entry).is_none()
                })?;
                Some(format!("scan the quantity of {}", unknown.thing.name()))
            }
            TaskKind::Inspection if self.entries.is_empty() => text("scan what was inspected"),
            TaskKind::Inspection if self.result.is_none() => text("scan the result"),
            TaskKind::Packing if self.parent.is_none() => text("scan the pallet"),
            TaskKind::Packing if self.entries.is_empty() && !self.unpack => {
                text("scan what goes in")
            }
            TaskKind::Commissioning if self.entries.is_empty() => text("scan the mark"),
            TaskKind::Commissioning if task.verify && self.entries.len() < 2 => {
                text("scan it again to verify")
            }
            _ => None,
        }
    }

    /// A complete job is booked without being confirmed.
    pub fn books_itself(&self, task: &TaskConfig) -> bool {
        match task.kind {
            TaskKind::Issue | TaskKind::Return => task.confirm == Confirm::Auto,
            TaskKind::Inspection | TaskKind::Commissioning => true,
            TaskKind::Packing => false,
        }
    }

    /// Lot and dates of what is made.
    pub fn data(&self) -> OrderData {
        let things = self.entries.iter().map(|it| &it.thing).chain(&self.parent);
        let first = |of: fn(&Thing) -> Option<&String>| things.clone().find_map(of).cloned();
        OrderData {
            lot: first(|it| it.lot.as_ref()),
            expiry: first(|it| it.expiry.as_ref()),
            production: first(|it| it.production.as_ref()),
        }
    }

    /// Things that it names, by the keys of their records.
    pub fn mentions(&self) -> impl Iterator<Item = String> {
        let order = self.order.iter().map(|order| order.uri.clone());
        let things = self.entries.iter().map(|entry| &entry.thing);
        order.chain(things.chain(&self.parent).flat_map(keys))
    }
}

/// The keys of what may be known of a thing.
pub(super) fn keys(thing: &Thing) -> impl Iterator<Item = String> + use<> {
    let class = thing.class.clone().filter(|_| thing.lot.is_some());
    let keys = [thing.instance.clone(), class, thing.item.clone()];
    keys.into_iter().flatten()
}
