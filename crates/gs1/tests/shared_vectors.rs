//! The project's shared vectors, as far as the tables here cover them.
//!
//! They lie outside the repository: in `$TRACEGATE_SHARED`, else in `../shared` beside the
//! workspace. Without them these tests say so and check nothing; the fixtures still do.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tracegate_gs1::{
    Element, TagIdentity,
    epc::{decode, decode_bank, encode_tag_uri, raw_uri},
};

const SCHEMES: [&str; 3] = ["sgtin-96", "sgtin-198", "sscc-96"];

/// The rows of a vector file, or nothing and a note where the files are absent.
fn vectors(name: &str) -> Vec<Value> {
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

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

fn bytes(hex: &str) -> Vec<u8> {
    // An odd number of digits ends in half a byte.
    let even = format!("{hex}{}", "0".repeat(hex.len() % 2));
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("hex") as u8;
    even.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

fn pairs(elements: &[Element]) -> Value {
    elements
        .iter()
        .map(|element| vec![element.ai().to_string(), element.value().to_owned()])
        .collect()
}

fn bits(row: &Value) -> usize {
    usize::try_from(row["bits"].as_u64().expect("bits")).expect("bits")
}

#[test]
fn epc_binary() {
    let (mut valid, mut invalid) = (0, 0);
    for name in ["epc_binary.jsonl", "epc_binary_tds_examples.jsonl"] {
        for row in vectors(name) {
            let (id, memory, bits) = (text(&row, "id"), bytes(text(&row, "hex")), bits(&row));
            let decoded = decode(&memory, bits);
            if SCHEMES.contains(&text(&row, "scheme")) {
                let epc = decoded.unwrap_or_else(|error| panic!("{id}: {error}"));
                assert_eq!(epc.tag_uri(), text(&row, "uri_tag"), "{id}");
                assert_eq!(epc.pure_uri(), text(&row, "uri_pure"), "{id}");
                let identity = epc.identity();
                assert_eq!(
                    identity.digital_link().unwrap_or_default(),
                    text(&row, "digital_link"),
                    "{id}"
                );
                if !row["ais"].is_null() {
                    assert_eq!(pairs(identity.elements()), row["ais"], "{id}");
                }
                if !row["filter"].is_null() {
                    assert_eq!(row["filter"], u64::from(epc.filter()), "{id}");
                }
                let binary = encode_tag_uri(text(&row, "uri_tag"))
                    .unwrap_or_else(|error| panic!("{id}: {error}"));
                assert_eq!(binary.bytes[..], memory[..binary.bytes.len()], "{id}");
                valid += 1;
            } else {
                // Invalid, or of a scheme without a row yet: never an identity.
                assert!(decoded.is_err(), "{id}");
                if row["error"] == true {
                    // Absent where the bits are not whole words.
                    if let Some(uri) = row["uri_raw"].as_str() {
                        assert_eq!(raw_uri(&memory, bits), uri, "{id}");
                    }
                    invalid += 1;
                }
            }
        }
    }
    eprintln!("EPC binary: {valid} valid exact, {invalid} invalid refused");
}

#[test]
fn gen2_bank() {
    let mut checked = 0;
    for row in vectors("gen2_epc_bank.jsonl") {
        let (id, memory) = (text(&row, "id"), bytes(text(&row, "epc")));
        let pc = u16::from_str_radix(text(&row, "pc"), 16).expect("PC word");
        let identity = match decode_bank(Some(pc), &memory, memory.len() * 8) {
            TagIdentity::Raw { uri, .. } => uri,
            TagIdentity::Epc(epc) => epc.pure_uri(),
        };
        let expected = text(&row, "identity");
        if is_covered(expected) {
            assert_eq!(identity, expected, "{id}");
            checked += 1;
        }
    }
    eprintln!("Gen2 bank: {checked} exact");
}

fn is_covered(identity: &str) -> bool {
    let prefixes = ["urn:epc:raw:", "urn:epc:id:sgtin:", "urn:epc:id:sscc:"];
    prefixes.iter().any(|prefix| identity.starts_with(prefix))
}
