//! Stations with a task, and what the site's own codes look like.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use tracegate_gs1::plain::PlainPattern;
use tracegate_pipeline::config as pipeline;
use tracegate_pipeline::config::{CodeRules, Codes as Compiled, Command, TaskConfig, TaskKind};
use tracegate_pipeline::guard::Rule;

use super::check::Checker;
use super::limits::{optional as optional_range, show_time};
use super::model::{Business, Config, Mode, ReadPoint};
use super::text::{BizStep, Disposition, TransactionType};
use super::units::{FromText, Refusal, deserialize_from_text, optional, shown};

/// Patterns of one kind at most.
const MAX_PATTERNS: usize = 16;
/// Tables of tasks, each with its kind and what is usual.
pub(super) const TASKS: [(&str, TaskKind, &str, Option<&str>); 5] = [
    ("issue", TaskKind::Issue, "picking", Some("in_progress")),
    ("inspection", TaskKind::Inspection, "inspecting", None),
    ("packing", TaskKind::Packing, "packing", Some("in_progress")),
    (
        "commissioning",
        TaskKind::Commissioning,
        "commissioning",
        Some("active"),
    ),
    ("return", TaskKind::Return, "storing", None),
];

/// `[codes]`: what the site's own codes look like. Patterns are for the whole code.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Codes {
    /// Orders.
    pub order: Vec<CodePattern>,
    /// An order's URI, with `{order}` for its number; `tracegate:order/{order}` without it.
    #[serde(deserialize_with = "optional")]
    pub order_uri: Option<OrderUri>,
    /// Badges of operators.
    pub badge: Vec<CodePattern>,
    /// Badges of supervisors.
    pub supervisor: Vec<CodePattern>,
    /// Quantities; plain numbers of up to 6 digits without it.
    pub quantity: Option<Vec<CodePattern>>,
    /// Unit of these quantities; pieces without it.
    #[serde(deserialize_with = "optional")]
    pub unit: Option<Unit>,
    /// Plain codes that name goods.
    pub goods: Vec<GoodsPattern>,
    /// Code that confirms.
    #[serde(deserialize_with = "optional")]
    pub confirm: Option<CommandText>,
    /// Code that takes the last scan back.
    #[serde(deserialize_with = "optional")]
    pub cancel: Option<CommandText>,
    /// Code that says that nothing more goes in.
    #[serde(deserialize_with = "optional")]
    pub close: Option<CommandText>,
    /// Code that says that things go out.
    #[serde(deserialize_with = "optional")]
    pub unpack: Option<CommandText>,
    /// Code by which the operator leaves.
    #[serde(deserialize_with = "optional")]
    pub logout: Option<CommandText>,
    /// Codes of inspection results with the disposition that each means.
    pub results: Option<BTreeMap<String, Disposition>>,
}

/// `[read_point.NAME.issue]` and its like: what a station is there for.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Task {
    /// What it means that something is booked.
    pub event: Option<Business>,
    /// When something complete is booked (issue, return).
    pub confirm: Confirm,
    /// Without a scanned quantity the order's open quantity counts (issue).
    pub as_planned: bool,
    /// Material is used up (issue).
    pub consume: bool,
    /// What is commissioned is scanned twice (commissioning).
    pub verify: bool,
    /// Marks of the station's markers join the order that was scanned (commissioning).
    pub join_marks: bool,
    /// What kind of document an order is; `prodorder` without it.
    #[serde(deserialize_with = "optional")]
    pub order_type: Option<TransactionType>,
    /// Refusals that a supervisor may override.
    pub overridable: Vec<Rule>,
    /// Which verdicts are events of their own.
    pub verdicts: Verdicts,
    /// After so long without a scan what is open is given up; 2 minutes without it.
    #[serde(deserialize_with = "optional")]
    pub idle: Option<Duration>,
    /// So long after the last scan a badge counts; 8 hours without it.
    #[serde(deserialize_with = "optional")]
    pub badge_timeout: Option<Duration>,
    /// The same code within this is one scan; 3 seconds without it.
    #[serde(deserialize_with = "optional")]
    pub duplicate: Option<Duration>,
}

/// When something complete is booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirm {
    /// With the code that confirms.
    #[default]
    Scan,
    /// With the next order as well.
    NextOrder,
    /// At once.
    Auto,
}

/// Which verdicts are events of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdicts {
    /// Refusals, warnings, overrides, and what is given up.
    #[default]
    All,
    /// Refusals, and what is given up.
    Refused,
    /// None.
    None,
}

/// A pattern of codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodePattern(String);

impl FromText for CodePattern {
    const EXPECTED: &'static str = "a pattern in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let rules = CodeRules {
            order: vec![text.to_owned()],
            ..CodeRules::default()
        };
        match Compiled::new(&rules) {
            Ok(_) if !text.is_empty() => Ok(Self(text.to_owned())),
            Ok(_) => Err(Refusal::new("the pattern is empty", PATTERN_HELP)),
            Err(bad) => Err(Refusal::new(crate::health::tame(&bad.reason), PATTERN_HELP)),
        }
    }
}

const PATTERN_HELP: &str = "a regular expression for the whole code; example: 'WO[0-9]{6}'";

/// A pattern of plain codes that name goods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodsPattern(String);

impl FromText for GoodsPattern {
    const EXPECTED: &'static str = "a pattern in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        CodePattern::from_text(text)?;
        let help = "name the parts; example: '(?<item>[0-9]{6})-(?<lot>.+)'";
        match PlainPattern::new("goods", text) {
            Ok(_) if text.contains("<lot>") || text.contains("<serial>") => {
                Ok(Self(text.to_owned()))
            }
            Ok(_) => Err(Refusal::new(
                "it names neither a lot nor a serial number",
                help,
            )),
            Err(bad) => Err(Refusal::new(crate::health::tame(&bad.to_string()), help)),
        }
    }
}

/// The text of a command code: 1 to 40 printable characters without spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandText(String);

impl FromText for CommandText {
    const EXPECTED: &'static str = "text in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let is_good = (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if !is_good {
            let help = "1 to 40 characters of ASCII without spaces; example: \"TG:CONFIRM\"";
            return Err(Refusal::new("this cannot be a command code", help));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A URI with `{order}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderUri(String);

impl FromText for OrderUri {
    const EXPECTED: &'static str = "a URI in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let help = "example: \"urn:epcglobal:cbv:bt:4012345000009:{order}\"";
        if !text.contains("{order}") {
            return Err(Refusal::new("it has no {order}", help));
        }
        if !tracegate_epcis::is_uri(&text.replace("{order}", "1")) {
            return Err(Refusal::new("this is no URI", help));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A unit by UN/ECE recommendation 20.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit(String);

impl FromText for Unit {
    const EXPECTED: &'static str = "a unit in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let is_code = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if !(2..=3).contains(&text.len()) || !text.bytes().all(is_code) {
            let help = "a code of UN/ECE recommendation 20; example: \"KGM\"";
            return Err(Refusal::new("this is no unit", help));
        }
        Ok(Self(text.to_owned()))
    }
}

deserialize_from_text!(CodePattern, GoodsPattern, CommandText, OrderUri, Unit);

impl Codes {
    /// In the pipeline's form.
    #[must_use]
    pub fn rules(&self) -> CodeRules {
        let usual = CodeRules::default();
        let texts = |list: &[CodePattern]| list.iter().map(|it| it.0.clone()).collect();
        let own = |command: Command| match command {
            Command::Confirm => &self.confirm,
            Command::Cancel => &self.cancel,
            Command::Close => &self.close,
            Command::Unpack => &self.unpack,
            Command::Logout => &self.logout,
        };
        let command = |(text, command): (String, Command)| {
            let text = own(command).as_ref().map_or(text, |own| own.0.clone());
            (text, command)
        };
        CodeRules {
            order: texts(&self.order),
            order_uri: self
                .order_uri
                .as_ref()
                .map_or(usual.order_uri, |it| it.0.clone()),
            badge: texts(&self.badge),
            supervisor: texts(&self.supervisor),
            quantity: self.quantity.as_deref().map_or(usual.quantity, texts),
            unit: self.unit.as_ref().map(|unit| unit.0.clone()),
            goods: self.goods.iter().map(|it| it.0.clone()).collect(),
            commands: usual.commands.into_iter().map(command).collect(),
            results: match &self.results {
                Some(own) => own
                    .iter()
                    .map(|(code, word)| (code.clone(), word.as_str().to_owned()))
                    .collect(),
                None => usual.results,
            },
        }
    }
}

impl ReadPoint {
    /// Its tasks, of which there may be one: the table, and what it holds.
    pub fn tasks(&self) -> impl Iterator<Item = (usize, &Task)> {
        let tasks = [
            &self.issue,
            &self.inspection,
            &self.packing,
            &self.commissioning,
            &self.r#return,
        ];
        let numbered = tasks.into_iter().enumerate();
        numbered.filter_map(|(index, task)| Some((index, task.as_ref()?)))
    }

    /// Its task in the pipeline's form.
    #[must_use]
    pub fn task(
        &self,
        config: &Config,
        step: impl Fn(&Business) -> pipeline::Step,
    ) -> Option<TaskConfig> {
        let (index, task) = self.tasks().next()?;
        let (_, kind, biz_step, disposition) = TASKS.get(index).copied()?;
        let usual = || Business {
            biz_step: BizStep::from_text(biz_step).unwrap_or_default(),
            disposition: disposition.and_then(|word| Disposition::from_text(word).ok()),
            ..Business::default()
        };
        let base = TaskConfig::new(kind, step(&task.event.clone().unwrap_or_else(usual)));
        Some(TaskConfig {
            codes: config.codes.rules(),
            confirm: match task.confirm {
                Confirm::Scan => pipeline::Confirm::Scan,
                Confirm::NextOrder => pipeline::Confirm::NextOrder,
                Confirm::Auto => pipeline::Confirm::Auto,
            },
            as_planned: task.as_planned,
            consume: task.consume,
            verify: task.verify,
            join_marks: task.join_marks,
            order_type: match &task.order_type {
                Some(kind) => kind.as_str().to_owned(),
                None => base.order_type,
            },
            overridable: task.overridable.clone(),
            verdicts: match task.verdicts {
                Verdicts::All => pipeline::Verdicts::All,
                Verdicts::Refused => pipeline::Verdicts::Refused,
                Verdicts::None => pipeline::Verdicts::None,
            },
            idle: task.idle.map_or(base.idle, Into::into),
            badge_timeout: task.badge_timeout.map_or(base.badge_timeout, Into::into),
            duplicate: task.duplicate.map_or(base.duplicate, Into::into),
            ..base
        })
    }
}

/// Whether the settings of each task go together, and codes are of one kind each.
pub(super) fn check(checker: &mut Checker<'_>) {
    let config = checker.config;
    for (name, read_point) in &config.read_point {
        if read_point.mode != Mode::Station {
            continue;
        }
        let used: Vec<&str> = read_point
            .tasks()
            .filter_map(|(index, _)| Some(TASKS.get(index)?.0))
            .collect();
        let scan = ["read_point", name, "scan"];
        if let (true, Some(task)) = (checker.tree.has(&scan), used.first()) {
            two(checker, name, ["scan", task]);
        }
        if let [first, second, ..] = used.as_slice() {
            two(checker, name, [first, second]);
        }
        for (index, task) in read_point.tasks() {
            if let Some((table, kind, ..)) = TASKS.get(index) {
                task_settings(checker, name, table, *kind, task);
            }
        }
    }
    for (key, count) in [
        ("order", config.codes.order.len()),
        ("badge", config.codes.badge.len()),
        ("supervisor", config.codes.supervisor.len()),
        (
            "quantity",
            config.codes.quantity.as_ref().map_or(0, Vec::len),
        ),
        ("goods", config.codes.goods.len()),
        (
            "results",
            config.codes.results.as_ref().map_or(0, BTreeMap::len),
        ),
    ] {
        if count > MAX_PATTERNS {
            let title = format!("`{key}` has more than {MAX_PATTERNS} entries");
            let place = checker.tree.at(&["codes", key]);
            checker.error(
                "bad-value",
                title,
                place,
                "",
                "a pattern may have alternatives: 'A|B'",
            );
        }
    }
    let rules = config.codes.rules();
    let texts = rules
        .commands
        .iter()
        .map(|it| &it.0)
        .chain(rules.results.iter().map(|it| &it.0));
    let mut texts: Vec<String> = texts.map(|text| text.to_ascii_uppercase()).collect();
    texts.sort_unstable();
    if let Some(twice) = texts.windows(2).find_map(|pair| match pair {
        [one, other] if one == other => Some(one.clone()),
        _ => None,
    }) {
        let title = format!("the code \"{}\" has two meanings in [codes]", shown(&twice));
        let place = checker.tree.at(&["codes"]);
        checker.error(
            "bad-value",
            title,
            place,
            "",
            "give each command a code of its own",
        );
    }
}

fn two(checker: &mut Checker<'_>, name: &str, [one, other]: [&str; 2]) {
    let title = format!(
        "read point `{}` has both `{one}` and `{other}`",
        shown(name)
    );
    let place = checker.tree.at_key(&["read_point", name, other]);
    let help = "a station has one task: delete one, or make two read points";
    checker.error("contradiction", title, place, "", help);
}

fn task_settings(checker: &mut Checker<'_>, name: &str, table: &str, kind: TaskKind, task: &Task) {
    if let Some(event) = &task.event {
        checker.business(&["read_point", name, table, "event"], event);
    }
    let foreign: &[&str] = match kind {
        TaskKind::Issue => &["verify", "join_marks"],
        TaskKind::Return => &["verify", "join_marks", "as_planned", "consume"],
        TaskKind::Commissioning => &["confirm", "as_planned", "consume"],
        TaskKind::Inspection | TaskKind::Packing => &[
            "confirm",
            "as_planned",
            "consume",
            "verify",
            "join_marks",
            "order_type",
        ],
    };
    let has_markers = |it: &ReadPoint| !it.markers.is_empty();
    if kind == TaskKind::Commissioning
        && task.join_marks
        && !checker.config.read_point.get(name).is_some_and(has_markers)
    {
        let title = "`join_marks` has no effect without markers".to_owned();
        let place = checker
            .tree
            .at_key(&["read_point", name, table, "join_marks"]);
        let help = "name the station's markers: markers = [\"laser_1\"]";
        checker.error("no-effect", title, place, "", help);
    }
    for key in foreign {
        let path = ["read_point", name, table, key];
        if checker.tree.has(&path) {
            let title = format!("`{key}` has no effect in `{table}`");
            let place = checker.tree.at_key(&path);
            checker.error("no-effect", title, place, "", "delete it");
        }
    }
    if kind == TaskKind::Issue && checker.is_missing(&["codes", "order"]) {
        let title = format!("`{table}` needs to know what an order looks like");
        let place = checker.tree.at(&["read_point", name, table]);
        let help = "add a line [codes] and below it: order = ['WO[0-9]{6}']";
        checker.error("missing", title, place, "", help);
    }
    let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3_600));
    for (key, value, range) in [
        ("idle", task.idle, second * 5..=hour),
        ("badge_timeout", task.badge_timeout, second * 60..=hour * 24),
        (
            "duplicate",
            task.duplicate,
            Duration::from_millis(100)..=second * 60,
        ),
    ] {
        optional_range(
            checker,
            &["read_point", name, table, key],
            value,
            range,
            show_time,
        );
    }
}
