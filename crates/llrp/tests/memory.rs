//! What hostile messages cost: never more than a small multiple of their own size.
//!
//! One test only, because the heap is measured for the whole process.

#![expect(clippy::unwrap_used, reason = "tests panic")]

use peak_alloc::PeakAlloc;
use tracegate_llrp::codec::Frame;
use tracegate_llrp::frame::{DEFAULT_MAX_LEN, FrameSplitter, HEADER_LEN, Header, RawFrame};
use tracegate_llrp::report::{ReportCounters, read_tags};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Most bytes of heap per byte of message: the smallest parameter has 2 bytes on the wire and 72 in the tree.
const TREE: usize = 40;
/// The same for tag reports, of which the smallest has 10 bytes; the list doubles as it grows.
const REPORT: usize = 60;

/// Heap that `work` needed at its peak, beyond what was there before.
fn peak(work: impl FnOnce()) -> usize {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    work();
    HEAP.peak_usage() - before
}

fn tlv(number: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 4).unwrap();
    [&number.to_be_bytes(), &length.to_be_bytes(), content].concat()
}

/// As many of `unit` as a quarter of the largest message takes; more only takes longer.
fn filled(start: &[u8], unit: &[u8]) -> Vec<u8> {
    let room = DEFAULT_MAX_LEN as usize / 4 - HEADER_LEN - start.len();
    [start, &unit.repeat(room / unit.len())].concat()
}

/// Parameters of one type within each other, to the largest length.
fn nested(number: u16, fields: &[u8]) -> Vec<u8> {
    let mut param = Vec::new();
    while param.len() + fields.len() + 4 <= usize::from(u16::MAX) {
        param = tlv(number, &[fields, &param].concat());
        if param.len() > 60_000 {
            break;
        }
    }
    param
}

#[test]
fn decoding_takes_a_small_multiple_of_the_message() {
    let full = |unit: &[u8]| unit.repeat(65_000 / unit.len());
    let bodies: Vec<(&str, u16, Vec<u8>)> = vec![
        ("smallest parameters", 61, filled(&[], &[0x86, 1])),
        (
            "smallest parameters, in tag reports",
            61,
            filled(&[], &tlv(240, &full(&[0x86, 1]))),
        ),
        ("empty known parameters", 3, filled(&[0], &tlv(257, &[]))),
        ("empty unknown parameters", 3, filled(&[0], &tlv(900, &[]))),
        ("empty tag reports", 61, filled(&[], &tlv(240, &[]))),
        (
            "tag reports with one result",
            61,
            filled(
                &[],
                &tlv(240, &[&tlv(241, &[0, 0])[..], &tlv(351, &[0; 3])].concat()),
            ),
        ),
        (
            "vendor parameters",
            61,
            filled(&[], &tlv(1023, &[0, 0, 0x65, 0x1a, 0, 0, 0, 57])),
        ),
        (
            "numbers",
            12,
            filled(
                &[],
                &tlv(147, &[&[1, 0, 0x3e, 0x80][..], &[0; 64_000]].concat()),
            ),
        ),
        (
            "lists that promise more than there is",
            12,
            filled(&[], &tlv(147, &[1, 0, 0xff, 0xff])),
        ),
        (
            "errors in errors",
            100,
            filled(
                &[],
                &tlv(
                    287,
                    &[&[0, 100, 0, 0][..], &nested(289, &[0, 1, 0, 100])].concat(),
                ),
            ),
        ),
        ("an unknown type at the start", 61, filled(&[0xff], &[0])),
    ];
    for (name, message_type, body) in &bodies {
        let header = Header {
            version: 1,
            message_type: *message_type,
            message_id: 1,
        };
        let raw = RawFrame { header, body };
        for (way, used) in [
            ("strictly", peak(|| drop(Frame::decode(raw)))),
            ("leniently", peak(|| drop(Frame::decode_lenient(raw)))),
            ("counting", peak(|| drop(Frame::decode_counted(raw)))),
        ] {
            println!(
                "{name}, {way}: {:.1} times the message",
                used as f64 / body.len() as f64
            );
            assert!(
                used <= TREE * body.len(),
                "{name}, {way}: {used} bytes for {}",
                body.len()
            );
        }
        let used = peak(|| {
            let (mut tags, mut counters) = (Vec::new(), ReportCounters::default());
            read_tags(body, &mut tags, &mut counters);
        });
        println!(
            "{name}, as a report: {:.1} times the message",
            used as f64 / body.len() as f64
        );
        assert!(
            used <= REPORT * body.len(),
            "{name}: {used} bytes for {}",
            body.len()
        );
    }
    let smallest = filled(&[], &tlv(240, &tlv(241, &[0, 0])));
    let used = peak(|| read_tags(&smallest, &mut Vec::new(), &mut ReportCounters::default()));
    println!(
        "smallest tags: {:.1} times the message",
        used as f64 / smallest.len() as f64
    );
    assert!(used <= REPORT * smallest.len());

    let promise = Header {
        version: 1,
        message_type: 61,
        message_id: 1,
    }
    .encode(DEFAULT_MAX_LEN);
    let used = peak(|| {
        let mut splitter = FrameSplitter::default();
        assert_eq!(splitter.next_frame(&mut &promise[..]), Ok(None));
    });
    assert!(
        used < 100,
        "{used} bytes for a header that promises a megabyte"
    );
}
