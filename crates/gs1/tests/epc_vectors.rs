//! The shared vectors of tag memory: EPC binaries, the examples of TDS annex E.3, Gen2 banks.
//!
//! They lie outside the repository: in `$TRACEGATE_SHARED`, else in `../shared` beside the
//! workspace. Without them these tests say so and check nothing; the fixtures still do.

mod hex;
mod shared;

use std::collections::BTreeMap;

use serde_json::Value;
use tracegate_gs1::{
    TagIdentity,
    epc::{Gen2Bank, Xpc, decode, encode_tag_uri, raw_uri},
};

use hex::bytes;
use shared::{as_set, pairs, text, vectors};

fn bits(row: &Value) -> usize {
    usize::try_from(row["bits"].as_u64().expect("bits")).expect("bits")
}

/// The text, or null.
fn or_null(text: Option<String>) -> Value {
    text.map_or(Value::Null, Value::String)
}

#[test]
fn epc_binary() {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for name in ["epc_binary.jsonl", "epc_binary_tds_examples.jsonl"] {
        for row in vectors(name) {
            let (id, memory, bits) = (text(&row, "id"), bytes(text(&row, "hex")), bits(&row));
            let decoded = decode(&memory, bits);
            if row["error"] == true {
                assert!(decoded.is_err(), "{id}: {decoded:?}");
                // Absent where the bits are not whole words.
                if let Some(uri) = row["uri_raw"].as_str() {
                    assert_eq!(raw_uri(&memory, bits), uri, "{id}");
                }
                *count.entry("refused".to_owned()).or_default() += 1;
                continue;
            }
            let epc = decoded.unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!(or_null(epc.tag_uri()), row["uri_tag"], "{id}");
            assert_eq!(or_null(epc.pure_uri()), row["uri_pure"], "{id}");
            assert_eq!(or_null(epc.element_string()), row["gs1_element"], "{id}");
            assert_eq!(
                as_set(epc.digital_link().as_deref()),
                as_set(row["digital_link"].as_str()),
                "{id}"
            );
            let elements = epc.elements();
            match &row["ais"] {
                Value::Null => {}
                ais => assert_eq!(pairs(&elements), *ais, "{id}"),
            }
            if let Some(filter) = row.get("filter") {
                assert_eq!(
                    epc.filter().map_or(Value::Null, Value::from),
                    *filter,
                    "{id}"
                );
            }
            if let Some(host) = row["hostname"].as_str() {
                assert_eq!(epc.host(), Some(host), "{id}");
            }
            if let Some(bits) = row["epc_bits"].as_u64() {
                let ours = epc.to_binary().bit_len as u64;
                // Other encodings of a '+' value than the shortest are legal.
                assert!(
                    ours == bits || row["uri_tag"].is_null() && ours < bits,
                    "{id}"
                );
            }
            let again = epc.to_binary();
            assert_eq!(
                decode(&again.bytes, again.bit_len).as_ref(),
                Ok(&epc),
                "{id}"
            );
            if let Some(uri) = row["uri_tag"].as_str() {
                let binary = encode_tag_uri(uri).unwrap_or_else(|error| panic!("{id}: {error}"));
                let whole = binary.bytes.len().min(memory.len());
                assert_eq!(binary.bytes[..whole], memory[..whole], "{id}");
            }
            if let Some(name) = row["scheme"].as_str() {
                assert_eq!(epc.scheme().name(), name, "{id}");
                *count.entry(name.to_owned()).or_default() += 1;
            }
        }
    }
    eprintln!("EPC binary, exact: {count:?}");
}

#[test]
fn gen2_bank() {
    let mut checked = 0;
    for row in vectors("gen2_epc_bank.jsonl") {
        let (id, memory) = (text(&row, "id"), bytes(text(&row, "epc")));
        let word = |field: &str| u16::from_str_radix(row[field].as_str()?, 16).ok();
        let xpc = word("xpc").map(|w1| Xpc::new(w1, None));
        let bank = Gen2Bank::new(word("pc"), xpc, &memory);
        assert_eq!(bank.tag_uri(), text(&row, "tag_uri"), "{id}");
        let identity = match bank.identity() {
            TagIdentity::Raw { uri, .. } => uri,
            TagIdentity::Epc(epc) => epc.pure_uri().unwrap_or_default(),
        };
        assert_eq!(identity, text(&row, "identity"), "{id}");
        let pc = bank.pc.expect("PC word");
        assert_eq!(u64::from(pc.is_iso()), row["toggle"], "{id}");
        assert_eq!(
            or_null(pc.afi().map(|afi| format!("{afi:02X}"))),
            row["afi"],
            "{id}"
        );
        let iso = bank.iso_data();
        if let Some(expected) = row.get("iso") {
            let iso = iso.unwrap_or_else(|| panic!("{id}: no data identifier"));
            assert_eq!(iso.di.as_str(), expected["di"], "{id}");
            assert_eq!(iso.data, expected["data"], "{id}");
            assert_eq!(iso.text(), expected["text"], "{id}");
        }
        checked += 1;
    }
    eprintln!("Gen2 bank: {checked} exact");
}
