//! Speed of scans: from an element string to checked application identifiers, and to a Digital Link.
//!
//! What must hold: at least 2 million element strings a second on one thread, on the labels below
//! (GTIN with lot, expiry and serial number; SSCC; a case with weight and count). GS1's own engine in
//! C does 1.9 million on such a machine. Rejects must not be slower than what is taken.
//!
//! `cargo bench -p tracegate-gs1 --bench element` prints element strings a second.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tracegate_gs1::{
    LinkOptions, ScanOptions, link_of, parse_digital_link, parse_element_string, parse_scan,
};

const LABELS: [&str; 4] = [
    "0109506000134352172612311 0L-2026-09\x1d21S0012345",
    "0109506000134352211234567890",
    "00106141412345678908",
    "0209506000134352310300012537000012\x1d10LOT7",
];
const REJECTS: [&str; 4] = [
    "0109506000134353172612311 0L-2026-09\x1d21S0012345",
    "010950600013435217261331",
    "ABC",
    "0109506000134352\x1d0512",
];
const LINK: &str = "https://id.gs1.org/01/09506000134352/10/L-2026-09/21/S0012345?17=261231";

fn labels(texts: [&str; 4]) -> [String; 4] {
    texts.map(|text| text.replace(' ', ""))
}

fn scans(criterion: &mut Criterion) {
    let (labels, rejects) = (labels(LABELS), labels(REJECTS));
    let mut group = criterion.benchmark_group("scan");
    group.throughput(Throughput::Elements(4));
    group.bench_function("element string to AIs", |bencher| {
        bencher.iter(|| {
            for label in &labels {
                black_box(parse_element_string(black_box(label)).expect("a good label"));
            }
        });
    });
    group.bench_function("element string refused", |bencher| {
        bencher.iter(|| {
            for label in &rejects {
                black_box(parse_element_string(black_box(label)).expect_err("a bad label"));
            }
        });
    });
    let options = ScanOptions::default();
    let raw = labels.clone().map(|label| format!("]C1{label}"));
    group.bench_function("scan with warnings", |bencher| {
        bencher.iter(|| {
            for raw in &raw {
                black_box(parse_scan(black_box(raw.as_bytes()), &options).expect("a good scan"));
            }
        });
    });
    group.throughput(Throughput::Elements(1));
    let elements = parse_element_string(&labels[0]).expect("a good label");
    group.bench_function("AIs to Digital Link", |bencher| {
        bencher.iter(|| black_box(link_of(black_box(&elements))));
    });
    group.bench_function("Digital Link to AIs", |bencher| {
        let options = LinkOptions::default();
        bencher.iter(|| black_box(parse_digital_link(black_box(LINK), &options)));
    });
    group.finish();
}

criterion_group!(benches, scans);
criterion_main!(benches);
