//! The event hash against the shared vectors, where they are present.

mod common;

use std::fs;

use serde_json::Value;
use tracegate_epcis::{hash_document, hash_json};

/// The rows of a vector file, when it is there.
fn rows(name: &str) -> Option<Vec<Value>> {
    let path = common::shared(&format!("vectors/gs1/{name}"))?;
    let text = fs::read_to_string(path).expect("a readable file");
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a row of JSON"))
            .collect(),
    )
}

#[test]
fn hashes_equal_the_vectors() {
    let Some(rows) = rows("epcis_hash.jsonl") else {
        return;
    };
    let mut wrong = Vec::new();
    for row in &rows {
        let hash = hash_document(&row["doc"])
            .expect("an event with a hash")
            .remove(0);
        let id = hash.id().to_string();
        let alternatives = row["alternative_hashes"].as_array();
        let agrees = row["hash"] == id
            || (row["contested"] == true
                && alternatives.is_some_and(|all| all.iter().any(|one| *one == id)));
        if !agrees {
            wrong.push(format!(
                "{}\n ours  {}\n wants {}",
                row["id"],
                hash.prehash(),
                row["prehash"]
            ));
        }
        let bare = &row["doc"]["epcisBody"]["eventList"][0];
        assert_eq!(
            hash_json(bare, &row["doc"]["@context"]).expect("a hash"),
            hash
        );
    }
    eprintln!(
        "epcis_hash.jsonl: {} of {} equal",
        rows.len() - wrong.len(),
        rows.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn hashes_equal_the_reference_examples() {
    let Some(rows) = rows("epcis_hash_reference_examples.jsonl") else {
        return;
    };
    let (mut events, mut wrong) = (0, Vec::new());
    for row in &rows {
        let hashes = hash_document(&row["doc"]);
        let ids: Vec<String> = hashes
            .iter()
            .flatten()
            .map(|hash| hash.id().to_string())
            .collect();
        let wanted = row["hashes"].as_array().expect("hashes");
        events += wanted.len();
        if ids.len() != wanted.len() || wanted.iter().zip(&ids).any(|(wanted, id)| wanted != id) {
            wrong.push(format!("{} {}: {hashes:?}", row["id"], row["source"]));
        }
    }
    eprintln!(
        "epcis_hash_reference_examples.jsonl: {} of {} documents equal, {events} events in all",
        rows.len() - wrong.len(),
        rows.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
