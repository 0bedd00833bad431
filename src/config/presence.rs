//! What comes, stays and leaves, who carries whom, and what is known about things.

use std::time::Duration;

use serde::Deserialize;
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
    /// How often they send; required.
    #[serde(deserialize_with = "from_text")]
    pub beacon: Duration,
    /// How many beacons may be missed in a row before a tag is taken for gone.
    pub missed: u32,
}

impl Default for ActiveTag {
    fn default() -> Self {
        Self {
            tags: Vec::new(),
            beacon: Duration::ZERO,
            missed: 4,
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
            silence: self.beacon.saturating_mul(self.missed).into(),
        }
    }
}

/// `[reference]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct References {
    /// Records at most.
    pub max_records: u64,
}

impl Default for References {
    fn default() -> Self {
        Self {
            max_records: 1_000_000,
        }
    }
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
        checker.require(&section, "beacon", "\"10s\"");
        let of = |key| ["active_tag", name.as_str(), key];
        let longest = Duration::from_secs(3_600);
        range(
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
    range(
        checker,
        &["reference", "max_records"],
        config.reference.max_records,
        1_000..=20_000_000,
        show_number,
    );
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
