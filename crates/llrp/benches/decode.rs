//! Decode speed of tag reports: from the byte stream through the frame splitter and the fast path to `TagRead`.
//!
//! What must hold: at least 12 million tag reports a second on one thread, with 20 tags in a message (EPC-96,
//! AntennaID, PeakRSSI, FirstSeenTimestampUTC, TagSeenCount). The limit to compare with is a loop that does
//! nothing but copy the same bytes, message by message.
//!
//! `cargo bench -p tracegate-llrp` prints both in elements (tags) a second; their ratio is the price of decoding.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tracegate_llrp::codec::param::{
    AntennaID, EPC96, FirstSeenTimestampUTC, PeakRSSI, TagReportData, TagSeenCount,
};
use tracegate_llrp::codec::{Frame, Params, message};
use tracegate_llrp::frame::FrameSplitter;
use tracegate_llrp::report::{ReportCounters, TagRead, read_tags};

/// Tags in one run, whatever the size of the messages.
const TAGS: usize = 200_000;
/// Bytes a socket hands over at a time.
const SEGMENT: usize = 64 * 1024;

/// A stream of `messages` messages of `tags` tags each.
fn stream(messages: usize, tags: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message_id in 0..messages {
        let report = |tag: usize| {
            let number = (message_id * tags + tag) as u64;
            let mut epc = [0x30; 12];
            if let Some(serial) = epc.last_chunk_mut() {
                *serial = number.to_be_bytes();
            }
            let params = Params::default()
                .with(EPC96 { epc })
                .with(AntennaID {
                    antenna_id: 1 + (tag % 4) as u16,
                })
                .with(PeakRSSI { peak_rssi: -61 })
                .with(FirstSeenTimestampUTC {
                    microseconds: 1_795_305_600_000_000 + number,
                })
                .with(TagSeenCount { tag_count: 1 });
            TagReportData { params }
        };
        let frame = Frame {
            version: 1,
            message_id: message_id as u32,
            message: message::ROAccessReport {
                params: (0..tags).map(report).collect(),
            }
            .into(),
        };
        bytes.extend(frame.encode().expect("a report fits"));
    }
    bytes
}

/// Decodes the stream as a client does, and hands each message's tags to `take`.
fn decode(stream: &[u8], mut take: impl FnMut(&mut Vec<TagRead>)) -> ReportCounters {
    let mut splitter = FrameSplitter::default();
    let mut counters = ReportCounters::default();
    let mut tags = Vec::new();
    for mut segment in stream.chunks(SEGMENT) {
        while let Ok(Some(frame)) = splitter.next_frame(&mut segment) {
            read_tags(frame.body, &mut tags, &mut counters);
            take(&mut tags);
        }
    }
    counters
}

/// Copies the stream in pieces of `size` bytes.
fn copy(stream: &[u8], size: usize) {
    let mut copy = Vec::with_capacity(size);
    for message in stream.chunks(size) {
        copy.clear();
        copy.extend_from_slice(message);
        black_box(&copy);
    }
}

fn benches(c: &mut Criterion) {
    for tags in [20, 1, 50, 500] {
        let messages = TAGS / tags;
        let stream = stream(messages, tags);
        let counters = decode(&stream, |tags| tags.clear());
        assert_eq!(counters.tags, TAGS as u64, "the bench decodes every tag");
        let mut group = c.benchmark_group(format!("reports of {tags} tags"));
        group.throughput(Throughput::Elements(TAGS as u64));
        group.bench_function("decode", |b| {
            b.iter(|| {
                decode(&stream, |tags| {
                    black_box(&*tags);
                    tags.clear();
                })
            });
        });
        group.bench_function("decode, each message into a list of its own", |b| {
            b.iter(|| {
                decode(&stream, |tags| {
                    black_box(std::mem::take(tags));
                })
            });
        });
        let size = stream.len() / messages;
        group.bench_function("only copy the bytes", |b| b.iter(|| copy(&stream, size)));
        group.finish();
    }
}

criterion_group!(decoding, benches);
criterion_main!(decoding);
