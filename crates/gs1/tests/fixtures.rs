//! The fixtures beside this file: tags made by an independent encoder, scans written by hand.

mod hex;

use std::collections::BTreeSet;

use hex::bytes;
use tracegate_gs1::{
    Epc, EpcError, Identity, ScanContent, ScanError, ScanOptions, Scheme, epc::decode, parse_scan,
};

const TAGS: &str = include_str!("fixtures/tags.tsv");
const SCANS: &str = include_str!("fixtures/scans.tsv");

fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').collect())
}

fn tag(hex: &str) -> Result<Epc, EpcError> {
    decode(&bytes(hex), hex.len() * 4)
}

#[test]
fn tags() {
    let mut schemes = BTreeSet::new();
    for row in rows(TAGS) {
        match row[..] {
            [hex, "!", reason] => {
                let error = tag(hex).expect_err(hex).to_string();
                assert!(error.contains(reason), "{hex}: {error}");
            }
            [hex, name, link] => {
                let epc = tag(hex).unwrap_or_else(|error| panic!("{hex}: {error}"));
                assert_eq!(
                    epc.tag_uri().or_else(|| epc.element_string()).as_deref(),
                    Some(name)
                );
                assert_eq!(epc.digital_link().as_deref().unwrap_or("-"), link, "{name}");
                let binary = epc.to_binary();
                if epc.tag_uri().is_some() {
                    assert_eq!(binary.bytes, bytes(hex), "{name}");
                    assert_eq!(
                        binary.bit_len,
                        epc.scheme().bits().unwrap_or(binary.bit_len)
                    );
                }
                assert_eq!(tag(&to_hex(&binary.bytes)), Ok(epc), "{name}");
                schemes.insert(tag(hex).expect(hex).scheme());
            }
            _ => panic!("{row:?}"),
        }
    }
    // Two rows with a host name stand for all of theirs.
    let missing: Vec<_> = Scheme::ALL
        .iter()
        .filter(|scheme| !schemes.contains(scheme) && !scheme.name().ends_with("++"))
        .collect();
    assert!(missing.is_empty(), "no tag of {missing:?}");
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn scans() {
    for row in rows(SCANS) {
        let raw = row[0].replace("\\g", "\x1d");
        let scan = parse_scan(raw.as_bytes(), &ScanOptions::default());
        match row[1..] {
            ["!", reason] => match scan {
                Err(ScanError::Gs1 { source, .. }) => {
                    assert!(source.to_string().contains(reason), "{raw:?}: {source}");
                }
                other => panic!("{raw:?}: {other:?}"),
            },
            [elements, link, instance, class] => {
                let scan = scan.unwrap_or_else(|error| panic!("{raw:?}: {error:?}"));
                let ScanContent::Gs1(found) = &scan.content else {
                    panic!("{raw:?}: plain")
                };
                let found: String = found
                    .iter()
                    .map(|element| format!("({}){}", element.ai(), element.value()))
                    .collect();
                assert_eq!(found, elements);
                let identity = scan.identity();
                let uri = |of: fn(&Identity) -> Option<String>| {
                    let uri = identity.as_ref().and_then(of);
                    uri.map_or("-".to_owned(), |uri| uri.replace("https://id.gs1.org", ""))
                };
                assert_eq!(uri(Identity::digital_link), link);
                assert_eq!(uri(Identity::instance_uri), instance);
                assert_eq!(uri(Identity::class_uri), class);
            }
            _ => panic!("{row:?}"),
        }
    }
}
