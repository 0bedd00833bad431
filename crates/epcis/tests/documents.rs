//! Documents of others: read, written again, valid, and with the same hash. Our own fixtures always, the examples of GS1
//! and the hash vectors where the shared folder is.
#![allow(
    clippy::unwrap_used,
    reason = "clippy takes only marked functions for tests"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tracegate_epcis::{EventId, Received, document, hash_json};

/// Every event of a document by itself: its hash before, after reading, and after writing again.
fn assert_kept(name: &str, text: &str) -> Vec<EventId> {
    let original: Value = serde_json::from_str(text).unwrap();
    let context = original.get("epcisBody").map(|_| &original["@context"]);
    let written_events = events(&original);
    let received = Received::all_from_json(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(received.len(), written_events.len(), "{name}");
    let mut ids = Vec::new();
    for (received, written) in received.into_iter().zip(written_events) {
        let event = match received {
            Ok(received) => received.event,
            Err(error) => panic!("{name}: {}", chain(&error)),
        };
        let before = hash_json(written, context.unwrap_or(&Value::Null)).unwrap();
        let again: Value = serde_json::from_str(&event.to_json()).unwrap();
        let after = hash_json(&again, &Value::Null).unwrap();
        assert_eq!(after.prehash(), before.prehash(), "{name}");
        assert_eq!(event.id(), before.id(), "{name}");
        common::schema::assert_valid(&again);
        let whole = document([&event], event.data().time);
        common::schema::assert_valid(&serde_json::from_str(&whole).unwrap());
        ids.push(event.id());
    }
    ids
}

fn events(document: &Value) -> Vec<&Value> {
    let body = &document["epcisBody"];
    let list = body
        .get("eventList")
        .or_else(|| body.pointer("/queryResults/resultsBody/eventList"));
    match list.and_then(Value::as_array) {
        Some(list) => list.iter().collect(),
        None => vec![document],
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

/// The JSON files of a folder, by name.
fn files(folder: &Path, extension: &str) -> Vec<(String, String)> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

#[test]
fn our_fixtures_keep_their_hash() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut found = Vec::new();
    for (name, text) in files(&folder, "json") {
        for id in assert_kept(&name, &text) {
            found.push(format!("{} {name}", id.hex()));
        }
    }
    let ids = fs::read_to_string(folder.join("ids.txt")).unwrap();
    let expected: Vec<_> = ids
        .lines()
        .map(|line| line.rsplit_once(' ').unwrap().0)
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_examples_of_gs1_keep_their_hash() {
    let Some(folder) = common::shared("protocol/gs1/epcis/examples") else {
        return;
    };
    let (mut documents, mut events) = (0, 0);
    for (name, text) in files(&folder, "jsonld") {
        // Has no hash: terms defined by objects in its context, and a business transaction without type.
        if name.starts_with("Example-TransactionEvents-") {
            let refused = Received::all_from_json(&text).unwrap();
            let reasons: Vec<_> = refused
                .into_iter()
                .map(|event| event.unwrap_err().to_string())
                .collect();
            let term = "`@context.rail:vehicleMasterGIAI` is not a text";
            assert_eq!(reasons, ["`bizTransactionList[0].type` is missing", term]);
            continue;
        }
        documents += 1;
        events += assert_kept(&name, &text).len();
    }
    eprintln!(
        "examples of GS1: {documents} documents with {events} events, 1 refused as it should be"
    );
    assert_eq!(documents, 46);
}

#[test]
fn the_vectors_keep_their_hash() {
    for (file, least) in [
        ("epcis_hash.jsonl", 42),
        ("epcis_hash_reference_examples.jsonl", 20),
    ] {
        let Some(path) = common::shared(&format!("vectors/gs1/{file}")) else {
            return;
        };
        let mut documents = 0;
        for line in fs::read_to_string(path).unwrap().lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            assert_kept(&row["id"].to_string(), &row["doc"].to_string());
            documents += 1;
        }
        eprintln!("{file}: {documents} documents");
        assert!(documents >= least, "{file}");
    }
}
