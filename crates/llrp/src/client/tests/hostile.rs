//! A reader that sends anything at any time, and a caller that asks for anything at any time.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::pair::Pair;
use crate::client::*;
use crate::codec::sample::Sampler;
use crate::codec::{Frame, Message};
use crate::reader::{ReaderConfig, ReaderFaults};

#[derive(Debug, Clone)]
enum Op {
    /// The simulated reader answers, for some turns.
    Honest(u8),
    /// Its answers, with one byte changed.
    Damaged(prop::sample::Index, u8),
    /// Any message, well-formed, perhaps as an answer to something.
    Sampled(Vec<u8>, u32),
    Noise(Vec<u8>),
    Pass(u32),
    Output(u16, bool),
    Fetch,
    Close,
    End,
    Take(u8),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (1u8..20).prop_map(Op::Honest),
        2 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Op::Damaged(at, byte)),
        4 => (vec(any::<u8>(), 2..80), 0u32..20).prop_map(|(seed, id)| Op::Sampled(seed, id)),
        1 => vec(any::<u8>(), 0..40).prop_map(Op::Noise),
        3 => (0u32..20_000).prop_map(Op::Pass),
        2 => (0u16..6, any::<bool>()).prop_map(|(port, high)| Op::Output(port, high)),
        1 => Just(Op::Fetch),
        1 => Just(Op::Close),
        1 => Just(Op::End),
        2 => any::<u8>().prop_map(Op::Take),
    ]
}

/// Every feature that adds requests.
fn busy() -> ClientConfig {
    let mut config = ClientConfig {
        trigger: Some(GpiTrigger {
            port: 1,
            high: true,
            timeout: None,
        }),
        access_reads: vec![AccessRead {
            id: 1,
            tags: None,
            bank: MemoryBank::User,
            word_pointer: 0,
            word_count: 1,
            access_password: 0,
        }],
        search_mode: Some(SearchMode::TagFocus),
        max_version: 3,
        ..ClientConfig::default()
    };
    config.report.phase = true;
    config
}

struct Bench {
    pair: Pair,
    closed: usize,
}

impl Bench {
    fn apply(&mut self, op: Op) {
        let pair = &mut self.pair;
        match op {
            Op::Honest(turns) => (0..turns).for_each(|_| {
                let request = pair.take_sent();
                // It may have closed the connection: nobody reads it then.
                let _ = pair.reader.handle_bytes(pair.utc_us(), &request);
                let answer: Vec<u8> = std::iter::from_fn(|| pair.reader.poll_transmit())
                    .flatten()
                    .collect();
                pair.deliver(&answer);
            }),
            Op::Damaged(at, byte) => {
                let request = pair.take_sent();
                let _ = pair.reader.handle_bytes(pair.utc_us(), &request);
                let mut answer: Vec<u8> = std::iter::from_fn(|| pair.reader.poll_transmit())
                    .flatten()
                    .collect();
                if !answer.is_empty() {
                    let at = at.index(answer.len());
                    answer[at] = byte;
                }
                pair.deliver(&answer);
            }
            Op::Sampled(seed, message_id) => {
                let message = Message::sample_any(&mut Sampler::new(&seed));
                let version = 1;
                if let Ok(bytes) = (Frame {
                    version,
                    message_id,
                    message,
                })
                .encode()
                {
                    pair.deliver(&bytes);
                }
            }
            Op::Noise(bytes) => pair.deliver(&bytes),
            Op::Pass(ms) => pair.now += Duration::from_millis(u64::from(ms)),
            Op::Output(port, high) => pair.client.set_gpo(pair.now, port, high),
            Op::Fetch => pair.client.fetch_reports(pair.now),
            Op::Close => pair.client.close(pair.now),
            Op::End => pair.client.handle_end(pair.now),
            Op::Take(count) => self.take(usize::from(count)),
        }
    }

    fn take(&mut self, count: usize) {
        for event in std::iter::from_fn(|| self.pair.client.poll_event()).take(count) {
            assert_eq!(self.closed, 0, "{event:?} after the end");
            self.closed += usize::from(matches!(event, ClientEvent::Closed { .. }));
        }
    }

    /// What is due is done once: no time-out may stay due.
    fn settle(&mut self) {
        let now = self.pair.now;
        self.pair.client.handle_timeout(now);
        let next = self.pair.client.poll_timeout();
        assert!(
            next.is_none_or(|next| next > now),
            "due at {next:?}, now {now:?}"
        );
        assert!(next.is_some() != self.pair.client.is_closed());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_makes_the_client_panic_or_hang(ops in vec(op(), 1..40), impinj: bool, version in 1u8..4) {
        let reader = if impinj { ReaderConfig::impinj() } else { ReaderConfig { max_version: version, ..ReaderConfig::default() } };
        let mut bench = Bench { pair: Pair::new(busy(), reader), closed: 0 };
        for op in ops {
            bench.apply(op);
            bench.settle();
        }
        let steps = std::iter::from_fn(|| {
            bench.pair.now = bench.pair.client.poll_timeout()?;
            bench.settle();
            Some(())
        });
        // A reader that has fallen silent is given up, whatever was asked of it.
        prop_assert!(steps.take(100).count() < 100);
        bench.pair.take_sent();
        bench.take(usize::MAX);
        prop_assert_eq!(bench.closed, 1);
    }
}

#[test]
fn parameters_nobody_knows_are_counted_and_cost_nothing() {
    let mut pair = Pair::new(ClientConfig::default(), ReaderConfig::default());
    pair.reader.set_faults(ReaderFaults {
        unknown_parameters: true,
        ..ReaderFaults::default()
    });
    pair.drive();
    assert!(pair.client.is_ready(), "{:?}", pair.events);
    pair.see(1, 1);
    pair.drive();
    assert_eq!(pair.reads().len(), 1);
    let counters = pair.client.counters();
    assert!(counters.odd.unknown_params > 0, "{counters:?}");
    assert_eq!(
        (
            counters.reports.skipped_params,
            counters.reports.partial_tags
        ),
        (1, 1)
    );
    assert_eq!(counters.malformed_messages, 0);
}
