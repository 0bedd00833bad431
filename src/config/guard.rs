//! `guard` of a read point: what may be used or leave there.

use std::time::Duration;

use serde::Deserialize;
use tracegate_pipeline::config::Step;
use tracegate_pipeline::guard::{GuardConfig, Level, Rule, status_word};

use super::check::Checker;
use super::diagnostic::Diagnostic;
use super::limits::{range, show_time};
use super::model::{Business, Mode};
use super::text::{BizStep, Disposition, Line};
use super::units::{FromText, Refusal, deserialize_from_text, from_text, optional, shown};

/// Words of a site for one status at most.
const MAX_WORDS: usize = 64;
/// Settings that need an order or a station.
const STATION_SETTINGS: &[&str] = &[
    "already_issued",
    "wrong_material",
    "not_on_order",
    "order_closed",
    "order_unknown",
    "over_quantity",
    "lot_unknown",
    "fefo",
    "fifo",
    "tolerance",
    "location",
];
/// Settings of doors.
const DOOR_SETTINGS: &[&str] = &["alert"];

/// `[read_point.NAME.guard]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Guard {
    /// The lot is on hold, blocked, rejected or in quarantine.
    pub lot_hold: Strict,
    /// The lot has expired.
    pub lot_expired: Strict,
    /// Less than this is left until it expires; without it that is not looked at.
    #[serde(deserialize_with = "optional")]
    pub min_remaining: Option<Days>,
    /// What then.
    pub min_remaining_verdict: Strict,
    /// Nothing is known of the lot (station).
    pub lot_unknown: Strict,
    /// No line of the order asks for the item (station).
    pub wrong_material: Strict,
    /// A line asks for the item, and not for this lot (station).
    pub not_on_order: Strict,
    /// The order is closed (station).
    pub order_closed: Strict,
    /// Nothing is known of the order (station).
    pub order_unknown: Strict,
    /// More than the order has open and `tolerance` (station).
    pub over_quantity: Strict,
    /// How much more than the order has open is taken (station).
    pub tolerance: Percent,
    /// Another lot expires sooner (station).
    pub fefo: Strict,
    /// Another lot was received earlier (station).
    pub fifo: Strict,
    /// Where lots must be kept to go first (station); anywhere, without it.
    #[serde(deserialize_with = "optional")]
    pub location: Option<Line>,
    /// The serial number was issued before (station).
    pub already_issued: Strict,
    /// Data that is older, or of unknown age, is stale.
    #[serde(deserialize_with = "from_text")]
    pub max_age: Duration,
    /// The site's words for a lot on hold.
    pub held: Vec<Line>,
    /// The site's words for a lot that may be used.
    pub released: Vec<Line>,
    /// What it means that something leaves that may not (dock, belt).
    pub alert: Business,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            lot_hold: Strict::Refuse,
            lot_expired: Strict::Refuse,
            min_remaining: None,
            min_remaining_verdict: Strict::Warn,
            lot_unknown: Strict::Warn,
            wrong_material: Strict::Refuse,
            not_on_order: Strict::Refuse,
            order_closed: Strict::Refuse,
            order_unknown: Strict::Warn,
            over_quantity: Strict::Warn,
            tolerance: Percent(0),
            fefo: Strict::Warn,
            fifo: Strict::Warn,
            location: None,
            already_issued: Strict::Refuse,
            max_age: Duration::from_secs(8 * 3_600),
            held: Vec::new(),
            released: Vec::new(),
            alert: Business {
                biz_step: BizStep::from_text("staging_outbound").unwrap_or_default(),
                disposition: Disposition::from_text("non_sellable_other").ok(),
                ..Business::default()
            },
        }
    }
}

/// What is done about what a rule finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strict {
    /// It may not be used.
    Refuse,
    /// It may, if somebody looks.
    Warn,
    /// Nothing; it is not looked at.
    Off,
}

impl Strict {
    const fn level(self) -> Level {
        match self {
            Self::Refuse => Level::Refuse,
            Self::Warn => Level::Warn,
            Self::Off => Level::Accept,
        }
    }
}

/// Whole days: `"30 days"`, `"30d"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Days(pub u16);

const DAYS_HELP: &str = "whole days; example: \"30 days\"";
/// Nothing that is guarded here keeps for longer.
const MOST_DAYS: u16 = 3_650;

impl FromText for Days {
    const EXPECTED: &'static str = "a number of days";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let Ok(days) = number.parse() else {
            let label = format!("\"{}\" does not start with a whole number", shown(text));
            return Err(Refusal::new(label, DAYS_HELP));
        };
        match unit.trim() {
            "d" | "day" | "days" if (1..=MOST_DAYS).contains(&days) => Ok(Self(days)),
            "d" | "day" | "days" => {
                let label = format!("expected 1 to {MOST_DAYS} days");
                Err(Refusal::new(label, DAYS_HELP))
            }
            "" => Err(Self::bare_number(number)),
            other => {
                let label = format!("unknown unit \"{}\"", shown(other));
                Err(Refusal::new(label, DAYS_HELP))
            }
        }
    }

    fn bare_number(number: &str) -> Refusal {
        with_unit::<Self>(format!("{number} days"))
    }
}

/// A share: `"5 %"`, `"2.5 %"`; held in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(pub u32);

const PERCENT_HELP: &str = "0 to 100 percent, in steps of 0.1; example: \"5 %\"";

impl FromText for Percent {
    const EXPECTED: &'static str = "a share in percent";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        let refuse = |label: &str| Refusal::new(label, PERCENT_HELP);
        let Some(number) = text.strip_suffix('%') else {
            return match text.parse::<f64>() {
                Ok(_) => Err(Self::bare_number(text)),
                Err(_) => Err(refuse("this is no share in percent")),
            };
        };
        let (whole, tenth) = number
            .trim()
            .split_once('.')
            .unwrap_or((number.trim(), "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(tenth) || tenth.len() != 1 {
            return Err(refuse("this is no share in percent"));
        }
        match (whole.parse::<u32>(), tenth.parse::<u32>()) {
            (Ok(whole), Ok(tenth)) if whole < 100 || (whole, tenth) == (100, 0) => {
                Ok(Self(whole * 10 + tenth))
            }
            _ => Err(refuse("more than all of it")),
        }
    }

    fn bare_number(number: &str) -> Refusal {
        with_unit::<Self>(format!("{number} %"))
    }
}

/// What to say about a number without its unit: what to write, unless that would be refused as well.
fn with_unit<T: FromText>(text: String) -> Refusal {
    let help = match T::from_text(&text) {
        Ok(_) => format!("write \"{text}\""),
        Err(refusal) => refusal.help,
    };
    Refusal::new("the unit is missing", help)
}

deserialize_from_text!(Days, Percent);

impl Guard {
    fn settings(&self) -> [(Rule, Strict); Rule::ALL.len()] {
        [
            (Rule::LotHold, self.lot_hold),
            (Rule::LotExpired, self.lot_expired),
            (Rule::AlreadyIssued, self.already_issued),
            (Rule::WrongMaterial, self.wrong_material),
            (Rule::NotOnOrder, self.not_on_order),
            (Rule::OrderClosed, self.order_closed),
            (Rule::OrderUnknown, self.order_unknown),
            (Rule::OverQuantity, self.over_quantity),
            (Rule::LotUnknown, self.lot_unknown),
            (Rule::MinRemaining, self.min_remaining_verdict),
            (Rule::Fefo, self.fefo),
            (Rule::Fifo, self.fifo),
        ]
    }

    /// In the pipeline's form, for a read point of this kind.
    #[must_use]
    pub fn rules(&self, mode: Mode, step: impl Fn(&Business) -> Step) -> GuardConfig {
        let mut config = GuardConfig::default();
        for (rule, strict) in self.settings() {
            match strict.level() {
                Level::Accept => drop(config.rules.remove(&rule)),
                level => drop(config.rules.insert(rule, rule.strictness(level))),
            }
        }
        if mode != Mode::Station {
            config.rules.retain(|rule, _| rule.is_about_the_thing());
        }
        let words = |words: &[Line]| words.iter().map(|it| status_word(it.as_str())).collect();
        config.max_age = self.max_age.into();
        config.min_remaining_days = self.min_remaining.map_or(0, |days| days.0);
        config.tolerance_permille = self.tolerance.0;
        config.location = self.location.as_ref().map(|it| it.as_str().to_owned());
        config.held = words(&self.held);
        config.released = words(&self.released);
        config.alert = step(&self.alert);
        config
    }
}

pub(super) fn check(checker: &mut Checker<'_>) {
    let config = checker.config;
    for (name, read_point) in &config.read_point {
        let section = ["read_point", name.as_str(), "guard"];
        let of = |key| ["read_point", name.as_str(), "guard", key];
        let (Some(guard), true) = (&read_point.guard, checker.tree.has(&section)) else {
            continue;
        };
        let is_set = checker.is_set(&["read_point", name, "mode"]);
        let foreign = match read_point.mode {
            _ if !is_set => &[],
            Mode::Station => DOOR_SETTINGS,
            Mode::Dock | Mode::Belt => STATION_SETTINGS,
            // All of it is.
            Mode::Presence => &[],
        };
        for key in foreign.iter().filter(|key| checker.tree.has(&of(key))) {
            let mode = read_point.mode.as_str();
            let title =
                format!("`{key}` has no effect in the guard of a read point of mode \"{mode}\"");
            let place = checker.tree.at_key(&of(key));
            let problem = Diagnostic::error("no-effect", title, place, "").help("delete it");
            checker.problems.push(problem);
        }
        let is_door = matches!(read_point.mode, Mode::Dock | Mode::Belt) && is_set;
        if is_door && checker.is_missing(&["read_point", name, "out"]) {
            let title = format!(
                "the guard of read point `{}` has nothing to watch",
                shown(name)
            );
            let place = checker.tree.at(&section);
            let label = "it watches what goes out, and that is not reported";
            let help = "add what a movement outwards means: out = { biz_step = \"shipping\" }";
            checker.error("missing", title, place, label, help);
        }
        if checker.is_set(&of("min_remaining_verdict")) && checker.is_missing(&of("min_remaining"))
        {
            let title = "`min_remaining_verdict` has no `min_remaining`".to_owned();
            let place = checker.tree.at_key(&of("min_remaining_verdict"));
            let help = "add how much must be left: min_remaining = \"30 days\"";
            checker.error("missing", title, place, "", help);
        }
        if checker.tree.has(&of("alert")) {
            checker.business(&of("alert"), &guard.alert);
        }
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        range(
            checker,
            &of("max_age"),
            guard.max_age,
            minutes(1)..=minutes(30 * 24 * 60),
            show_time,
        );
        for (key, words) in [("held", &guard.held), ("released", &guard.released)] {
            if words.len() > MAX_WORDS {
                let title = format!("`{key}` is out of range");
                let label = format!("expected up to {MAX_WORDS} words");
                let place = checker.tree.at(&of(key));
                checker.error("out-of-range", title, place, &label, "");
            }
        }
        let twice = guard.held.iter().find(|held| {
            let word = status_word(held.as_str());
            let mut released = guard.released.iter();
            released.any(|other| status_word(other.as_str()) == word)
        });
        if let Some(word) = twice {
            let title = format!("\"{}\" is both held and released", shown(word.as_str()));
            let problem =
                Diagnostic::error("conflict", title, checker.tree.at(&of("released")), "")
                    .context(checker.tree.at(&of("held")), "it is here")
                    .help("a word means one of them");
            checker.problems.push(problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_rules() {
        let step = |business: &Business| Step {
            biz_step: business.biz_step.to_string(),
            disposition: business.disposition.as_ref().map(ToString::to_string),
            ..Step::default()
        };
        let station = Guard::default().rules(Mode::Station, step);
        assert_eq!(station, GuardConfig::default());
        let door = Guard::default().rules(Mode::Dock, step);
        let rules: Vec<Rule> = door.rules.into_keys().collect();
        assert_eq!(rules, [Rule::LotHold, Rule::LotExpired, Rule::MinRemaining]);
    }

    #[test]
    fn shares_and_days_carry_their_unit() {
        for (text, expected) in [("5 %", 50), ("2.5%", 25), ("0 %", 0), ("100.0 %", 1000)] {
            assert_eq!(Percent::from_text(text), Ok(Percent(expected)), "{text}");
        }
        for text in [
            "",
            "%",
            "-1 %",
            "5.55 %",
            "100.1 %",
            "1e1 %",
            "5",
            "x %",
            "99999999999 %",
        ] {
            assert!(Percent::from_text(text).is_err(), "{text}");
        }
        for (text, expected) in [("30 days", 30), ("1 day", 1), ("3650d", 3650)] {
            assert_eq!(Days::from_text(text), Ok(Days(expected)), "{text}");
        }
        for text in [
            "", "days", "0 days", "3651 d", "1.5 days", "-1 d", "99999 d", "5 weeks",
        ] {
            assert!(Days::from_text(text).is_err(), "{text}");
        }
    }
}
