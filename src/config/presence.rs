//! What comes, stays and leaves, who carries whom, and what is known about things.

use std::time::Duration;

use serde::Deserialize;
use tracegate_feed::active::{Limits, Milli, Pace};
use tracegate_pipeline::association::{self, LoadRules};
use tracegate_pipeline::filter::ActiveTags;
use tracegate_pipeline::time::Span;
use tracegate_pipeline::zone::ZoneTuning;

use super::check::Checker;
use super::limits::{optional, range, show_number, show_time};
use super::model::{Mode, ReadPoint};
use super::references::entry_place;
use super::tags::TagPattern;
use super::units::{FromText, Refusal, deserialize_from_text, from_text, show_duration, shown};

/// Times of one read point's stays at most.
const MAX_DWELLS: usize = 8;
/// Sections `[active_tag]` at most: each costs every new tag a comparison.
const MAX_KINDS: usize = 32;

/// A time after which a stay is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dwell(pub Duration);

impl FromText for Dwell {
    const EXPECTED: &'static str = Duration::EXPECTED;

    fn from_text(text: &str) -> Result<Self, Refusal> {
        Duration::from_text(text).map(Self)
    }

    fn bare_number(number: &str) -> Refusal {
        Duration::bare_number(number)
    }
}

deserialize_from_text!(Dwell);

/// What makes one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventsPer {
    /// What comes or leaves together.
    #[default]
    Load,
    /// Each tag.
    Tag,
}

/// When parent and children are an AggregationEvent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantities {
    /// In an extension field; the goods stand in the EPC list.
    #[default]
    Extension,
    /// In the quantity list; the goods do not stand in the EPC list.
    QuantityList,
}

/// `[active_tag.NAME]`: tags that send by themselves.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct ActiveTag {
    /// Which tags; required.
    pub tags: Vec<TagPattern>,
    /// How often they send; without it a tag that a receiver hears says so itself, or it is learned.
    #[serde(deserialize_with = "super::units::optional")]
    pub beacon: Option<Duration>,
    /// How many beacons may be missed in a row before a tag is taken for gone.
    pub missed: u32,
    /// Warmer is an alarm, °C.
    pub temperature_max_c: Option<f64>,
    /// Colder is one, °C.
    pub temperature_min_c: Option<f64>,
    /// Damper is one, % relative humidity.
    pub humidity_max_pct: Option<f64>,
    /// Drier is one, % relative humidity.
    pub humidity_min_pct: Option<f64>,
    /// Less charge of the battery is one, %.
    pub battery_min_pct: u8,
    /// Less voltage of the battery is one, mV.
    pub battery_min_mv: Option<u16>,
    /// The same alarm of a tag is not told again within this.
    #[serde(deserialize_with = "from_text")]
    pub realarm: Duration,
}

impl Default for ActiveTag {
    fn default() -> Self {
        Self {
            tags: Vec::new(),
            beacon: None,
            missed: 4,
            temperature_max_c: None,
            temperature_min_c: None,
            humidity_max_pct: None,
            humidity_min_pct: None,
            battery_min_pct: 10,
            battery_min_mv: None,
            realarm: Duration::from_secs(3_600),
        }
    }
}

impl ActiveTag {
    /// In the pipeline's form.
    #[must_use]
    pub fn rules(&self) -> ActiveTags {
        ActiveTags {
            tags: self
                .tags
                .iter()
                .map(|tags| tags.pattern().clone())
                .collect(),
            pace: Pace {
                interval_us: self.beacon.map(|beacon| Span::from(beacon).0),
                missed: self.missed,
                ..Pace::default()
            },
            limits: Limits {
                temperature_max: self.temperature_max_c.map(milli),
                temperature_min: self.temperature_min_c.map(milli),
                humidity_max: self.humidity_max_pct.map(milli),
                humidity_min: self.humidity_min_pct.map(milli),
                battery_min_pct: Some(self.battery_min_pct),
                battery_min_mv: self.battery_min_mv,
                realarm_us: Span::from(self.realarm).0,
            },
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the check lets through what is far below 2^31; a cast saturates"
)]
fn milli(value: f64) -> Milli {
    Milli((value * 1000.0).round() as i32)
}

impl ReadPoint {
    /// How the tags of a load are told.
    pub fn load_rules(&self) -> LoadRules {
        LoadRules {
            aggregation: match self.aggregation {
                Aggregation::Always => association::Aggregation::Always,
                Aggregation::Complete => association::Aggregation::Complete,
                Aggregation::Never => association::Aggregation::Never,
            },
            infer_ratio: self.infer_ratio.unwrap_or(LoadRules::default().infer_ratio),
            quantities: match self.quantities {
                Quantities::Extension => association::Quantities::Extension,
                Quantities::QuantityList => association::Quantities::QuantityList,
            },
        }
    }

    /// The figures for what comes, stays and leaves; what a dock is told about its own loads holds for its stays too.
    pub fn zone_tuning(&self) -> ZoneTuning {
        let (default, gate) = (ZoneTuning::default(), self.tuning());
        let span = |given: Option<Duration>, default: Span| given.map_or(default, Span::from);
        ZoneTuning {
            min_rssi_dbm: gate.min_rssi_dbm,
            dedup: span(self.dedup, default.dedup),
            appear_within: span(self.appear_within, default.appear_within),
            min_reads: self.min_reads.unwrap_or(default.min_reads),
            lost_min: span(self.lost_after, default.lost_min),
            lost_max: span(self.lost_after_max, default.lost_max),
            load_gap: span(self.load_gap, default.load_gap),
            allowed_lateness: span(self.allowed_lateness, default.allowed_lateness),
            down_grace: span(self.down_grace, default.down_grace),
        }
    }
}

pub(super) fn check(checker: &mut Checker<'_>) {
    let config = checker.config;
    for (name, read_point) in &config.read_point {
        stays(checker, name, read_point);
    }
    for (name, kind) in &config.active_tag {
        let section = ["active_tag", name.as_str()];
        checker.require(&section, "tags", "[\"hex:e280*\"]");
        // A receiver's beacons tell how often they come, an RFID reader's reads do not.
        if config.receiver.is_empty() {
            checker.require(&section, "beacon", "\"10s\"");
        }
        let of = |key| ["active_tag", name.as_str(), key];
        let longest = Duration::from_secs(3_600);
        for (low, high, least, most, pair) in [
            (
                "temperature_min_c",
                "temperature_max_c",
                -200.0,
                1_000.0,
                (kind.temperature_min_c, kind.temperature_max_c),
            ),
            (
                "humidity_min_pct",
                "humidity_max_pct",
                0.0,
                100.0,
                (kind.humidity_min_pct, kind.humidity_max_pct),
            ),
        ] {
            optional(checker, &of(low), pair.0, least..=most, show_number);
            optional(checker, &of(high), pair.1, least..=most, show_number);
            if let (Some(min), Some(max)) = pair
                && min >= max
            {
                let place = checker.tree.at(&of(high));
                let label = format!("{low} is {min}");
                let title = format!("`{high}` must be more than `{low}`");
                let help = "otherwise every value is an alarm";
                checker.error("conflict", title, place, &label, help);
            }
        }
        let charge = kind.battery_min_pct;
        range(
            checker,
            &of("battery_min_pct"),
            charge,
            0..=100,
            show_number,
        );
        range(
            checker,
            &of("realarm"),
            kind.realarm,
            Duration::from_secs(60)..=Duration::from_secs(7 * 86_400),
            show_time,
        );
        optional(
            checker,
            &of("beacon"),
            kind.beacon,
            Duration::from_millis(100)..=longest,
            show_time,
        );
        range(checker, &of("missed"), kind.missed, 1..=100, show_number);
    }
    if config.active_tag.len() > MAX_KINDS {
        let place = checker.tree.at(&["active_tag"]);
        let label = format!("{} are defined", config.active_tag.len());
        let help = format!("at most {MAX_KINDS}: give kinds with the same beacon one section");
        let title = "there are too many sections [active_tag]".to_owned();
        checker.error("out-of-range", title, place, &label, &help);
    }
}

/// When a stay is told, and what it means.
fn stays(checker: &mut Checker<'_>, name: &str, read_point: &ReadPoint) {
    let of = |key| ["read_point", name, key];
    if read_point.mode == Mode::Station || !checker.is_set(&of("mode")) {
        return;
    }
    optional(
        checker,
        &of("infer_ratio"),
        read_point.infer_ratio,
        0.0..=1.0,
        show_number,
    );
    let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3_600));
    optional(
        checker,
        &of("lost_after_max"),
        read_point.lost_after_max,
        second..=hour,
        show_time,
    );
    let tuning = read_point.zone_tuning();
    let are_good = !checker.tree.is_bad(&of("lost_after"));
    if checker.is_set(&of("lost_after_max")) && are_good && tuning.lost_max < tuning.lost_min {
        let title = "`lost_after_max` must not be shorter than `lost_after`".to_owned();
        let label = format!("lost_after is {}", show_duration(tuning.lost_min.into()));
        let place = checker.tree.at(&of("lost_after_max"));
        checker.error("conflict", title, place, &label, "");
    }
    for (key, other, example) in [
        ("stay", "dwell", "[\"1m\", \"10m\", \"1h\"]"),
        ("dwell", "stay", "{ biz_step = \"storing\" }"),
    ] {
        if checker.is_set(&of(key)) && checker.is_missing(&of(other)) {
            let title = format!("`{key}` has no `{other}`");
            let place = checker.tree.at_key(&of(key));
            let help = format!("add: {other} = {example}");
            checker.error("missing", title, place, "nothing would be reported", &help);
        }
    }
    if read_point.dwell.is_empty() && checker.is_set(&of("dwell")) {
        let place = checker.tree.at(&of("dwell"));
        let help = "example: dwell = [\"1m\", \"10m\", \"1h\"]";
        checker.error("missing", "`dwell` is empty".to_owned(), place, "", help);
    }
    if read_point.dwell.len() > MAX_DWELLS {
        let place = checker.tree.at(&of("dwell"));
        let label = format!("expected up to {MAX_DWELLS} times");
        let title = "`dwell` is out of range".to_owned();
        checker.error("out-of-range", title, place, &label, "");
        return;
    }
    let mut before = Duration::ZERO;
    let longest = Duration::from_secs(30 * 86_400);
    for (index, Dwell(time)) in read_point.dwell.iter().enumerate() {
        let place = entry_place(checker, ["read_point", name], "dwell", index);
        if !(second..=longest).contains(time) {
            let label = "expected \"1s\" to \"30d\"";
            checker.error(
                "out-of-range",
                "`dwell` is out of range".to_owned(),
                place,
                label,
                "",
            );
        } else if *time <= before {
            let label = format!("not longer than {}", show_duration(before));
            let help = "write them in rising order: dwell = [\"1m\", \"10m\", \"1h\"]";
            let title = format!("the times of `dwell` of `{}` do not rise", shown(name));
            checker.error("conflict", title, place, &label, help);
        }
        before = before.max(*time);
    }
}
