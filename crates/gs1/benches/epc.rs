//! Speed of tags: from the hexadecimal digits of a reader to an EPC, to application identifiers and
//! a Digital Link, and through the patterns of a filter.
//!
//! What must hold, on one thread: SGTIN-96 to a checked EPC 10 million a second; from its digits to
//! application identifiers and Digital Link 2.5 million a second. What is refused must not be
//! slower than what is taken.
//!
//! `cargo bench -p tracegate-gs1 --bench epc` prints tags a second.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tracegate_gs1::epc::{Pattern, decode};

/// SGTIN-96 of several prefix lengths, as a reader reports them.
const SGTIN_96: [&str; 4] = [
    "3074257BF7194E4000001A85",
    "3066C4409047E140075BCD15",
    "3014F80F1CEFB33FFFFFFFFF",
    "30DA80F04884BDE12EAE05CF",
];
/// One of each other kind: text, key only, SGLN, GRAI, GIAI, '+' with AIDC data.
const OTHERS: [&str; 6] = [
    "3674257BF6B7A659B2C2BF100000000000000000000000000000",
    "3174257BF4499602D2000000",
    "3274257BF46072000000162E",
    "3374257BF40C0E400000162E",
    "3474257BF40000000000162E",
    "F7C8000165255876191F3894EC66B134BBF8DDEFD161949A6210D8A6715FE22211690000",
];
/// Foreign tags, an empty one, and SGTINs that fail a check.
const REFUSED: [&str; 4] = [
    "E2801160600002084D3C1A2B",
    "000000000000000000000000",
    "30BC2DF454216F3FDF1582B0",
    "3003A352944000371600A35A",
];

/// The bytes of hexadecimal digits, and their number.
fn bytes(hex: &str) -> ([u8; 64], usize) {
    let mut bytes = [0; 64];
    let mut length = 0;
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => digit - b'0',
            _ => digit - b'A' + 10,
        };
        *byte = digit(pair[0]) << 4 | digit(pair[1]);
        length += 1;
    }
    (bytes, length)
}

fn tags(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("epc");
    let sgtins = SGTIN_96.map(bytes);
    group.throughput(Throughput::Elements(4));
    group.bench_function("SGTIN-96 to a checked EPC", |bencher| {
        bencher.iter(|| {
            for (bytes, length) in &sgtins {
                black_box(decode(black_box(&bytes[..*length]), length * 8).expect("an EPC"));
            }
        });
    });
    group.bench_function("SGTIN-96 digits to AIs and Digital Link", |bencher| {
        bencher.iter(|| {
            for hex in &SGTIN_96 {
                let (bytes, length) = bytes(black_box(hex));
                let epc = decode(&bytes[..length], length * 8).expect("an EPC");
                black_box((epc.elements(), epc.digital_link()));
            }
        });
    });
    let refused = REFUSED.map(bytes);
    group.bench_function("refused", |bencher| {
        bencher.iter(|| {
            for (bytes, length) in &refused {
                black_box(decode(black_box(&bytes[..*length]), length * 8).expect_err("no EPC"));
            }
        });
    });
    let patterns: [Pattern; 4] = [
        "urn:epc:pat:sgtin-96:*.4099999.*.*",
        "urn:epc:pat:sgtin-96:*.0614141.*.[1-9999]",
        "urn:epc:idpat:sgtin:*.*.*",
        "hex:34*",
    ]
    .map(|text| text.parse().expect("a pattern"));
    group.bench_function("SGTIN-96 through four patterns", |bencher| {
        bencher.iter(|| {
            for (bytes, length) in &sgtins {
                for pattern in &patterns {
                    black_box(pattern.matches(black_box(&bytes[..*length]), length * 8));
                }
            }
        });
    });
    group.throughput(Throughput::Elements(6));
    group.bench_function("other digits to AIs and Digital Link", |bencher| {
        bencher.iter(|| {
            for hex in &OTHERS {
                let (bytes, length) = bytes(black_box(hex));
                let epc = decode(&bytes[..length], length * 8).expect("an EPC");
                black_box((epc.elements(), epc.digital_link()));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, tags);
criterion_main!(benches);
