//! From merged values to the typed configuration, with everything that is wrong on the way.
//!
//! serde stops at the first mistake. So a bad value is recorded, taken out of the tree, and the whole is read again;
//! its field then has its default, which is harmless because a configuration with a problem is never handed out.

use std::cell::RefCell;

use serde::Deserialize;

use super::diagnostic::{Diagnostic, Place};
use super::mistake::{Fact, Mistake};
use super::model::Config;
use super::source::{Seg, section_meant, unknown_section};
use super::strict::{Node, Unknown};
use super::suggest::{choice_meant, nearest, owners, setting_meant};
use super::tree::{Tree, dotted, name_of};
use super::units::shown;

/// After this many bad values the rest is not looked at.
const MAX_MISTAKES: usize = 100;

/// The result of reading.
pub(super) struct Read {
    pub(super) config: Config,
    pub(super) problems: Vec<Diagnostic>,
    /// Names that were probably meant by unknown ones, as paths: they need not be reported as missing too.
    pub(super) meant: Vec<super::source::Path>,
}

/// Reads `tree`, pruning what is bad.
pub(super) fn read(tree: &mut Tree, sections: &[&'static str]) -> Read {
    let unknown = RefCell::new(Vec::new());
    let (mut problems, mut mistakes) = (Vec::new(), 0);
    let config = loop {
        let mistake = match Config::deserialize(Node::root(&tree.root, &unknown)) {
            Ok(config) => break config,
            Err(mistake) => mistake,
        };
        let path = mistake.path.clone().unwrap_or_default();
        let problem = describe(&mistake, tree);
        // A header without its name makes one mistake of each setting below it.
        if problem.code != UNNAMED || !problems.contains(&problem) {
            problems.push(problem);
        }
        mistakes += 1;
        if mistakes >= MAX_MISTAKES || !tree.prune(&path) {
            break Config::default();
        }
    };
    let mut meant = Vec::new();
    for unknown in unknown.into_inner() {
        problems.push(describe_unknown(&unknown, tree, sections, &mut meant));
    }
    Read {
        config,
        problems,
        meant,
    }
}

fn describe_unknown(
    unknown: &Unknown,
    tree: &Tree,
    sections: &[&'static str],
    meant: &mut Vec<super::source::Path>,
) -> Diagnostic {
    let place = tree.key_place(&unknown.path);
    let Some((Seg::Key(name), section)) = unknown.path.split_last() else {
        return Diagnostic::error("unknown-setting", "unknown setting", place, "");
    };
    let near = match section.is_empty() {
        true => section_meant(name, sections),
        false => nearest(name, unknown.known.iter().copied())
            .or_else(|| setting_meant(name, unknown.known)),
    };
    if let [Seg::Key(kind), Seg::Key(first)] = section
        && unknown.is_table
        && near.is_none()
        && super::NAMED_SECTIONS.contains(&kind.as_str())
    {
        // What such a section lacks, the one that was meant has.
        meant.extend(unknown.known.iter().map(|key| {
            let mut path = section.to_vec();
            path.push(Seg::Key((*key).to_owned()));
            path
        }));
        let title = format!("unknown section [{}]", dotted(&unknown.path));
        let help = format!(
            "write [{kind}.{}_{}], if that is its name",
            shown(first),
            shown(name)
        );
        return Diagnostic::error(
            "unknown-section",
            title,
            place,
            "names have no points in them",
        )
        .help(help);
    }
    if let Some(near) = near {
        let mut path = section.to_vec();
        path.push(Seg::Key(near.to_owned()));
        meant.push(path);
    }
    if section.is_empty() {
        if unknown.is_table {
            return unknown_section(name, place, sections);
        }
        let title = format!("setting `{}` stands outside any section", shown(name));
        let help = format!(
            "put it below a section header; sections: {}",
            sections.join(", ")
        );
        return Diagnostic::error("unknown-setting", title, place, "").help(help);
    }
    let title = format!("unknown setting `{}` in [{}]", shown(name), dotted(section));
    if let (None, [Seg::Key(_)]) = (near, section)
        && let kinds = owners(name)
        && !kinds.is_empty()
    {
        // Nobody knows what the section would have defined.
        meant.extend(kinds.iter().map(|kind| vec![Seg::Key((*kind).to_owned())]));
        let headers = kinds.iter().map(|kind| match kind {
            kind if super::NAMED_SECTIONS.contains(kind) => format!("[{kind}.NAME]"),
            kind => format!("[{kind}]"),
        });
        let headers = headers.collect::<Vec<_>>().join(" or ");
        let label = format!("this is a setting of {headers}");
        return Diagnostic::error("unknown-setting", title, place, label)
            .help("is the header of its section missing above, or behind a #?");
    }
    let label = near
        .map(|near| format!("did you mean `{near}`?"))
        .unwrap_or_default();
    let help = match super::suggest::power_per_antenna(name, unknown.known) {
        Some(help) => help.to_owned(),
        None => format!("settings here: {}", unknown.known.join(", ")),
    };
    Diagnostic::error("unknown-setting", title, place, label).help(help)
}

/// Puts a fact in words.
fn describe(mistake: &Mistake, tree: &Tree) -> Diagnostic {
    let path = mistake.path.clone().unwrap_or_default();
    let place = if mistake.on_key {
        tree.key_place(&path)
    } else {
        tree.place(&path)
    };
    let name = name_of(&path);
    let in_list = matches!(path.last(), Some(Seg::Index(_)));
    let subject = if in_list {
        format!("an entry of `{name}`")
    } else {
        format!("`{name}`")
    };
    match &mistake.fact {
        Fact::WrongType {
            expected,
            found,
            found_text,
        } => {
            if expected == "a table of settings" && tree.is_list_of_tables(&path) {
                let name = dotted(&path);
                let title = format!("[[{name}]] has double brackets");
                let place = tree.key_place(&path);
                return Diagnostic::error("wrong-type", title, place, format!("write [{name}]"));
            }
            if let Some(diagnostic) = section_without_name(&path, tree) {
                return diagnostic;
            }
            let title = format!("{subject} has the wrong type");
            let title = match path.as_slice() {
                [.., Seg::Key(parent), Seg::Key(key)] if mistake.on_key => {
                    format!(
                        "`{}` is no name for an entry of `{}`",
                        shown(key),
                        shown(parent)
                    )
                }
                _ => title,
            };
            let title = if out_of_range(expected, found) {
                format!("{subject} is out of range")
            } else {
                title
            };
            let help = type_help(expected, found, found_text.as_deref(), &name, in_list);
            Diagnostic::error(
                "wrong-type",
                title,
                place,
                format!("expected {expected}, found {found}"),
            )
            .help(help)
        }
        Fact::BadValue { label, help } => Diagnostic::error(
            "bad-value",
            format!("{subject} has a bad value"),
            place,
            label,
        )
        .help(help),
        Fact::UnknownWord { found, allowed } => {
            let label = match choice_meant(found, allowed) {
                Some(word) => format!("did you mean \"{word}\"?"),
                None => format!("no such choice: \"{}\"", shown(found)),
            };
            let help = format!("one of \"{}\"", allowed.join("\", \""));
            Diagnostic::error(
                "bad-value",
                format!("{subject} has a bad value"),
                place,
                label,
            )
            .help(help)
        }
    }
}

fn out_of_range(expected: &str, found: &str) -> bool {
    let whole = found
        .strip_prefix("the number ")
        .is_some_and(|number| number.parse::<i64>().is_ok());
    whole && expected.contains(" from ")
}

/// Code of a `[KIND]` header that should be `[KIND.NAME]`.
const UNNAMED: &str = "unnamed-section";

/// `[llrp]` with settings directly in it instead of `[llrp.NAME]`.
fn section_without_name(path: &[Seg], tree: &Tree) -> Option<Diagnostic> {
    let [Seg::Key(kind), Seg::Key(_)] = path else {
        return None;
    };
    if !super::NAMED_SECTIONS.contains(&kind.as_str()) {
        return None;
    }
    let place = match tree.place(path) {
        variable @ Place::Variable(_) => variable,
        _ => tree.at(&[kind]),
    };
    let label = format!("expected [{kind}.NAME]");
    let help = "the name is yours: small letters, digits and _; it appears in events and logs";
    Some(Diagnostic::error(UNNAMED, format!("[{kind}] needs a name"), place, label).help(help))
}

fn type_help(
    expected: &str,
    found: &str,
    found_text: Option<&str>,
    name: &str,
    in_list: bool,
) -> String {
    let example = |value: &str| {
        if in_list {
            value.to_owned()
        } else {
            format!("{name} = {value}")
        }
    };
    match found_text.map(str::trim) {
        Some(text) if expected.contains("number") && text.parse::<f64>().is_ok() => {
            return format!("numbers are written without quotes: {}", example(text));
        }
        Some(text) if expected == "true or false" => {
            let value = match text.to_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => "true",
                "false" | "no" | "off" | "0" => "false",
                _ => return String::new(),
            };
            return format!("write true or false without quotes: {}", example(value));
        }
        Some(_) if expected.starts_with("antenna ports") => {
            return format!("list the ports: {}", example("[1, 2, 3, 4]"));
        }
        Some(text) if expected == "a list in brackets" => {
            return format!(
                "lists are written in brackets: {}",
                example(&format!("[\"{}\"]", shown(text)))
            );
        }
        _ if expected == "a table of settings" => {
            let events = [
                "in", "out", "arrive", "depart", "stay", "scan", "mark", "alarm",
            ];
            let tasks = ["issue", "inspection", "packing", "commissioning", "return"];
            return if events.contains(&name) {
                format!("example: {name} = {{ biz_step = \"receiving\" }}")
            } else if tasks.contains(&name) {
                format!("example: {name} = {{ verdicts = \"all\" }}")
            } else {
                String::new()
            };
        }
        _ => {}
    }
    let quoted = expected.contains("in quotes") || expected.starts_with("one of \"");
    match found
        .strip_prefix("the number ")
        .or(Some(found).filter(|found| matches!(*found, "true" | "false")))
    {
        Some(bare) if quoted => format!(
            "text is written in quotes: {}",
            example(&format!("\"{bare}\""))
        ),
        _ => String::new(),
    }
}
