//! The verdict on one thing.

use jiff::civil::Date;

use super::config::GuardConfig;
use super::day::best_before;
use super::rule::{Level, Rule};
use super::status::Status;
use super::{Finding, Judgement};
use crate::association::class_uri;
use crate::movement::Zone;
use crate::reference::{Quantity, References};
use crate::time::{Span, Time};

mod lots;
mod orders;

/// What somebody wants to use, and for what.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The item, as class URI of its GTIN without a lot.
    pub item: Option<&'a str>,
    /// Its lot number, where the code says it.
    pub lot: Option<&'a str>,
    /// The single thing, as URI: a GTIN with serial number, or an SSCC, whose known contents are then judged.
    pub serial: Option<&'a str>,
    /// Expiry as `YYMMDD`, where the code says it.
    pub expiry: Option<&'a str>,
    /// The order that it is for, by the key of its record.
    pub order: Option<&'a str>,
    /// How much of it, together with what was issued to the order since its record was made.
    pub quantity: Option<&'a Quantity>,
    /// When this very thing was issued before.
    pub issued: Option<Time>,
    /// It comes back: nothing is issued, so nothing is refused, and only a hold or an expiry is warned of.
    pub back: bool,
    /// When it is asked.
    pub at: Time,
    /// The site's zone: days end there.
    pub zone: &'a Zone,
}

impl<'a> Asked<'a> {
    /// Nothing asked yet.
    #[must_use]
    pub const fn at(at: Time, zone: &'a Zone) -> Self {
        Self {
            item: None,
            lot: None,
            serial: None,
            expiry: None,
            order: None,
            quantity: None,
            issued: None,
            back: false,
            at,
            zone,
        }
    }
}

/// Judges by what is known.
#[must_use]
pub fn judge(config: &GuardConfig, facts: &References, asked: &Asked<'_>) -> Judgement {
    let now = asked.at + asked.zone.wall.ahead;
    // Data of tomorrow is as good as new: the site's clock is ahead.
    let age = facts.as_of.map(|as_of| (now - as_of).max(Span(0)));
    let mut case = Case {
        config,
        facts,
        asked,
        today: asked.zone.date(asked.at),
        is_stale: age.is_none_or(|age| age > config.max_age),
        findings: Vec::new(),
    };
    let lots = case.lots();
    case.judge_lots(&lots);
    if asked.issued.is_some() {
        let text = "this was issued already: take another".to_owned();
        case.find(Rule::AlreadyIssued, Found::plain(text));
    }
    case.judge_order(&lots);
    case.judge_turn(&lots);
    let lot_version = lots
        .iter()
        .find_map(|lot| facts.lot(lot.key.as_deref()?))
        .map(|(_, version)| version);
    let order_version = || Some(facts.order(asked.order?)?.1);
    let mut findings = case.findings;
    findings.sort_by_key(|finding| finding.rule);
    Judgement {
        findings,
        data_version: lot_version.or_else(order_version),
        data_age: age,
    }
}

/// The key of a lot's record: the class URI of GTIN and lot, by the URI of the item or of one thing of it. `None` if it has no
/// GTIN, or the lot number is none.
#[must_use]
pub fn lot_key(item: &str, lot: &str) -> Option<String> {
    // A text that is no lot number names no lot.
    class_uri(gtin(item)?, Some(lot)).filter(|key| key.contains("/10/"))
}

/// The GTIN of a class or a single thing.
fn gtin(uri: &str) -> Option<&str> {
    let rest = uri.strip_prefix("https://id.gs1.org/01/")?;
    rest.split('/').next()
}

/// What is judged, and what was found so far.
struct Case<'a> {
    config: &'a GuardConfig,
    facts: &'a References,
    asked: &'a Asked<'a>,
    /// `None` for times out of all calendars.
    today: Option<Date>,
    is_stale: bool,
    findings: Vec<Finding>,
}

/// What a rule found, before it is known how bad that is.
struct Found {
    text: String,
    about: Option<String>,
    take: Option<String>,
    unverified: bool,
    version: Option<u64>,
}

impl Found {
    fn plain(text: String) -> Self {
        Self {
            text,
            about: None,
            take: None,
            unverified: false,
            version: None,
        }
    }

    fn unverified(text: String) -> Self {
        Self {
            unverified: true,
            ..Self::plain(text)
        }
    }
}

impl Case<'_> {
    /// Notes what a rule found, unless the rule is off.
    fn find(&mut self, rule: Rule, found: Found) {
        let mut level = self.config.level(rule, self.is_stale);
        if self.asked.back {
            if !matches!(rule, Rule::LotHold | Rule::LotExpired) {
                return;
            }
            level = level.min(Level::Warn);
        }
        if level > Level::Accept {
            self.findings.push(Finding {
                rule,
                level,
                text: found.text,
                about: found.about,
                take: found.take,
                unverified: found.unverified,
                version: found.version,
            });
        }
    }

    /// The day that `YYMMDD` means.
    fn day(&self, six: &str) -> Option<Date> {
        best_before(six, self.today?)
    }
}

/// One lot in question, of the thing itself or of what is on the pallet.
#[derive(Debug, Default)]
struct LotAsked {
    /// Its number.
    lot: Option<String>,
    /// The key of its record.
    key: Option<String>,
    /// The class URI of its item.
    item: Option<String>,
    /// What codes and serial numbers say of its expiry.
    expiries: Vec<String>,
}

impl LotAsked {
    /// As people call it.
    fn name(&self) -> String {
        match &self.lot {
            Some(lot) => format!("lot {lot}"),
            None => "this".to_owned(),
        }
    }
}

/// The first day of several, with the version of the record that says it.
type Expiry = (Date, Option<u64>);

impl Case<'_> {
    /// The first of all expiries that are said of a lot: the code may be right where the site is wrong, and the other way.
    fn expiry(&self, lot: &LotAsked) -> Option<Expiry> {
        let record = lot.key.as_deref().and_then(|key| self.facts.lot(key));
        let said = record.and_then(|(record, version)| {
            Some((self.day(record.expiry.as_deref()?)?, Some(version)))
        });
        let coded = lot.expiries.iter().filter_map(|six| self.day(six));
        coded
            .map(|day| (day, None))
            .chain(said)
            .min_by_key(|(day, _)| *day)
    }

    fn status(&self, lot: &LotAsked) -> Option<(Status, &str, Option<&str>, u64)> {
        let (record, version) = self.facts.lot(lot.key.as_deref()?)?;
        let Some(word) = record.status.as_deref() else {
            return Some((Status::Released, "", None, version));
        };
        let reason = record.reason.as_deref();
        Some((self.config.status(word), word, reason, version))
    }
}
