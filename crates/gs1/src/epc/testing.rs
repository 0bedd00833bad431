//! Random EPCs of every TDS 1.x scheme, for property tests.

use proptest::prelude::*;

use crate::charset::push_urn;

fn escaped(text: &str) -> String {
    let mut out = String::new();
    push_urn(&mut out, text.as_bytes());
    out
}

/// Company prefix of 6 to 12 digits and the rest of `digits` digits.
fn key(digits: usize) -> impl Strategy<Value = String> {
    (6..=12_usize, "[0-9]{17}")
        .prop_map(move |(prefix, all)| format!("{}.{}", &all[..prefix], &all[prefix..digits]))
}

/// A company prefix, and what may follow it at most.
fn prefix() -> impl Strategy<Value = String> {
    (6..=12_usize, "[0-9]{12}").prop_map(|(length, all)| all[..length].to_owned())
}

/// Set 82, from one to `max` characters, escaped. No field starts with `[`.
fn text(max: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(r#"[!"%-?A-Z_a-z]"#, 1..=max).prop_map(|all| escaped(&all.concat()))
}

/// 6-bit characters without `#`.
fn six_bit(min: usize, max: usize) -> impl Strategy<Value = String> {
    prop::collection::vec("[0-9A-Z/-]", min..=max).prop_map(|all| escaped(&all.concat()))
}

/// A number of up to `bits` bits, the limits more often than chance has it.
fn number(bits: u32) -> impl Strategy<Value = u64> {
    let max = (1_u64 << bits) - 1;
    prop_oneof![1 => Just(0), 1 => Just(max), 8 => 0..=max]
}

/// An SGTIN of either scheme, as its tag URI.
pub(crate) fn sgtin_uri() -> impl Strategy<Value = String> {
    (0..8_u8, key(13), number(38), text(20)).prop_flat_map(|(filter, key, number, text)| {
        prop::sample::select(vec![
            format!("urn:epc:tag:sgtin-96:{filter}.{key}.{number}"),
            format!("urn:epc:tag:sgtin-198:{filter}.{key}.{text}"),
        ])
    })
}

/// Any EPC of a TDS 1.x scheme, as its tag URI.
pub(crate) fn tag_uri() -> impl Strategy<Value = String> {
    let filter = || 0..8_u8;
    let cage = || "[0-9A-HJ-NP-Z]{5,6}";
    let pieces = || {
        (1..=99_u8, 1..=99_u8)
            .prop_map(|(one, other)| format!("{:02}.{:02}", one.min(other), one.max(other)))
    };
    let number_serials = prop_oneof![
        (Just("sgtin-96"), filter(), key(13), number(38)),
        (Just("sgln-96"), filter(), key(12), number(41)),
        (Just("grai-96"), filter(), key(12), number(38)),
        (Just("gdti-96"), filter(), key(12), number(41)),
    ]
    .prop_map(|(name, filter, key, serial)| format!("urn:epc:tag:{name}:{filter}.{key}.{serial}"));
    let text_serials = prop_oneof![
        (Just("sgtin-198"), filter(), key(13), text(20).boxed()),
        (Just("sgln-195"), filter(), key(12), text(20).boxed()),
        (Just("grai-170"), filter(), key(12), text(16).boxed()),
        (Just("gdti-174"), filter(), key(12), text(17).boxed()),
        (Just("gdti-113"), filter(), key(12), "[0-9]{1,17}".boxed()),
        (Just("sgcn-96"), filter(), key(12), "[0-9]{1,12}".boxed()),
    ]
    .prop_map(|(name, filter, key, serial)| format!("urn:epc:tag:{name}:{filter}.{key}.{serial}"));
    let keys_only = (
        prop::sample::select(vec!["sscc-96", "gsrn-96", "gsrnp-96"]),
        filter(),
        key(17),
    )
        .prop_map(|(name, filter, key)| format!("urn:epc:tag:{name}:{filter}.{key}"));
    let open = (filter(), prefix(), number(42), text(18), number(31)).prop_flat_map(
        |(filter, prefix, number, text, serial)| {
            // A part reference has as many digits as the prefix leaves of fifteen.
            let part = number % 10_u64.pow(15 - u32::try_from(prefix.len()).unwrap());
            prop::sample::select(vec![
                format!("urn:epc:tag:giai-96:{filter}.{prefix}.{number}"),
                format!("urn:epc:tag:giai-202:{filter}.{prefix}.{text}"),
                format!("urn:epc:tag:cpi-96:{filter}.{prefix}.{part}.{serial}"),
            ])
        },
    );
    let part = (
        filter(),
        prefix(),
        six_bit(1, 18),
        prop_oneof![Just(999_999_999_999), Just(0), 0..1_000_000_000_000_u64],
    )
        .prop_map(|(filter, prefix, part, serial)| {
            format!("urn:epc:tag:cpi-var:{filter}.{prefix}.{part}.{serial}")
        });
    let itip = (filter(), key(13), pieces(), number(38), text(20)).prop_flat_map(
        |(filter, key, pieces, number, text)| {
            prop::sample::select(vec![
                format!("urn:epc:tag:itip-110:{filter}.{key}.{pieces}.{number}"),
                format!("urn:epc:tag:itip-212:{filter}.{key}.{pieces}.{text}"),
            ])
        },
    );
    let gid = (number(28), number(24), number(36)).prop_map(|(manager, class, serial)| {
        format!("urn:epc:tag:gid-96:{manager}.{class}.{serial}")
    });
    let usdod = (0..16_u8, cage(), number(36)).prop_map(|(filter, cage, serial)| {
        format!("urn:epc:tag:usdod-96:{filter}.{cage}.{serial}")
    });
    let adi = (
        0..64_u8,
        cage(),
        six_bit(0, 32),
        any::<bool>(),
        six_bit(1, 29),
    )
        .prop_map(|(filter, cage, part, hash, serial)| {
            let hash = if hash { "%23" } else { "" };
            format!("urn:epc:tag:adi-var:{filter}.{cage}.{part}.{hash}{serial}")
        });
    prop_oneof![
        number_serials,
        text_serials,
        keys_only,
        open,
        part,
        itip,
        gid,
        usdod,
        adi
    ]
}
