//! Who belongs to whom: parents and children among the tags of a load, known contents, completeness, lots.
//!
//! Invariant: what was not read never becomes a child. What is missing is named apart from the children.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tracegate_gs1::{Ai, Element, Identity, TagIdentity};

use crate::filter::TagClass;
use crate::reference::{Content, References};
use crate::time::{Span, Time};

/// How the tags of a load are told.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LoadRules {
    /// When parent and children are an AggregationEvent.
    pub aggregation: Aggregation,
    /// Share of the known contents that must have been read for the whole to be taken as there, 0 to 1.
    pub infer_ratio: f64,
    /// Where goods with serial numbers are counted by class and lot.
    pub quantities: Quantities,
}

impl Default for LoadRules {
    fn default() -> Self {
        Self {
            aggregation: Aggregation::Always,
            infer_ratio: 0.5,
            quantities: Quantities::Extension,
        }
    }
}

/// When a load with one parent is an AggregationEvent (OBSERVE); else it is an ObjectEvent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Aggregation {
    /// Whenever there are children.
    #[default]
    Always,
    /// When the known contents were read, all or enough of them.
    Complete,
    /// Never.
    Never,
}

/// Where goods with serial numbers are counted by class and lot.
///
/// In EPCIS the EPC list and the quantity list of an event add up: each names things of its own (EPCIS 2.0 §7.3.3).
/// So goods stand in one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Quantities {
    /// Goods stand in the EPC list; the counts are in the extension `gw:quantities`.
    #[default]
    Extension,
    /// Goods of a known class stand in the quantity list, not in the EPC list.
    QuantityList,
}

/// One tag of a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub uri: String,
    /// Its GTIN, if it has one.
    pub gtin: Option<String>,
    /// The class of that GTIN, without a lot.
    pub item: Option<String>,
    /// Its lot, from the tag itself or from what is known.
    pub lot: Option<String>,
    /// What it can be the parent of.
    pub rank: Rank,
    /// When it crossed.
    pub crossed: Time,
}

/// What a tag can be to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Goods.
    Goods,
    /// A carrier, the parent if there is no logistic unit: a returnable asset (GRAI), or what the rules call a load unit.
    Carrier,
    /// A logistic unit (SSCC).
    Unit,
}

/// A parent with its children, or children without one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Load {
    /// One as a rule; none if nothing carries the children; several if it is not known which of them does.
    pub parents: Vec<String>,
    /// Which of several parents carries which children is not known.
    pub ambiguous: bool,
    /// What was read, beside the parents.
    pub children: Vec<Member>,
    /// What became of the known contents, if there are any.
    pub contents: Option<Contents>,
}

/// What was read against what is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    /// What it comes to.
    pub state: Completeness,
    /// Single things that were not read.
    pub missing: Vec<String>,
    /// Pieces of classes that were not read.
    pub short: BTreeMap<String, u64>,
    /// Things that were read and do not belong to it.
    pub unexpected: Vec<String>,
    /// Pieces of classes that were read beyond what belongs to it.
    pub over: BTreeMap<String, u64>,
}

/// What reads say about known contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Completeness {
    /// Too little was read to say anything.
    #[default]
    Open,
    /// Enough was read to take the rest as there.
    Inferred,
    /// All of it was read.
    Verified,
    /// Things were read that do not belong to it.
    MismatchInstance,
    /// More of a class was read than belongs to it.
    MismatchQuantity,
}

impl Completeness {
    /// The disposition of CBV 2.0 that says it.
    #[must_use]
    pub const fn disposition(self) -> Option<&'static str> {
        match self {
            Self::Open => None,
            Self::Inferred => Some("completeness_inferred"),
            Self::Verified => Some("completeness_verified"),
            Self::MismatchInstance => Some("mismatch_instance"),
            Self::MismatchQuantity => Some("mismatch_quantity"),
        }
    }
}

impl Member {
    /// A tag with what it says about itself.
    #[must_use]
    pub fn new(tag: &TagIdentity, class: TagClass, crossed: Time) -> Self {
        let key = tag.epc().and_then(tracegate_gs1::Epc::key);
        let identity = tag.epc().and_then(tracegate_gs1::Epc::identity);
        let value = |value: fn(&Identity) -> Option<&str>| {
            identity.as_ref().and_then(value).map(str::to_owned)
        };
        let rank = match key {
            Some(Ai::SSCC) => Rank::Unit,
            Some(Ai::GRAI) => Rank::Carrier,
            _ if class == TagClass::LoadUnit => Rank::Carrier,
            _ => Rank::Goods,
        };
        let gtin = value(Identity::gtin);
        Self {
            uri: tag.uri(),
            item: gtin.as_deref().and_then(|gtin| class_uri(gtin, None)),
            gtin,
            lot: value(Identity::lot),
            rank,
            crossed,
        }
    }

    /// Its class: GTIN with lot if that is known, else GTIN alone.
    #[must_use]
    pub fn class(&self) -> Option<String> {
        class_uri(self.gtin.as_deref()?, self.lot.as_deref())
    }
}

/// The EPC class of a GTIN, with its lot if that is known: `https://id.gs1.org/01/GTIN/10/LOT`.
#[must_use]
pub fn class_uri(gtin: &str, lot: Option<&str>) -> Option<String> {
    let lot = lot.and_then(|lot| Element::new(Ai::LOT, lot).ok());
    let elements = std::iter::once(Element::new(Ai::GTIN, gtin).ok()?).chain(lot);
    Identity::from_elements(elements.collect())
        .ok()?
        .class_uri()
}

/// Puts the tags of a load in order: who carries whom, and what is known about it.
///
/// One logistic unit, or without one a single carrier, is the parent. Of several each gets what is known to be on it; else
/// the load falls apart where nothing crossed for `gap`, if each part then has one parent; else it stays one load, and
/// that is said.
pub(crate) fn associate(
    members: Vec<Member>,
    references: &References,
    gap: Span,
    infer_ratio: f64,
) -> Vec<Load> {
    let top = members.iter().map(|member| member.rank).max();
    let is_parent = |member: &Member| Some(member.rank) == top && member.rank > Rank::Goods;
    let (parents, children): (Vec<Member>, Vec<Member>) = members.into_iter().partition(is_parent);
    let loads = match parents.as_slice() {
        [] | [_] => vec![whole(parents, children, false)],
        _ if children.is_empty() => vec![whole(parents, children, false)],
        _ => by_contents(&parents, &children, references, gap)
            .or_else(|| by_time(&parents, &children, gap))
            .unwrap_or_else(|| vec![whole(parents, children, true)]),
    };
    let finish = |mut load: Load| {
        find_lots(&mut load, references);
        if let [parent] = load.parents.as_slice()
            && let Some(known) = references.contents(parent)
        {
            load.contents = Some(compare(&load.children, known, infer_ratio));
        }
        load
    };
    loads.into_iter().map(finish).collect()
}

fn whole(parents: Vec<Member>, children: Vec<Member>, ambiguous: bool) -> Load {
    let mut parents: Vec<String> = parents.into_iter().map(|parent| parent.uri).collect();
    parents.sort_unstable();
    Load {
        parents,
        ambiguous,
        children,
        contents: None,
    }
}

/// Each parent gets what is listed for it. The rest goes to the only parent of unknown contents, else by time.
fn by_contents(
    parents: &[Member],
    children: &[Member],
    references: &References,
    gap: Span,
) -> Option<Vec<Load>> {
    let known: Vec<Option<&[Content]>> = parents
        .iter()
        .map(|parent| references.contents(&parent.uri))
        .collect();
    known.iter().flatten().next()?;
    let mut loads: Vec<Load> = parents
        .iter()
        .map(|parent| whole(vec![parent.clone()], Vec::new(), false))
        .collect();
    let mut rest = Vec::new();
    for child in children {
        let lists = |contents: &Option<&[Content]>, fits: fn(&Content, &Member) -> bool| {
            contents.is_some_and(|contents| contents.iter().any(|entry| fits(entry, child)))
        };
        let only = |fits: fn(&Content, &Member) -> bool| {
            let mut listing = known.iter().enumerate().filter(|(_, it)| lists(it, fits));
            let first = listing.next()?.0;
            listing.next().is_none().then_some(first)
        };
        let named = only(|entry, child| entry.instance && entry.item == child.uri);
        let place = named.or_else(|| only(|entry, child| !entry.instance && is_of(child, entry)));
        match place.and_then(|place| loads.get_mut(place)) {
            Some(load) => load.children.push(child.clone()),
            None => rest.push(child.clone()),
        }
    }
    let mut unknown = known.iter().enumerate().filter(|(_, it)| it.is_none());
    let only_unknown = unknown.next().filter(|_| unknown.next().is_none());
    if rest.is_empty() {
        return Some(loads);
    }
    if let Some(load) = only_unknown.and_then(|(place, _)| loads.get_mut(place)) {
        load.children.extend(rest);
    } else if let Some(parts) = by_time(parents, &rest, gap) {
        for part in parts {
            let own = loads.iter_mut().find(|load| load.parents == part.parents);
            own.into_iter()
                .for_each(|load| load.children.extend(part.children.iter().cloned()));
        }
    } else {
        loads.push(whole(Vec::new(), rest, true));
    }
    Some(loads)
}

/// Falls apart where nothing crossed for `gap`, if that leaves one parent in each part.
fn by_time(parents: &[Member], children: &[Member], gap: Span) -> Option<Vec<Load>> {
    let mut all: Vec<&Member> = parents.iter().chain(children).collect();
    all.sort_by(|a, b| (a.crossed, &a.uri).cmp(&(b.crossed, &b.uri)));
    let parts = all.chunk_by(|a, b| b.crossed - a.crossed < gap);
    let loads = parts.map(|part| {
        let is_parent = |member: &&Member| parents.iter().any(|parent| parent.uri == member.uri);
        let (own, others): (Vec<&Member>, Vec<&Member>) =
            part.iter().partition(|member| is_parent(member));
        (own.len() == 1).then(|| {
            let owned = |list: Vec<&Member>| list.into_iter().cloned().collect();
            whole(owned(own), owned(others), false)
        })
    });
    loads.collect()
}

/// Lots that tags do not carry: listed with the contents, known for the serial number, or the only one there is.
fn find_lots(load: &mut Load, references: &References) {
    let listed: Vec<&Content> = load
        .parents
        .iter()
        .filter_map(|parent| references.contents(parent))
        .flatten()
        .collect();
    let by_item: BTreeMap<&str, &str> = listed
        .iter()
        .filter(|entry| entry.instance)
        .filter_map(|entry| Some((entry.item.as_str(), entry.lot.as_deref()?)))
        .collect();
    // Of a class only one lot listed: its goods are of that lot.
    let mut only: BTreeMap<String, Option<String>> = BTreeMap::new();
    for entry in listed.iter().filter(|entry| !entry.instance) {
        let (class, lot) = class_and_lot(&entry.item);
        only.entry(class.to_owned())
            .and_modify(|known| {
                if known.as_deref() != lot.as_deref() {
                    *known = None;
                }
            })
            .or_insert(lot);
    }
    for child in load.children.iter_mut().filter(|child| child.lot.is_none()) {
        let known = by_item.get(child.uri.as_str()).copied();
        let known = known.or_else(|| references.batch(&child.uri).map(|batch| batch.lot.as_str()));
        child.lot = known
            .map(str::to_owned)
            .or_else(|| only.get(child.item.as_deref()?).cloned().flatten());
    }
}

/// The class without its lot, and the lot as it is written (percent signs decoded).
fn class_and_lot(class: &str) -> (&str, Option<String>) {
    let Some((item, lot)) = class.split_once("/10/") else {
        return (class, None);
    };
    let link = tracegate_gs1::parse_digital_link(class, &tracegate_gs1::LinkOptions::default());
    let decoded = link.ok().and_then(|link| {
        let lot = link.elements().iter().find(|it| it.ai() == Ai::LOT)?;
        Some(lot.value().to_owned())
    });
    (item, Some(decoded.unwrap_or_else(|| lot.to_owned())))
}

/// Whether the class of the entry is that of the tag; a lot that is not known may be any.
fn is_of(child: &Member, entry: &Content) -> bool {
    let Some(rest) = child
        .item
        .as_deref()
        .and_then(|item| entry.item.strip_prefix(item))
    else {
        return false;
    };
    if rest.is_empty() || child.lot.is_none() {
        return rest.is_empty() || rest.starts_with("/10/");
    }
    class_and_lot(&entry.item).1 == child.lot
}

fn compare(children: &[Member], known: &[Content], infer_ratio: f64) -> Contents {
    let mut contents = Contents::default();
    let instances: BTreeSet<&str> = known
        .iter()
        .filter(|entry| entry.instance)
        .map(|entry| entry.item.as_str())
        .collect();
    let mut classes: Vec<(&Content, u64)> = known
        .iter()
        .filter(|entry| !entry.instance)
        .map(|entry| (entry, 0))
        .collect();
    let read: BTreeSet<&str> = children.iter().map(|child| child.uri.as_str()).collect();
    for child in children {
        if instances.contains(child.uri.as_str()) {
            continue;
        }
        let room = |(entry, seen): &(&Content, u64)| entry.pieces.is_none_or(|all| *seen < all);
        let fits = |slot: &(&Content, u64)| is_of(child, slot.0);
        let place = classes
            .iter()
            .position(|slot| fits(slot) && room(slot))
            .or_else(|| classes.iter().position(fits));
        match place.and_then(|place| classes.get_mut(place)) {
            Some((_, seen)) => *seen += 1,
            // What carries the goods is no part of them.
            None if child.rank == Rank::Goods => contents.unexpected.push(child.uri.clone()),
            None => {}
        }
    }
    let missing = instances.iter().filter(|item| !read.contains(*item));
    contents.missing = missing.map(|item| (*item).to_owned()).collect();
    let (mut expected, mut found) = (instances.len() as u64, 0_u64);
    found += expected - contents.missing.len() as u64;
    let mut whole = true;
    for (entry, seen) in &classes {
        let Some(pieces) = entry.pieces else {
            whole = false;
            continue;
        };
        match pieces.cmp(seen) {
            std::cmp::Ordering::Greater => {
                *contents.short.entry(entry.item.clone()).or_default() += pieces - seen;
            }
            std::cmp::Ordering::Less => {
                *contents.over.entry(entry.item.clone()).or_default() += seen - pieces;
            }
            std::cmp::Ordering::Equal => {}
        }
        // Goods listed beside single things and never read have no tags: they say nothing about what has.
        if *seen > 0 || instances.is_empty() {
            expected = expected.saturating_add(pieces);
            found += (*seen).min(pieces);
        }
    }
    whole &= contents.missing.is_empty() && contents.short.is_empty();
    #[expect(clippy::cast_precision_loss, reason = "counts of goods are small")]
    let ratio = found as f64 / expected.max(1) as f64;
    contents.state = if !contents.unexpected.is_empty() {
        Completeness::MismatchInstance
    } else if !contents.over.is_empty() {
        Completeness::MismatchQuantity
    } else if whole && found > 0 {
        Completeness::Verified
    } else if found > 0 && ratio >= infer_ratio {
        Completeness::Inferred
    } else {
        Completeness::Open
    };
    contents
}

#[cfg(test)]
mod tests;
