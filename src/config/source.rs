//! Where values come from: the TOML file with the position of every value, and `TRACEGATE_…` variables above it.
//!
//! The `config` crate merges both. It keeps an origin text per value but no positions, so [`SpannedToml`] writes an
//! index into [`Marks`] there. Merged tables lose their origin; their position is found by path.
//!
//! Two traps are kept shut here. `config` reads top-level names as path expressions (`a[99999999]` allocates), so only
//! plain names reach it. And a variable is compared by name before it is merged, because two that contradict each
//! other would be merged in random order.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use ::config::{ConfigError, Environment, Source, Value, ValueKind};
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Place};
use super::suggest::nearest;

/// One step of a path into the configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seg {
    Key(String),
    Index(usize),
}

pub(super) type Path = Vec<Seg>;

/// A path of keys.
pub(super) fn keys(names: &[&str]) -> Path {
    names
        .iter()
        .map(|name| Seg::Key((*name).to_owned()))
        .collect()
}

/// Where one value of the file stands.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    /// The name before `=`, or inside a header; absent for entries of a list.
    pub(super) key: Option<Range<usize>>,
    /// The value; for a section, its header.
    pub(super) value: Range<usize>,
}

/// The positions of all values of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks {
    list: Vec<Mark>,
    by_path: BTreeMap<Path, usize>,
}

impl Marks {
    pub(super) fn at_path(&self, path: &[Seg]) -> Option<&Mark> {
        self.by_path
            .get(path)
            .and_then(|index| self.list.get(*index))
    }

    /// The mark an origin text stands for.
    pub(super) fn at_origin(&self, origin: &str) -> Option<&Mark> {
        origin
            .strip_prefix('#')
            .and_then(|index| index.parse::<usize>().ok())
            .and_then(|index| self.list.get(index))
    }

    pub(super) fn all(&self) -> &[Mark] {
        &self.list
    }

    fn add(&mut self, path: Path, mark: Mark) -> String {
        self.list.push(mark);
        let index = self.list.len() - 1;
        self.by_path.insert(path, index);
        format!("#{index}")
    }
}

/// A parsed file as a source for `config`.
#[derive(Debug, Clone, Default)]
pub(super) struct SpannedToml {
    pub(super) root: HashMap<String, Value>,
    pub(super) marks: Marks,
    /// Values that could not be taken over.
    pub(super) problems: Vec<Diagnostic>,
    /// Paths of settings that were written, but whose value was lost to a syntax error.
    pub(super) lost: Vec<Path>,
}

impl Source for SpannedToml {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<HashMap<String, Value>, ConfigError> {
        Ok(self.root.clone())
    }
}

impl SpannedToml {
    /// Takes over a parsed table. Names at the top that are no plain identifiers are left out and reported.
    pub(super) fn new(table: DeTable<'_>, sections: &[&'static str]) -> Self {
        let mut source = SpannedToml::default();
        for (key, value) in table {
            let (span, name) = (key.span(), key.into_inner().into_owned());
            if !is_plain(&name) {
                source
                    .problems
                    .push(unknown_section(&name, Place::bytes(span), sections));
                continue;
            }
            if let Some(value) = source.take_over(keys(&[&name]), Some(span), value) {
                source.root.insert(name, value);
            }
        }
        source
    }

    fn take_over(
        &mut self,
        path: Path,
        key: Option<Range<usize>>,
        value: toml::Spanned<DeValue<'_>>,
    ) -> Option<Value> {
        let span = value.span();
        let origin = self.marks.add(
            path.clone(),
            Mark {
                key,
                value: span.clone(),
            },
        );
        let kind = match value.into_inner() {
            DeValue::String(text) => ValueKind::String(text.into_owned()),
            DeValue::Boolean(value) => ValueKind::Boolean(value),
            // TOML dates have no use here, and `config` has no kind for them: Nil stands for a date.
            DeValue::Datetime(_) => ValueKind::Nil,
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    // The parser's own stand-in for a value that it could not read.
                    Ok(_) if span.is_empty() => return self.lose(path, span, true),
                    Ok(number) => ValueKind::I64(number),
                    Err(_) => return self.lose(path, span, number.as_str().is_empty()),
                }
            }
            DeValue::Float(number) => match number.as_str().parse::<f64>() {
                Ok(number) => ValueKind::Float(number),
                Err(_) => return self.lose(path, span, number.as_str().is_empty()),
            },
            DeValue::Array(list) => {
                let entries = list.into_iter().enumerate().filter_map(|(index, value)| {
                    let mut path = path.clone();
                    path.push(Seg::Index(index));
                    self.take_over(path, None, value)
                });
                ValueKind::Array(entries.collect())
            }
            DeValue::Table(table) => {
                let mut entries = HashMap::new();
                for (key, value) in table {
                    let (span, name) = (key.span(), key.into_inner().into_owned());
                    let mut path = path.clone();
                    path.push(Seg::Key(name.clone()));
                    if let Some(value) = self.take_over(path, Some(span), value) {
                        entries.insert(name, value);
                    }
                }
                ValueKind::Table(entries)
            }
        };
        Some(Value::new(Some(&origin), kind))
    }

    /// Leaves a number out. The parser leaves an empty one behind where it reported a syntax error itself.
    fn lose(&mut self, path: Path, span: Range<usize>, reported: bool) -> Option<Value> {
        if !reported {
            let title = format!("`{}` has a bad value", super::tree::name_of(&path));
            self.problems.push(Diagnostic::error(
                "bad-value",
                title,
                Place::bytes(span),
                "the number is too large",
            ));
        }
        self.lost.push(path);
        None
    }
}

/// A TOML value written as text in a variable, `[1, 2]` or `{ 1 = "30 dBm" }`. All of it has the given origin.
pub(super) fn inline_value(text: &str, origin: &str) -> Option<Value> {
    let value = DeValue::parse(text).ok()?;
    let mut source = SpannedToml::default();
    let mut value = source.take_over(Path::new(), None, value)?;
    set_origin(&mut value, &origin.to_owned());
    source.problems.is_empty().then_some(value)
}

fn set_origin(value: &mut Value, origin: &String) {
    match &mut value.kind {
        ValueKind::Table(table) => table
            .values_mut()
            .for_each(|value| set_origin(value, origin)),
        ValueKind::Array(list) => list.iter_mut().for_each(|value| set_origin(value, origin)),
        _ => {}
    }
    *value = Value::new(Some(origin), std::mem::take(&mut value.kind));
}

pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// What people call sections that have another name here.
const ALIASES: &[(&str, &[&str])] = &[
    ("gateway", &["site", "general", "global"]),
    (
        "llrp",
        &["reader", "readers", "rfid", "antenna", "antennas"],
    ),
    ("scanner", &["barcode"]),
    ("marker", &["laser", "printer"]),
    ("light", &["lamp", "tower", "andon"]),
    (
        "read_point",
        &[
            "door", "dock", "portal", "gate", "zone", "place", "station", "conveyor", "belt",
        ],
    ),
    ("receiver", &["beacon"]),
    ("reference", &["lots", "orders"]),
    ("buffer", &["storage", "queue", "spool"]),
    ("mqtt", &["broker", "server"]),
    ("control", &["socket"]),
    ("status", &["http", "web", "page", "metrics"]),
];

/// The section that is probably meant by another name.
pub(super) fn section_meant(name: &str, sections: &[&'static str]) -> Option<&'static str> {
    nearest(name, sections.iter().copied()).or_else(|| {
        let lower = name.to_lowercase();
        let mut aliases = ALIASES.iter();
        let (section, _) = aliases.find(|(_, names)| names.contains(&lower.as_str()))?;
        Some(*section)
    })
}

/// The problem of a section that does not exist.
pub(super) fn unknown_section(name: &str, place: Place, sections: &[&'static str]) -> Diagnostic {
    let label = section_meant(name, sections)
        .map(|name| format!("did you mean [{name}]?"))
        .unwrap_or_default();
    let name = super::units::shown(name);
    Diagnostic::error(
        "unknown-section",
        format!("unknown section [{name}]"),
        place,
        label,
    )
    .help(format!("sections: {}", sections.join(", ")))
}

/// What every variable starts with.
pub(super) const PREFIX: &str = "TRACEGATE_";
/// The origin `config` gives to values from variables.
pub(super) const FROM_ENVIRONMENT: &str = "the environment";

/// The `TRACEGATE_SECTION__NAME__KEY` variables as a source, and what is wrong with their names.
///
/// A variable without `__` is not a setting and is left to others, unless it looks like a setting with the second
/// underscore forgotten.
pub(super) fn environment(
    variables: impl Iterator<Item = (String, String)>,
    sections: &[&str],
) -> (Environment, Vec<Diagnostic>) {
    let mut problems = Vec::new();
    let mut accepted: BTreeMap<String, String> = BTreeMap::new();
    let mut variables: Vec<_> = variables
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect();
    variables.sort();
    for (name, value) in variables {
        let rest = name.strip_prefix(PREFIX).unwrap_or("");
        let problem = |title: &str, label: &str, help: String| {
            let place = Place::Variable(name.clone());
            Diagnostic::error(
                "bad-variable",
                format!("variable `{name}` {title}"),
                place,
                label,
            )
            .help(help)
        };
        const HELP: &str =
            "write TRACEGATE_SECTION__NAME__KEY; example: TRACEGATE_LLRP__DOCK_1__HOST";
        if !rest.contains("__") {
            let lower = rest.to_lowercase();
            if let Some(section) = sections
                .iter()
                .find(|section| lower.starts_with(&format!("{section}_")))
            {
                let (head, tail) = rest.split_at(section.len());
                let meant = format!("{PREFIX}{head}_{tail}");
                problems.push(problem(
                    "is no setting",
                    &format!("did you mean {meant}?"),
                    HELP.to_owned(),
                ));
            }
            continue;
        }
        let upper = rest
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        let segments: Vec<&str> = rest.split("__").collect();
        if !upper
            || segments.len() > 5
            || segments
                .iter()
                .any(|segment| segment.is_empty() || segment.starts_with('_'))
        {
            problems.push(problem(
                "is no setting",
                "the name cannot be split into section, name and key",
                HELP.to_owned(),
            ));
            continue;
        }
        let shorter = (1..segments.len()).map(|n| {
            format!(
                "{PREFIX}{}",
                segments
                    .iter()
                    .take(n)
                    .copied()
                    .collect::<Vec<_>>()
                    .join("__")
            )
        });
        if let Some(other) = shorter
            .into_iter()
            .find(|shorter| accepted.contains_key(shorter))
        {
            problems.push(problem(
                "contradicts another",
                &format!("{other} already sets the whole"),
                "remove one of them".to_owned(),
            ));
            continue;
        }
        accepted.insert(name, value);
    }
    let environment = Environment::with_prefix(PREFIX.trim_end_matches('_'))
        .prefix_separator("_")
        .separator("__")
        .source(Some(accepted.into_iter().collect()));
    (environment, problems)
}

/// The name of the variable that sets `path`.
pub(super) fn variable(path: &[Seg]) -> String {
    let names: Vec<String> = path
        .iter()
        .map_while(|seg| match seg {
            Seg::Key(name) => Some(name.to_uppercase()),
            Seg::Index(_) => None,
        })
        .collect();
    format!("{PREFIX}{}", names.join("__"))
}
