//! What refused tags and scans cost: no heap at all, so that a portal full of foreign tags and a line full of
//! foreign labels cost little.
//!
//! One test only, because the heap is measured for the whole process.

mod hex;

use hex::bytes;
use peak_alloc::PeakAlloc;
use tracegate_gs1::epc::{Pattern, Scheme, decode};
use tracegate_gs1::{ScanOptions, parse_element_string, parse_scan};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const TAGS: &str = include_str!("fixtures/tags.tsv");
const SCANS: &str = include_str!("fixtures/scans.tsv");

/// Heap that `work` needed at its peak, beyond what was there before.
fn peak(work: impl FnOnce()) -> usize {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    work();
    HEAP.peak_usage() - before
}

#[test]
fn refusing_and_matching_allocates_nothing() {
    let mut refused: Vec<Vec<u8>> = TAGS
        .lines()
        .filter(|line| line.contains("\t!\t"))
        .map(|line| bytes(line.split('\t').next().expect("digits")))
        .collect();
    // Every header with ones, which fit no field, and with nothing behind it.
    for header in 0..=255 {
        refused.push(vec![header; 1]);
        refused.push([&[header][..], &[0xFF; 40]].concat());
    }
    let pattern: Pattern = "urn:epc:idpat:sgtin:*.*.[1-9]".parse().expect("a pattern");
    let mut count = 0;
    let used = peak(|| {
        for memory in &refused {
            count += usize::from(decode(memory, memory.len() * 8).is_err());
            assert!(!pattern.matches(memory, memory.len() * 8));
        }
    });
    // GID takes any bits.
    assert_eq!((used, count), (0, refused.len() - 1));
    let taken = peak(|| {
        let sgtin = bytes("3074257BF7194E4000001A85");
        let epc = decode(&sgtin, 96).expect("an EPC");
        assert_eq!(epc.scheme(), Scheme::Sgtin96);
    });
    // The bytes are on the heap, so that the measure does measure.
    assert_eq!(taken, 12, "an EPC of TDS 1.x has its fields in place");
    refusing_scans();
}

/// A part of the one test.
fn refusing_scans() {
    let mut refused: Vec<String> = SCANS
        .lines()
        .filter(|line| line.contains("\t!\t"))
        .filter_map(|line| line.split('\t').next())
        .map(|raw| raw.replace("\\g", "\x1d"))
        .collect();
    refused.extend(
        [
            "]C1010950600013435310LOT-4711\x1d21S",
            "]d20109506000134352172613 01",
            "]Q30109506000134352\x1d10A\x1d10B",
            "]E04012345484923",
            "]C1ABC",
        ]
        .map(str::to_owned),
    );
    assert!(refused.len() > 10, "only {} scans", refused.len());
    let options = ScanOptions::default();
    let used = peak(|| {
        for raw in &refused {
            assert!(parse_scan(raw.as_bytes(), &options).is_err());
            let _ = parse_element_string(raw).is_err();
        }
    });
    assert_eq!(used, 0);
    let taken = peak(|| {
        assert!(parse_element_string("10LOT").is_ok());
    });
    assert!(taken > 0, "the measure does measure");
}
