//! What a scan at a station with a task is: a command, a badge, or an order, goods and a quantity.
//!
//! A code whose symbology says GS1 is never compared with patterns: its application identifiers say what it is. All else is
//! compared first, because the site has said what its own codes look like.

use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use tracegate_gs1::hibc::{Hibc, HibcDate};
use tracegate_gs1::iso15434::{FormatContent, Message, Role};
use tracegate_gs1::plain::PlainPattern;
use tracegate_gs1::{
    Ai, AimId, Carrier, Element, Identity, Level, Scan, ScanContent, ScanOptions, Thing as Named,
    parse_scan,
};

use super::task::{CodeRules, Command};
use crate::config::StationScanner;
use crate::error_chain;
use crate::mapping::escaped;
use crate::reference::Quantity;

/// Longest pattern in characters, as in feeds.
const MAX_PATTERN: usize = tracegate_feed::rules::MAX_PATTERN;
/// Longest number of an order or a badge in characters; what is longer is none.
const MAX_NUMBER: usize = 100;

/// What a scan is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// A command.
    Command(Command),
    /// An inspection's result: the code and the disposition.
    Result(String, String),
    /// A person.
    Badge {
        /// Number of the badge.
        id: String,
        /// May override.
        supervisor: bool,
    },
    /// What the task is about; one of them at least is there.
    Content(Content),
}

/// What a code says of the task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// The order.
    pub order: Option<OrderRef>,
    /// The goods.
    pub thing: Option<Thing>,
    /// How much of them.
    pub quantity: Option<Quantity>,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRef {
    /// Its number.
    pub id: String,
    /// Its URI, the key of its record.
    pub uri: String,
}

/// What was scanned: goods, or what carries them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    /// The single thing.
    pub instance: Option<String>,
    /// Its class, with the lot where that is known.
    pub class: Option<String>,
    /// Its class without the lot.
    pub item: Option<String>,
    /// Lot number.
    pub lot: Option<String>,
    /// Expiry as `YYMMDD`.
    pub expiry: Option<String>,
    /// Production date as `YYMMDD`.
    pub production: Option<String>,
    /// It carries others: an SSCC or a licence plate.
    pub is_unit: bool,
}

impl Thing {
    /// The single thing, else the class.
    pub fn uri(&self) -> &str {
        let uri = self.instance.as_deref().or(self.class.as_deref());
        uri.unwrap_or_default()
    }

    /// For people.
    pub fn name(&self) -> &str {
        let uri = self.uri();
        uri.strip_prefix("https://id.gs1.org/")
            .or_else(|| uri.strip_prefix("tracegate:"))
            .unwrap_or(uri)
    }
}

/// The rules, ready for use.
#[derive(Debug, Clone)]
pub struct Codes {
    order: Vec<Regex>,
    order_uri: String,
    badge: Vec<Regex>,
    supervisor: Vec<Regex>,
    quantity: Vec<Regex>,
    unit: Option<String>,
    goods: Vec<PlainPattern>,
    commands: Vec<(String, Command)>,
    results: Vec<(String, String)>,
}

/// A pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern {pattern:?} of `{setting}` cannot be used: {reason}")]
pub struct BadCode {
    /// Which setting.
    pub setting: &'static str,
    /// Which of its patterns, from 0.
    pub index: usize,
    /// The pattern.
    pub pattern: String,
    /// Why.
    pub reason: String,
}

impl Codes {
    /// Compiles the rules.
    ///
    /// # Errors
    /// The first pattern that is none, or too long.
    pub fn new(rules: &CodeRules) -> Result<Self, BadCode> {
        let goods = rules.goods.iter().enumerate().map(|(index, pattern)| {
            let refuse = |reason: String| bad("goods", index, pattern, reason);
            check_length(pattern).map_err(refuse)?;
            PlainPattern::new("goods", pattern).map_err(|error| refuse(error_chain(&error)))
        });
        Ok(Self {
            order: compiled("order", &rules.order)?,
            order_uri: rules.order_uri.clone(),
            badge: compiled("badge", &rules.badge)?,
            supervisor: compiled("supervisor", &rules.supervisor)?,
            quantity: compiled("quantity", &rules.quantity)?,
            unit: rules.unit.clone(),
            goods: goods.collect::<Result<_, _>>()?,
            commands: rules.commands.clone(),
            results: rules.results.clone(),
        })
    }

    /// What a scan is.
    ///
    /// # Errors
    /// It is nothing that a task knows; the text is for the operator.
    pub fn meaning(&self, data: &[u8], scanner: &StationScanner) -> Result<Meaning, String> {
        let (aim, rest) = AimId::split(data);
        let carrier = aim.map_or(Carrier::Unknown, AimId::carrier);
        let text = String::from_utf8_lossy(rest);
        if matches!(carrier, Carrier::Plain | Carrier::Unknown)
            && let Some(own) = self.own(text.trim())
        {
            return Ok(own);
        }
        let content = self.content(data, scanner)?;
        if content == Content::default() {
            return Err("the code names no goods, no order and no quantity".to_owned());
        }
        Ok(Meaning::Content(content))
    }

    /// A code of the site's own.
    fn own(&self, text: &str) -> Option<Meaning> {
        let is = |known: &str| known.eq_ignore_ascii_case(text);
        if let Some((_, command)) = self.commands.iter().find(|(known, _)| is(known)) {
            return Some(Meaning::Command(*command));
        }
        if let Some((code, disposition)) = self.results.iter().find(|(known, _)| is(known)) {
            return Some(Meaning::Result(code.clone(), disposition.clone()));
        }
        for (patterns, supervisor) in [(&self.supervisor, true), (&self.badge, false)] {
            if let Some(id) = number(patterns, "badge", text) {
                return Some(Meaning::Badge { id, supervisor });
            }
        }
        let mut content = Content::default();
        if let Some(id) = number(&self.order, "order", text) {
            content.order = Some(self.order(id));
        } else if let Some(value) = number(&self.quantity, "quantity", text) {
            content.quantity = Some(amount(&value, self.unit.as_deref())?);
        } else {
            return None;
        }
        Some(Meaning::Content(content))
    }

    fn order(&self, id: String) -> OrderRef {
        let uri = self.order_uri.replace("{order}", &escaped(&id));
        OrderRef { id, uri }
    }

    fn content(&self, data: &[u8], scanner: &StationScanner) -> Result<Content, String> {
        let options = ScanOptions {
            patterns: self.goods.clone(),
            ..super::scan_options(scanner)
        };
        let scan = parse_scan(data, &options).map_err(|error| error_chain(&error))?;
        Ok(match &scan.content {
            ScanContent::Gs1(elements) => gs1(elements)?,
            ScanContent::Message(message) => self.message(&scan, message)?,
            ScanContent::Hibc(hibc) => of_hibc(&scan, hibc),
            ScanContent::Code(code) => {
                let field = |name: &str| code.field(name).map(str::to_owned);
                let quantity = field("quantity");
                let thing = scan.thing().map(|named| Thing {
                    lot: field("lot"),
                    ..thing(&named)
                });
                Content {
                    order: field("order").map(|id| self.order(id)),
                    // A code may name an order and nothing else.
                    thing: thing.filter(|_| field("lot").or_else(|| field("serial")).is_some()),
                    quantity: quantity.and_then(|it| amount(&it, self.unit.as_deref())),
                }
            }
            _ => {
                return Err("unknown code: no command, badge, order, quantity or goods".to_owned());
            }
        })
    }

    fn message(&self, scan: &Scan, message: &Message) -> Result<Content, String> {
        let elements: Vec<Element> = message.gs1_elements().cloned().collect();
        if !elements.is_empty() {
            return gs1(&elements);
        }
        let value = |role: Role| {
            let mut found = message.data_elements().filter(|it| it.di.role() == role);
            found.next().map(|element| element.value.as_str())
        };
        let unit = message.value("3Q").filter(|unit| !unit.is_empty());
        let thing = scan.thing().map(|named| Thing {
            item: item_of(message),
            lot: value(Role::Lot).map(str::to_owned),
            expiry: message.value("14D").and_then(short_day),
            production: message.value("16D").and_then(short_day),
            ..thing(&named)
        });
        Ok(Content {
            order: message.value("W").map(|id| self.order(id.to_owned())),
            thing,
            quantity: message.value("Q").and_then(|it| amount(it, unit)),
        })
    }
}

/// The item of a label, without its lot.
fn item_of(message: &Message) -> Option<String> {
    let mut message = message.clone();
    for format in &mut message.formats {
        if let FormatContent::Di(elements) = &mut format.content {
            elements.retain(|it| matches!(it.di.role(), Role::Party | Role::Item));
        }
    }
    Named::of_message(&message)?.class_uri()
}

fn of_hibc(scan: &Scan, hibc: &Hibc) -> Content {
    let item = || {
        let item = Hibc {
            lot: None,
            serial: None,
            ..hibc.clone()
        };
        Named::of_hibc(&item)?.class_uri()
    };
    Content {
        order: None,
        thing: scan.thing().map(|named| Thing {
            item: item(),
            lot: hibc.lot.clone(),
            expiry: hibc.expiry.map(six),
            production: hibc.manufactured.map(six),
            ..thing(&named)
        }),
        quantity: hibc.quantity.map(Quantity::pieces),
    }
}

/// A date as `YYMMDD`; without a day it is the end of the month, day 00.
fn six(date: HibcDate) -> String {
    let (year, day) = (date.year() % 100, date.day().unwrap_or(0));
    format!("{year:02}{:02}{day:02}", date.month())
}

fn gs1(elements: &[Element]) -> Result<Content, String> {
    let quantity = elements.iter().find_map(measured);
    let identity = match Identity::from_elements(elements.to_vec()) {
        Ok(identity) => identity,
        Err(_) if quantity.is_some() => {
            return Ok(Content {
                quantity,
                ..Content::default()
            });
        }
        Err(error) => return Err(error_chain(&error)),
    };
    let owned = |ai: Ai| identity.value(ai).map(str::to_owned);
    let item = identity.gtin().and_then(|gtin| {
        let gtin = Element::new(Ai::GTIN, gtin).ok()?;
        Identity::from_elements(vec![gtin]).ok()?.class_uri()
    });
    let named = Named::Gs1(identity.clone());
    let thing = named.uri().is_some().then(|| Thing {
        item,
        lot: owned(Ai::LOT),
        expiry: super::expiry_of(&identity),
        production: owned(Ai::PRODUCTION_DATE),
        ..thing(&named)
    });
    Ok(Content {
        order: None,
        thing,
        quantity,
    })
}

fn thing(named: &Named) -> Thing {
    Thing {
        instance: named.instance_uri(),
        class: named.class_uri(),
        item: None,
        lot: None,
        expiry: None,
        production: None,
        is_unit: named.level() == Level::LogisticUnit,
    }
}

/// A quantity of GS1: a count, or a measure with the decimal places that its identifier tells (GenSpecs §3.6).
fn measured(element: &Element) -> Option<Quantity> {
    let ai = element.ai();
    if ai == Ai::COUNT || ai == Ai::VARIABLE_COUNT {
        return amount(element.value(), None);
    }
    let (kind, places) = ai.as_str().split_at_checked(3)?;
    let unit = match kind {
        "310" => "KGM",
        "311" => "MTR",
        "314" => "MTK",
        "315" => "LTR",
        "316" => "MTQ",
        "320" => "LBR",
        _ => return None,
    };
    let places: usize = places.parse().ok()?;
    let digits = element.value();
    let (whole, fraction) = digits.split_at_checked(digits.len().checked_sub(places)?)?;
    amount(&format!("{whole}.{fraction}0"), Some(unit))
}

/// A quantity above zero.
fn amount(text: &str, unit: Option<&str>) -> Option<Quantity> {
    let value: tracegate_epcis::Decimal = text.parse().ok()?;
    (value.as_str() != "0").then(|| Quantity {
        value,
        uom: unit.map(str::to_owned),
    })
}

/// `YYYYMMDD` as `YYMMDD`.
fn short_day(text: &str) -> Option<String> {
    let is_day = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.get(2..).filter(|_| is_day).map(str::to_owned)
}

/// What the first pattern that fits the whole text makes of it.
fn number(patterns: &[Regex], group: &str, text: &str) -> Option<String> {
    patterns.iter().find_map(|pattern| {
        let captures = pattern.captures(text)?;
        let found = captures.name(group).or_else(|| captures.get(1));
        let found = found.or_else(|| captures.get(0))?.as_str();
        let fits = (1..=MAX_NUMBER).contains(&found.chars().count());
        fits.then(|| found.to_owned())
    })
}

fn check_length(pattern: &str) -> Result<(), String> {
    if pattern.chars().count() > MAX_PATTERN {
        return Err(format!("it is longer than {MAX_PATTERN} characters"));
    }
    Ok(())
}

fn bad(setting: &'static str, index: usize, pattern: &str, reason: String) -> BadCode {
    BadCode {
        setting,
        index,
        pattern: pattern.chars().take(80).collect(),
        reason,
    }
}

fn compiled(setting: &'static str, patterns: &[String]) -> Result<Vec<Regex>, BadCode> {
    let compile = |(index, pattern): (usize, &String)| {
        check_length(pattern)
            .and_then(|()| {
                Regex::new(&format!("^(?:{pattern})$")).map_err(|error| error.to_string())
            })
            .map_err(|reason| bad(setting, index, pattern, reason))
    };
    patterns.iter().enumerate().map(compile).collect()
}
