//! What an order asks for, and which lot goes first.

use std::cmp::Ordering;

use jiff::civil::Date;

use super::{Case, Found, LotAsked};
use crate::guard::rule::{Level, Rule};
use crate::guard::status::is_closed;
use crate::reference::{ItemLot, OrderLine, Quantity};

/// Lots of an order named in one answer at most.
const MOST_NAMED: usize = 3;

impl Case<'_> {
    /// Order closed, wrong material, wrong lot, too much.
    pub(super) fn judge_order(&mut self, lots: &[LotAsked]) {
        let Some(key) = self.asked.order else { return };
        let name = order_name(key);
        let Some((order, version)) = self.facts.order(key) else {
            let text = format!("nothing is known of order {name}");
            return self.find(Rule::OrderUnknown, Found::unverified(text));
        };
        let found = |text| Found {
            version: Some(version),
            ..Found::plain(text)
        };
        if let Some(status) = order.status.as_deref().filter(|word| is_closed(word)) {
            let text = format!("order {name} is {status}: nothing is issued to it");
            self.find(Rule::OrderClosed, found(text));
        }
        if order.lines.is_empty() {
            let text = format!("order {name} does not say which material it needs");
            return self.find(Rule::OrderUnknown, Found::unverified(text));
        }
        for lot in lots {
            let Some(item) = lot.item.as_deref() else {
                continue;
            };
            let lines: Vec<&OrderLine> = order.lines.iter().filter(|it| it.item == item).collect();
            if lines.is_empty() {
                let text = format!("wrong material: order {name} needs none of it");
                self.find(Rule::WrongMaterial, found(text));
                return;
            }
            let number = lot.lot.as_ref();
            let takes = |line: &&OrderLine| {
                line.lots.is_empty() || number.is_some_and(|lot| line.lots.contains(lot))
            };
            let takers: Vec<&OrderLine> = lines.iter().copied().filter(takes).collect();
            if takers.is_empty() {
                let allowed: Vec<&String> = lines.iter().flat_map(|line| &line.lots).collect();
                let text = format!(
                    "order {name} needs lot {}, not {}",
                    named(&allowed),
                    lot.name()
                );
                let found = Found {
                    take: allowed.first().map(|lot| (*lot).clone()),
                    unverified: number.is_none(),
                    ..found(text)
                };
                self.find(Rule::NotOnOrder, found);
                return;
            }
            self.judge_quantity(&name, &takers, version);
        }
    }

    fn judge_quantity(&mut self, name: &str, lines: &[&OrderLine], version: u64) {
        let Some(quantity) = self.asked.quantity else {
            return;
        };
        // One line without a limit takes any amount.
        let Some(open) = lines
            .iter()
            .map(|line| line.open.as_ref())
            .collect::<Option<Vec<&Quantity>>>()
        else {
            return;
        };
        let Some((first, more)) = open.split_first() else {
            return;
        };
        let sum = more
            .iter()
            .try_fold((*first).clone(), |sum, more| sum.plus(more));
        let permille = self.config.tolerance_permille;
        let compared = sum
            .as_ref()
            .and_then(|sum| quantity.compare_with_tolerance(sum, permille));
        let text = match compared {
            Some(Ordering::Less | Ordering::Equal) => return,
            Some(Ordering::Greater) => {
                let open = sum.as_ref().unwrap_or(first);
                format!("{quantity} is too much: order {name} has {open} open")
            }
            None => not_compared(quantity, name, first),
        };
        // A line in the quantity's own dimension may be one of several.
        let is_other = compared.is_none() && open.iter().all(|it| is_other_dimension(quantity, it));
        let found = Found {
            version: Some(version),
            unverified: compared.is_none() && !is_other,
            ..Found::plain(text)
        };
        self.find(Rule::OverQuantity, found);
        if compared.is_none()
            && let Some(finding) = self.findings.last_mut()
            && finding.rule == Rule::OverQuantity
        {
            finding.level = match is_other {
                // Whoever confirms that books kilograms where litres are needed.
                true => Level::Refuse,
                // Nobody knows that it is too much.
                false => finding.level.min(Level::Warn),
            };
        }
    }

    /// What goes first: FEFO where the lots expire, else FIFO.
    pub(super) fn judge_turn(&mut self, lots: &[LotAsked]) {
        // Of a mixed pallet no lot goes first.
        let [own, ..] = lots else { return };
        if lots.iter().any(|lot| lot.item != own.item) {
            return;
        }
        let expiry = self.expiry(own).map(|(day, _)| day);
        let by_expiry = self.config.has(Rule::Fefo);
        if let Some(expiry) = expiry.filter(|_| by_expiry) {
            let earlier =
                |lot: &ItemLot| self.day(lot.expiry.as_deref()?).filter(|it| *it < expiry);
            if let Some((first, day, version)) = self.first(own, earlier) {
                let text = format!("take lot {} first: it expires on {day}", place(first));
                let found = turn(first, text, version);
                self.find(Rule::Fefo, found);
            }
        } else if let Some(received) = self.received(own) {
            let earlier = |lot: &ItemLot| {
                self.day(lot.received.as_deref()?)
                    .filter(|it| *it < received)
            };
            if let Some((first, day, version)) = self.first(own, earlier) {
                let text = format!("take lot {} first: it was received on {day}", place(first));
                let found = turn(first, text, version);
                self.find(Rule::Fifo, found);
            }
        }
    }

    fn received(&self, own: &LotAsked) -> Option<Date> {
        let record = own.key.as_deref().and_then(|key| self.facts.lot(key));
        let said = record.and_then(|(record, _)| record.received.as_deref());
        let listed = || {
            let (item, _) = self.facts.item(own.item.as_deref()?)?;
            let own = item
                .lots
                .iter()
                .find(|it| Some(&it.lot) == own.lot.as_ref())?;
            own.received.as_deref()
        };
        self.day(said.or_else(listed)?)
    }

    /// Of the lots that may be used instead of `own`, the one with the first day.
    fn first(
        &self,
        own: &LotAsked,
        day: impl Fn(&ItemLot) -> Option<Date>,
    ) -> Option<(&ItemLot, Date, u64)> {
        let (item, version) = self.facts.item(own.item.as_deref()?)?;
        let usable = item.lots.iter().filter(|lot| self.may_replace(own, lot));
        let dated = usable.filter_map(|lot| Some((lot, day(lot)?, version)));
        dated.min_by_key(|(_, day, _)| *day)
    }

    fn may_replace(&self, own: &LotAsked, lot: &ItemLot) -> bool {
        let is_here = match (&self.config.location, &lot.location) {
            (Some(here), Some(there)) => here == there,
            _ => true,
        };
        let expiry = lot.expiry.as_deref().and_then(|six| self.day(six));
        let is_good = expiry.is_none_or(|expiry| self.today.is_some_and(|today| expiry >= today));
        is_here && is_good && Some(&lot.lot) != own.lot.as_ref() && self.is_allowed(own, lot)
    }

    fn is_allowed(&self, own: &LotAsked, lot: &ItemLot) -> bool {
        let order = self.asked.order.and_then(|order| self.facts.order(order));
        let Some((order, _)) = order else { return true };
        let mut lines = order
            .lines
            .iter()
            .filter(|line| Some(&line.item) == own.item.as_ref())
            .peekable();
        lines.peek().is_none()
            || lines.any(|line| line.lots.is_empty() || line.lots.contains(&lot.lot))
    }

    /// What was found, with the lot to take instead if one is known.
    pub(super) fn instead(&self, own: &LotAsked, text: String) -> Found {
        let item = own.item.as_deref().filter(|_| !self.asked.back);
        let item = item.and_then(|item| self.facts.item(item));
        let first = item.and_then(|(item, _)| {
            let mut lots = item.lots.iter();
            lots.find(|lot| self.may_replace(own, lot))
        });
        match first {
            Some(first) => Found {
                take: Some(first.lot.clone()),
                ..Found::plain(format!("{text}: take lot {}", place(first)))
            },
            None => Found::plain(text),
        }
    }
}

/// Both name a unit, and these measure different things. A bare number may be meant in any unit.
fn is_other_dimension(quantity: &Quantity, open: &Quantity) -> bool {
    let named = |it: &Quantity| it.uom.as_ref().and_then(|_| it.dimension());
    matches!((named(quantity), named(open)), (Some(a), Some(b)) if a != b)
}

fn not_compared(quantity: &Quantity, order: &str, open: &Quantity) -> String {
    let said = format!("order {order} has {open} open");
    match (quantity.dimension(), open.dimension()) {
        (Some(a), Some(b)) if a != b => {
            let (a, b) = (a.as_str(), b.as_str());
            let text = format!("{quantity} is {a}, and {said}, {b}");
            match &quantity.uom {
                Some(_) => format!("{text}: scan {b}"),
                None => format!("{text}: scan the quantity with its unit"),
            }
        }
        _ => format!("{quantity} cannot be compared, {said}: check the quantity and its unit"),
    }
}

fn turn(first: &ItemLot, text: String, version: u64) -> Found {
    Found {
        take: Some(first.lot.clone()),
        version: Some(version),
        ..Found::plain(text)
    }
}

/// `L5`, or `L5 (at A-03)`.
fn place(lot: &ItemLot) -> String {
    match &lot.location {
        Some(location) => format!("{} (at {location})", lot.lot),
        None => lot.lot.clone(),
    }
}

/// `A`, `A or B`, `A, B, C or others`.
fn named(lots: &[&String]) -> String {
    let mut names: Vec<&str> = lots.iter().take(MOST_NAMED).map(|it| it.as_str()).collect();
    if lots.len() > MOST_NAMED {
        names.push("others");
    }
    match names.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// An order as people call it: the last part of its key.
fn order_name(key: &str) -> String {
    let name = key.strip_prefix("tracegate:order/").unwrap_or(key);
    name.rsplit(['/', ':']).next().unwrap_or(name).to_owned()
}
