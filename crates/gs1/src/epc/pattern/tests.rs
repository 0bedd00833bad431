//! Patterns: what they match, what they refuse, and their masks.

use proptest::prelude::*;

use super::*;
use crate::epc::{encode_tag_uri, testing};

fn matches(pattern: &str, uri: &str) -> bool {
    let binary = encode_tag_uri(uri).unwrap_or_else(|error| panic!("{uri}: {error}"));
    let pattern: Pattern = pattern
        .parse()
        .unwrap_or_else(|error| panic!("{pattern}: {error}"));
    pattern.matches(&binary.bytes, binary.bit_len)
}

#[test]
fn fields_of_each_kind() {
    for (pattern, tags) in [
        (
            "urn:epc:pat:sgtin-96:3.0614141.*.[10-19]",
            &[
                ("urn:epc:tag:sgtin-96:3.0614141.812345.10", true),
                ("urn:epc:tag:sgtin-96:3.0614141.000000.19", true),
                ("urn:epc:tag:sgtin-96:3.0614141.812345.9", false),
                ("urn:epc:tag:sgtin-96:3.0614141.812345.20", false),
                ("urn:epc:tag:sgtin-96:2.0614141.812345.10", false),
                ("urn:epc:tag:sgtin-96:3.061414.0812345.10", false),
                ("urn:epc:tag:sgtin-198:3.0614141.812345.10", false),
            ][..],
        ),
        (
            "urn:epc:pat:sgtin-96:[1-3].[061414-061416].X.*",
            &[
                ("urn:epc:tag:sgtin-96:1.061416.0812345.10", true),
                ("urn:epc:tag:sgtin-96:0.061416.0812345.10", false),
                ("urn:epc:tag:sgtin-96:1.061417.0812345.10", false),
            ],
        ),
        // The length of the reference tells the partition.
        (
            "urn:epc:pat:sgtin-96:*.*.012345.*",
            &[
                ("urn:epc:tag:sgtin-96:1.4012345.012345.1", true),
                ("urn:epc:tag:sgtin-96:1.401234.0012345.1", false),
            ],
        ),
        (
            "urn:epc:pat:sgtin-198:*.*.*.a%2Fb.c",
            &[
                ("urn:epc:tag:sgtin-198:1.4012345.012345.a%2Fb.c", true),
                ("urn:epc:tag:sgtin-198:1.4012345.012345.a%2Fb.cd", false),
                ("urn:epc:tag:sgtin-198:1.4012345.012345.a%2Fb.", false),
            ],
        ),
        (
            "urn:epc:pat:giai-202:*.4012345.X1",
            &[
                ("urn:epc:tag:giai-202:1.4012345.X1", true),
                ("urn:epc:tag:giai-202:1.4012345.X12", false),
            ],
        ),
        (
            "urn:epc:pat:giai-96:*.4012345.[5-500]",
            &[
                ("urn:epc:tag:giai-96:1.4012345.500", true),
                ("urn:epc:tag:giai-96:1.4012345.4", false),
            ],
        ),
        (
            "urn:epc:pat:gdti-96:0.401234512345..7",
            &[
                ("urn:epc:tag:gdti-96:0.401234512345..7", true),
                ("urn:epc:tag:gdti-96:0.401234512345..8", false),
            ],
        ),
        (
            "urn:epc:pat:sgcn-96:*.4012345.67890.[0010-0020]",
            &[
                ("urn:epc:tag:sgcn-96:1.4012345.67890.0015", true),
                ("urn:epc:tag:sgcn-96:1.4012345.67890.015", false),
                ("urn:epc:tag:sgcn-96:1.4012345.67890.15", false),
            ],
        ),
        (
            "urn:epc:pat:cpi-var:*.0614141.*.12345",
            &[
                ("urn:epc:tag:cpi-var:3.0614141.5PQ7%2FZ43.12345", true),
                ("urn:epc:tag:cpi-var:3.0614141.5.12345", true),
                ("urn:epc:tag:cpi-var:3.0614141.5PQ7%2FZ43.12346", false),
            ],
        ),
        (
            "urn:epc:pat:cpi-var:*.*.5PQ7%2FZ43.*",
            &[
                ("urn:epc:tag:cpi-var:3.0614141.5PQ7%2FZ43.12345", true),
                ("urn:epc:tag:cpi-var:3.061414.5PQ7%2FZ43.12345", true),
                ("urn:epc:tag:cpi-var:3.061414.5PQ7%2FZ4.12345", false),
            ],
        ),
        (
            "urn:epc:pat:itip-110:*.*.*.01.[02-04].*",
            &[
                ("urn:epc:tag:itip-110:0.4012345.012345.01.02.981", true),
                ("urn:epc:tag:itip-110:0.4012345.012345.01.05.981", false),
                ("urn:epc:tag:itip-110:0.4012345.012345.02.02.981", false),
            ],
        ),
        (
            "urn:epc:pat:sscc-96:*.4012345.*",
            &[("urn:epc:tag:sscc-96:0.4012345.0123456789", true)],
        ),
        (
            "urn:epc:pat:gid-96:31415.[0-271828].*",
            &[
                ("urn:epc:tag:gid-96:31415.271828.1414", true),
                ("urn:epc:tag:gid-96:31415.271829.1414", false),
            ],
        ),
        (
            "urn:epc:pat:usdod-96:*.CAGEY.*",
            &[
                ("urn:epc:tag:usdod-96:3.CAGEY.5678", true),
                ("urn:epc:tag:usdod-96:3.CAGEY1.5678", false),
                ("urn:epc:tag:usdod-96:3.CAGEX.5678", false),
            ],
        ),
        (
            "urn:epc:pat:adi-var:*.35962.*.M37GXB92",
            &[
                ("urn:epc:tag:adi-var:3.35962.PQ7VZ4.M37GXB92", true),
                ("urn:epc:tag:adi-var:3.35962..M37GXB92", true),
                ("urn:epc:tag:adi-var:3.35962.PQ7VZ4.M37GXB9", false),
                ("urn:epc:tag:adi-var:3.W35962.PQ7VZ4.M37GXB92", false),
            ],
        ),
        (
            "urn:epc:pat:adi-var:*.W81X9C..%231",
            &[
                ("urn:epc:tag:adi-var:3.W81X9C..%231", true),
                ("urn:epc:tag:adi-var:3.W81X9C.A.%231", false),
            ],
        ),
        (
            "urn:epc:idpat:sgtin:0614141.812345.*",
            &[
                ("urn:epc:tag:sgtin-96:3.0614141.812345.10", true),
                ("urn:epc:tag:sgtin-198:7.0614141.812345.A", true),
                ("urn:epc:tag:sgtin-198:7.0614141.812346.A", false),
                ("urn:epc:tag:sscc-96:3.0614141.1234567890", false),
            ],
        ),
        // Letters fit one of the two only.
        (
            "urn:epc:idpat:sgtin:*.*.A7",
            &[
                ("urn:epc:tag:sgtin-198:7.0614141.812346.A7", true),
                ("urn:epc:tag:sgtin-96:3.0614141.812345.10", false),
            ],
        ),
        (
            "urn:epc:idpat:gid:*.271828.*",
            &[("urn:epc:tag:gid-96:31415.271828.1414", true)],
        ),
    ] {
        for (uri, expected) in tags {
            assert_eq!(matches(pattern, uri), *expected, "{pattern} {uri}");
        }
    }
}

#[test]
fn digits_and_masks() {
    for (pattern, memory, expected) in [
        ("hex:34F*", &[0x34, 0xF1][..], true),
        ("hex:34f*", &[0x34, 0xF1], true),
        ("hex:34F*", &[0x34, 0xE1], false),
        ("hex:34F*", &[0x34], false),
        ("hex:34F1", &[0x34, 0xF1], true),
        ("hex:34F1", &[0x34, 0xF1, 0], false),
        ("hex:30/F0", &[0x3F], true),
        ("hex:3001/F001", &[0x3F, 0x03, 0x55], true),
        ("hex:3001/F001", &[0x3F, 0x02], false),
        ("hex:3001/F001", &[0x3F], false),
    ] {
        let pattern: Pattern = pattern.parse().unwrap();
        assert_eq!(
            pattern.matches(memory, memory.len() * 8),
            expected,
            "{pattern} {memory:02X?}"
        );
    }
}

#[test]
fn what_is_no_pattern_says_why() {
    for (text, reason) in [
        ("", "starts with"),
        ("urn:epc:tag:sgtin-96:3.0614141.812345.1", "starts with"),
        ("urn:epc:pat:sgtin-96", "starts with"),
        ("urn:epc:pat:sgtin:*.*.*.*", "unknown scheme \"sgtin\""),
        ("urn:epc:pat:sgtin+:*.*.*.*", "unknown scheme \"sgtin+\""),
        (
            "urn:epc:idpat:sgtin-96:*.*.*",
            "unknown scheme \"sgtin-96\"",
        ),
        (
            "urn:epc:pat:sgtin-96:*.*.*",
            "has 4 fields between dots, found 3",
        ),
        ("urn:epc:idpat:sscc:*", "has 2 fields between dots, found 1"),
        (
            "urn:epc:pat:sgtin-96:8.*.*.*",
            "the filter value must be 0 to 7",
        ),
        ("urn:epc:pat:sgtin-96:*.40123.*.*", "the prefix 6 to 12"),
        ("urn:epc:pat:sgtin-96:*.4012345.01234.*", "13 together"),
        ("urn:epc:pat:sgtin-96:*.40123x5.*.*", "must be digits"),
        ("urn:epc:pat:sgtin-96:*.*.*.274877906944", "does not fit"),
        ("urn:epc:pat:sgtin-96:*.*.*.01", "does not fit"),
        ("urn:epc:pat:sgtin-96:*.*.*.", "does not fit"),
        ("urn:epc:pat:sgtin-96:*.*.*.[5-4]", "not a range"),
        ("urn:epc:pat:sgtin-96:*.*.*.[5]", "not a range"),
        ("urn:epc:pat:sgtin-96:*.*.*.[5-", "not a range"),
        ("urn:epc:pat:sgtin-198:*.*.*.[1-2]", "not a range"),
        ("urn:epc:pat:sgcn-96:*.*.*.[1-20]", "not a range"),
        ("urn:epc:pat:adi-var:*.*.[1-2].*", "not a range"),
        ("urn:epc:pat:adi-var:*.ABI23.*.*", "character 49h"),
        ("urn:epc:pat:itip-110:*.*.*.1.*.*", "does not fit"),
        ("hex:", "hexadecimal"),
        ("hex:*", "hexadecimal"),
        ("hex:3g", "hexadecimal"),
        ("hex:30/F", "hexadecimal"),
        ("hex:30*/F0", "hexadecimal"),
    ] {
        let error = text.parse::<Pattern>().unwrap_err();
        let words = match &error {
            PatternError::Field(field) => field.to_string(),
            other => other.to_string(),
        };
        assert!(words.contains(reason), "{text}: {words}");
    }
    let long = format!("hex:{}", "0".repeat(125));
    assert_eq!(long.parse::<Pattern>(), Err(PatternError::Hex));
    assert_eq!(Pattern::field_count(Scheme::Itip110), Some(6));
    assert_eq!(Pattern::field_count(Scheme::SgtinPlus), None);
}

#[test]
fn masks_of_the_select_command() {
    let select = |text: &str| text.parse::<Pattern>().unwrap().select();
    let mask = |bit_pointer, mask: &[u8], bit_len| SelectMask {
        bit_pointer,
        mask: mask.to_vec(),
        bit_len,
    };
    // Header; partition 5 and the 24 bits of 0614141: 101 and 0000 1001 0101 1110 1111 1101.
    assert_eq!(
        select("urn:epc:pat:sgtin-96:*.0614141.*.*"),
        Select {
            masks: vec![
                mask(0x20, &[0x30], 8),
                mask(0x2B, &[0xA1, 0x2B, 0xDF, 0xA0], 27)
            ],
            exact: true,
        }
    );
    // The range 8 to 15 is one mask, 8 to 14 is not.
    for (range, exact) in [("[8-15]", true), ("[8-14]", false)] {
        let select = select(&format!("urn:epc:pat:gid-96:*.*.{range}"));
        assert_eq!(select.exact, exact);
        assert_eq!(
            select.masks.last(),
            Some(&mask(0x20 + 60, &[0, 0, 0, 0, 0x80], 33))
        );
    }
    assert_eq!(select("hex:E28*").masks, [mask(0x20, &[0xE2, 0x80], 12)]);
    assert_eq!(
        select("hex:30/FF"),
        Select {
            masks: vec![mask(0x20, &[0x30], 8)],
            exact: true
        }
    );
    assert!(!select("hex:30").exact, "a mask cannot ask for the length");
    // SGTIN-96 is 30h, SGTIN-198 is 36h: what both share.
    let both = select("urn:epc:idpat:sgtin:*.*.*");
    assert!(!both.exact);
    assert_eq!(both.masks[0], mask(0x20, &[0x30], 5));
    assert!(!select("urn:epc:pat:adi-var:*.*.*.1").exact);
}

proptest! {
    /// A pattern made of a tag's own fields, some of them any, matches the tag; with another value
    /// it does not.
    #[test]
    fn a_tag_matches_its_own_fields(
        uri in testing::tag_uri(),
        any in prop::collection::vec(any::<bool>(), 6),
    ) {
        let binary = encode_tag_uri(&uri).unwrap();
        let (name, fields) = uri.strip_prefix("urn:epc:tag:").unwrap().split_once(':').unwrap();
        let scheme = Scheme::of_name(name).unwrap();
        let count = Pattern::field_count(scheme).unwrap();
        let fields: Vec<&str> = fields.splitn(count, '.').collect();
        let own: Vec<&str> = fields.iter().zip(&any).map(|(field, any)| if *any { "*" } else { field }).collect();
        let pattern: Pattern = format!("urn:epc:pat:{name}:{}", own.join(".")).parse().unwrap();
        prop_assert!(pattern.matches(&binary.bytes, binary.bit_len), "{}", pattern);
        prop_assert!(pattern.matches(&binary.bytes, binary.bytes.len() * 8));
        let select = pattern.select();
        for mask in &select.masks {
            for bit in 0..mask.bit_len {
                let at = mask.bit_pointer - 0x20 + bit;
                let ours = mask.mask[bit / 8] >> (7 - bit % 8) & 1;
                prop_assert_eq!(ours, binary.bytes[at / 8] >> (7 - at % 8) & 1);
            }
        }
        if let Some(pure) = scheme.pure_name() {
            let skip = usize::from(scheme.filter_max().is_some());
            let pattern: Pattern = format!("urn:epc:idpat:{pure}:{}", own[skip..].join(".")).parse().unwrap();
            prop_assert!(pattern.matches(&binary.bytes, binary.bit_len));
        }
    }

    /// Another tag matches only if the fields that the pattern names are the same.
    #[test]
    fn another_tag_does_not_match(one in testing::tag_uri(), other in testing::tag_uri()) {
        let binary = encode_tag_uri(&other).unwrap();
        let pattern: Pattern = one.replace(":tag:", ":pat:").parse().unwrap();
        // A field may be the letter X or an asterisk, which stand for any.
        prop_assume!(!one.split('.').any(|field| matches!(field, "X" | "*")));
        prop_assert_eq!(pattern.matches(&binary.bytes, binary.bit_len), one == other);
    }

    #[test]
    fn no_text_panics(text in "(urn:epc:(pat|idpat):[a-z]{3,5}(-96|-var|-198)?:|hex:)[\\[\\]0-9.*%a/-]{0,40}") {
        if let Ok(pattern) = text.parse::<Pattern>() {
            let _ = pattern.select();
            let _ = pattern.matches(&[0x30; 26], 208);
            let _ = pattern.matches(&[0x3B; 3], 24);
        }
    }
}
