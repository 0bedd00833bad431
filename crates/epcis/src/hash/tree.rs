//! An event as the tree of names, texts and children that the event hash is defined over.
//!
//! The hash was defined on the XML form. This turns JSON into that form: lists get an element per entry, prefixes
//! become `{namespace}`, and list names lose or gain what the two forms disagree about.

use std::borrow::Cow;
use std::mem;

use serde_json::Value;

use super::words::Words;
use super::{HashError, canonical};
use crate::parts::{Extensions, Namespace, declared};

/// Deeper nesting than this is refused: `serde_json` stops there too.
const MAX_DEPTH: usize = 128;
/// Lists whose entries are pairs in written order (CBV 2.0 §8.9, `type` first).
const PAIR_LISTS: [&str; 3] = ["sourceList", "destinationList", "bizTransactionList"];
/// Fields that keep the object they stand in, and its siblings, in written order.
const UNSORTED: [&str; 3] = ["bizTransaction", "source", "destination"];

/// One element. Ordered by name, text and children, which is the order of siblings before hashing.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) text: Cow<'a, str>,
    pub(super) children: Vec<Node<'a>>,
    /// An entry of a pair list: no name, just its first two fields.
    pub(super) is_pair: bool,
}

/// The prefixes that a `@context` declares.
#[derive(Debug, Default)]
pub(super) struct Namespaces(Vec<(String, String)>);

impl Namespaces {
    /// Those of an event of ours.
    pub(super) fn of(namespaces: &[Namespace]) -> Self {
        let pair = |known: &Namespace| (known.prefix.clone(), known.uri.clone());
        Self(namespaces.iter().map(pair).collect())
    }

    /// Adds the prefixes of a `@context`.
    pub(super) fn add(&mut self, context: &Value) -> Result<(), HashError> {
        for (prefix, uri) in declared(context) {
            let Some(uri) = uri.as_str() else {
                let field = format!("@context.{prefix}");
                return Err(HashError::unsupported(
                    &field,
                    "a term definition that is not a text",
                ));
            };
            self.0.push((prefix.clone(), uri.to_owned()));
        }
        Ok(())
    }

    /// `ext:name` as `{https://ns.example/}name` when `ext` is declared.
    fn expand_key<'a>(&self, key: &'a str) -> Cow<'a, str> {
        match self.split(key) {
            Some((uri, name)) => Cow::Owned(format!("{{{uri}}}{name}")),
            None => Cow::Borrowed(key),
        }
    }

    /// `ext:name` as `https://ns.example/name` when `ext` is declared.
    pub(super) fn expand_value<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.split(text) {
            Some((uri, name)) => Cow::Owned(format!("{}{name}", uri.replace(['{', '}'], ""))),
            None => Cow::Borrowed(text),
        }
    }

    fn split<'a>(&self, text: &'a str) -> Option<(&str, &'a str)> {
        let (prefix, name) = text.split_once(':')?;
        let (_, uri) = self.0.iter().rev().find(|(known, _)| known == prefix)?;
        Some((uri, name))
    }
}

/// What the conversion of one document or event looks things up in.
pub(super) struct Source<'a> {
    pub(super) namespaces: &'a Namespaces,
    pub(super) words: &'a Words,
}

impl<'a> Source<'a> {
    /// The children of an event, in the form the hash is defined over.
    pub(super) fn event(&self, event: &'a Value) -> Result<Vec<Node<'a>>, HashError> {
        let mut root = self.node(event, 0)?;
        root.children.retain(|child| child.name != "@context");
        Ok(corrected(root)?.children)
    }

    /// Fields of other namespaces, in the form the hash is defined over.
    pub(super) fn extensions(&self, fields: &'a Extensions) -> Result<Vec<Node<'a>>, HashError> {
        let mut root = Node::default();
        for (key, field) in fields {
            self.field(&mut root, key, field, false, 0)?;
        }
        root.children.sort();
        Ok(corrected(root)?.children)
    }

    fn node(&self, value: &'a Value, depth: usize) -> Result<Node<'a>, HashError> {
        if depth > MAX_DEPTH {
            return Err(HashError::TooDeep);
        }
        let mut node = Node::default();
        match value {
            Value::Array(items) => {
                for item in items {
                    node.children.push(self.node(item, depth + 1)?);
                }
                if !items.iter().all(is_leaf) && !keep_order(items) {
                    node.children.sort();
                }
            }
            Value::Object(fields) => {
                let in_order = fields.keys().any(|key| UNSORTED.contains(&key.as_str()));
                for (key, field) in fields {
                    self.field(&mut node, key, field, in_order, depth)?;
                }
                if !in_order {
                    node.children.sort();
                }
            }
            Value::String(text) => {
                let text = self.words.replacement(text).unwrap_or(text);
                node.text = self.namespaces.expand_value(text);
            }
            Value::Number(number) => {
                node.text = Cow::Owned(match number.as_f64() {
                    Some(float) if number.is_f64() => canonical::float_text(float),
                    _ => number.to_string(),
                });
            }
            Value::Bool(true) => node.text = Cow::Borrowed("True"),
            Value::Bool(false) => node.text = Cow::Borrowed("False"),
            Value::Null => node.text = Cow::Borrowed("None"),
        }
        Ok(node)
    }

    fn field(
        &self,
        node: &mut Node<'a>,
        key: &'a str,
        field: &'a Value,
        in_order: bool,
        depth: usize,
    ) -> Result<(), HashError> {
        match key {
            "rdfs:comment" | "comment" => return Ok(()),
            "#text" => {
                return Err(HashError::unsupported(
                    key,
                    "an object with text of its own",
                ));
            }
            _ if key.starts_with("@xmlns") => {
                return Err(HashError::unsupported(
                    key,
                    "a namespace declared outside @context",
                ));
            }
            "id" | "@id" | "eventID" | "bizTransaction" if !field.is_string() => {
                return Err(HashError::unsupported(
                    key,
                    "an identifier that is not a text",
                ));
            }
            "type" if !is_type(field) => {
                return Err(HashError::unsupported(key, "a type that is not a text"));
            }
            _ => {}
        }
        let name = self.namespaces.expand_key(key);
        let mut child = self.node(field, depth + 1)?;
        if let Value::Array(items) = field {
            // Elsewhere what is written of plain values is sorted later.
            if in_order && items.iter().all(is_leaf) && !keep_order(items) {
                child.children.sort();
            }
            node.children
                .extend(child.children.into_iter().map(|entry| Node {
                    name: name.clone(),
                    ..entry
                }));
        } else {
            node.children.push(Node { name, ..child });
        }
        Ok(())
    }
}

fn is_leaf(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

/// One of the items is a text that is mistaken for one of the fields in written order.
fn keep_order(items: &[Value]) -> bool {
    let mut texts = items.iter().filter_map(Value::as_str);
    texts.any(|text| UNSORTED.contains(&text))
}

/// JSON-LD takes one type or a list of them.
fn is_type(value: &Value) -> bool {
    value.is_string()
        || value
            .as_array()
            .is_some_and(|types| types.iter().all(Value::is_string))
}

/// The element with its lists and names as XML has them, recursively.
fn corrected(mut node: Node<'_>) -> Result<Node<'_>, HashError> {
    let mut children = Vec::with_capacity(node.children.len());
    let mut lists: Vec<Node> = Vec::new();
    let mut child_epcs = Vec::new();
    for mut child in mem::take(&mut node.children) {
        if let Some(entry_name) = without_list(&child.name) {
            let entry = if PAIR_LISTS.contains(&&*child.name) {
                pair(&child.name, mem::take(&mut child.children))?
            } else {
                Node {
                    name: entry_name,
                    text: mem::take(&mut child.text),
                    children: mem::take(&mut child.children),
                    is_pair: false,
                }
            };
            match lists.iter_mut().find(|list| list.name == child.name) {
                Some(list) => list.children.push(entry),
                None => lists.push(Node {
                    name: child.name,
                    children: vec![entry],
                    ..Node::default()
                }),
            }
        } else if child.name == "childEPCs" {
            child_epcs.push(Node {
                name: Cow::Borrowed("epc"),
                text: child.text,
                ..Node::default()
            });
        } else {
            children.push(child);
        }
    }
    children.append(&mut lists);
    if !child_epcs.is_empty() {
        children.push(Node {
            name: Cow::Borrowed("childEPCs"),
            children: child_epcs,
            ..Node::default()
        });
    }
    for child in children {
        let done = if PAIR_LISTS.contains(&&*child.name) {
            child
        } else {
            corrected(child)?
        };
        node.children.push(done);
    }
    if let Some(name) = renamed(&node) {
        node.name = Cow::Borrowed(name);
    }
    Ok(node)
}

/// The name of an entry of a list.
fn without_list<'a>(name: &Cow<'a, str>) -> Option<Cow<'a, str>> {
    match name {
        Cow::Borrowed(name) => name.strip_suffix("List").map(Cow::Borrowed),
        Cow::Owned(name) => name
            .strip_suffix("List")
            .map(|entry| Cow::Owned(entry.to_owned())),
    }
}

/// The first two fields of an entry of a pair list, in written order.
fn pair<'a>(list: &str, fields: Vec<Node<'a>>) -> Result<Node<'a>, HashError> {
    if fields.len() < 2 {
        return Err(HashError::unsupported(
            list,
            "an entry without type and value",
        ));
    }
    Ok(Node {
        is_pair: true,
        children: fields.into_iter().take(2).collect(),
        ..Node::default()
    })
}

fn renamed(node: &Node<'_>) -> Option<&'static str> {
    match &*node.name {
        "inputEPC" | "outputEPC" => Some("epc"),
        "inputQuantity" | "outputQuantity" | "childQuantity" => Some("quantityElement"),
        "quantity" if !node.children.is_empty() => Some("quantityElement"),
        _ => None,
    }
}
