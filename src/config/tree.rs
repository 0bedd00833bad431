//! The merged configuration before it has types: answers where things are, and forgets what is bad.

use std::collections::BTreeSet;

use ::config::{Value, ValueKind};

use super::diagnostic::Place;
use super::source::{
    FROM_ENVIRONMENT, Mark, Marks, PREFIX, Path, Seg, inline_value, keys, variable,
};

/// The merged values with the positions of those from the file.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) root: Value,
    marks: Marks,
    /// Settings that were written but are bad. They count as set.
    bad: BTreeSet<Path>,
}

impl Tree {
    pub(super) fn new(mut root: Value, marks: Marks, bad: Vec<Path>) -> Self {
        open_tables(&mut root, &mut Path::new());
        Tree {
            root,
            marks,
            bad: bad.into_iter().collect(),
        }
    }

    fn node(&self, path: &[Seg]) -> Option<&Value> {
        path.iter()
            .try_fold(&self.root, |node, seg| child(node, seg))
    }

    /// True when the setting was written, rightly or wrongly.
    pub(super) fn has(&self, path: &[&str]) -> bool {
        let path = keys(path);
        self.node(&path).is_some() || self.bad.contains(&path)
    }

    /// A setting's text, as written.
    pub(super) fn text(&self, path: &[&str]) -> Option<&str> {
        match &self.node(&keys(path))?.kind {
            ValueKind::String(text) => Some(text),
            _ => None,
        }
    }

    /// True for what `[[…]]` makes.
    pub(super) fn is_list_of_tables(&self, path: &[Seg]) -> bool {
        match self.node(path).map(|node| &node.kind) {
            Some(ValueKind::Array(list)) => {
                let mut kinds = list.iter().map(|entry| &entry.kind);
                !list.is_empty() && kinds.all(|kind| matches!(kind, ValueKind::Table(_)))
            }
            _ => false,
        }
    }

    /// True when this setting, or a part of it, was written but is bad.
    pub(super) fn is_bad(&self, path: &[&str]) -> bool {
        let path = keys(path);
        self.bad.iter().any(|bad| bad.starts_with(&path))
    }

    /// True when a whole section of this kind, `[KIND.NAME]`, was bad: nobody knows what it would have defined.
    pub(super) fn lost_section(&self, kind: &str) -> bool {
        self.bad
            .iter()
            .any(|bad| bad.len() <= 2 && bad.starts_with(&keys(&[kind])))
    }

    /// Where a value is.
    pub(super) fn place(&self, path: &[Seg]) -> Place {
        self.locate(path, |mark| Place::bytes(mark.value.clone()))
    }

    /// Where the name of a setting or section is.
    pub(super) fn key_place(&self, path: &[Seg]) -> Place {
        self.locate(path, |mark| {
            Place::bytes(mark.key.clone().unwrap_or_else(|| mark.value.clone()))
        })
    }

    /// Where the value of a setting is, by names.
    pub(super) fn at(&self, path: &[&str]) -> Place {
        self.place(&keys(path))
    }

    /// Where the name of a setting is, by names.
    pub(super) fn at_key(&self, path: &[&str]) -> Place {
        self.key_place(&keys(path))
    }

    fn locate(&self, path: &[Seg], of_mark: impl Fn(&Mark) -> Place) -> Place {
        let mut node = &self.root;
        for (depth, seg) in path.iter().enumerate() {
            match child(node, seg) {
                Some(next) => node = next,
                // A list given as text in a variable has no nodes for its entries.
                None if node.origin() == Some(FROM_ENVIRONMENT) => {
                    return Place::Variable(variable(path.get(..depth).unwrap_or(path)));
                }
                None if node
                    .origin()
                    .is_some_and(|origin| origin.starts_with(PREFIX)) =>
                {
                    return Place::Variable(node.origin().unwrap_or_default().to_owned());
                }
                None => return self.marks.at_path(path).map_or(Place::WholeFile, of_mark),
            }
        }
        match node.origin() {
            Some(FROM_ENVIRONMENT) => Place::Variable(variable(path)),
            Some(origin) if origin.starts_with(PREFIX) => Place::Variable(origin.to_owned()),
            Some(origin) => self
                .marks
                .at_origin(origin)
                .map_or(Place::WholeFile, of_mark),
            None => match self.marks.at_path(path) {
                Some(mark) => of_mark(mark),
                None => {
                    first_variable(node, path.to_vec()).map_or(Place::WholeFile, Place::Variable)
                }
            },
        }
    }

    /// Forgets the value at `path`, or the whole that it is part of when it cannot be taken out alone.
    /// False when there is nothing to forget.
    pub(super) fn prune(&mut self, path: &[Seg]) -> bool {
        let mut node = &mut self.root;
        for (depth, seg) in path.iter().enumerate() {
            let last = depth + 1 == path.len();
            let whole = !matches!(
                child(node, seg),
                Some(next) if last || matches!(next.kind, ValueKind::Table(_) | ValueKind::Array(_))
            );
            let next_is_leaf = child(node, seg).is_some();
            if last || whole {
                if !next_is_leaf {
                    return false;
                }
                self.bad.insert(path.get(..=depth).unwrap_or(path).to_vec());
                return match (&mut node.kind, seg) {
                    (ValueKind::Table(table), Seg::Key(key)) => table.remove(key).is_some(),
                    (ValueKind::Array(list), Seg::Index(index)) => {
                        list.remove(*index);
                        true
                    }
                    _ => false,
                };
            }
            let next = match (&mut node.kind, seg) {
                (ValueKind::Table(table), Seg::Key(key)) => table.get_mut(key),
                (ValueKind::Array(list), Seg::Index(index)) => list.get_mut(*index),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => return false,
            }
        }
        false
    }
}

/// Turns text of variables that is an inline table, `{ biz_step = "packing" }`, into that table. The origin of what is
/// in it is the name of the variable, since the path would name another.
fn open_tables(node: &mut Value, path: &mut Path) {
    let from_variable = node.origin() == Some(FROM_ENVIRONMENT);
    match &mut node.kind {
        ValueKind::Table(table) => {
            for (key, node) in table {
                path.push(Seg::Key(key.clone()));
                open_tables(node, path);
                path.pop();
            }
        }
        ValueKind::String(text) if from_variable && text.trim_start().starts_with('{') => {
            if let Some(table) = inline_value(text, &variable(path)) {
                *node = table;
            }
        }
        _ => {}
    }
}

fn child<'a>(node: &'a Value, seg: &Seg) -> Option<&'a Value> {
    match (&node.kind, seg) {
        (ValueKind::Table(table), Seg::Key(key)) => table.get(key),
        (ValueKind::Array(list), Seg::Index(index)) => list.get(*index),
        _ => None,
    }
}

/// The first variable that sets something below a table which only variables made.
fn first_variable(node: &Value, path: Path) -> Option<String> {
    if node.origin() == Some(FROM_ENVIRONMENT) {
        return Some(variable(&path));
    }
    let ValueKind::Table(table) = &node.kind else {
        return None;
    };
    let mut names: Vec<&String> = table.keys().collect();
    names.sort();
    names.into_iter().find_map(|name| {
        let mut path = path.clone();
        path.push(Seg::Key(name.clone()));
        table.get(name).and_then(|node| first_variable(node, path))
    })
}

/// How a setting is called in a title: its key, with its parent where the key alone says nothing.
pub(super) fn name_of(path: &[Seg]) -> String {
    match path {
        [.., Seg::Key(list), Seg::Index(_)] => list.clone(),
        [.., Seg::Key(parent), Seg::Key(key)] if key.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{parent}.{key}")
        }
        [.., Seg::Key(key)] => super::units::shown(key),
        _ => String::new(),
    }
}

/// A path in the form of a section header, without brackets.
pub(super) fn dotted(path: &[Seg]) -> String {
    let names = path.iter().map(|seg| match seg {
        Seg::Key(name) => super::units::shown(name),
        Seg::Index(index) => index.to_string(),
    });
    names.collect::<Vec<_>>().join(".")
}
