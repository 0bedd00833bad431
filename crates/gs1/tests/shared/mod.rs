//! Reading the project's shared vectors, and writing things as they do.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tracegate_gs1::Element;

/// The rows of a vector file, or nothing and a note where the files are absent.
pub fn vectors(name: &str) -> Vec<Value> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = env::var_os("TRACEGATE_SHARED").map_or(beside, PathBuf::from);
    let path = shared.join("vectors/gs1").join(name);
    let Ok(text) = fs::read_to_string(&path) else {
        eprintln!(
            "ABSENT: {} cannot be read, nothing is checked against it",
            path.display()
        );
        return Vec::new();
    };
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a vector is JSON"))
        .collect()
}

/// A text field, empty if it is null or absent.
pub fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

/// Elements as the vectors write them.
pub fn pairs(elements: &[Element]) -> Value {
    elements
        .iter()
        .map(|element| vec![element.ai().to_string(), element.value().to_owned()])
        .collect()
}

/// A Digital Link with its query as a set: the order of attributes means nothing.
pub fn as_set(link: Option<&str>) -> Option<(&str, BTreeSet<&str>)> {
    let link = link?;
    let (path, query) = link.split_once('?').unwrap_or((link, ""));
    Some((path, query.split('&').collect()))
}
