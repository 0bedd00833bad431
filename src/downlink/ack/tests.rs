use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    patience: Duration::from_secs(30),
    ahead: 100,
};

fn word(seq: i64) -> Vec<u8> {
    format!(r#"{{"epoch":"e","seq":{seq}}}"#).into_bytes()
}

fn send(acks: &mut StoreAcks, rows: std::ops::RangeInclusive<i64>, now: Instant) {
    for seq in rows {
        acks.sending(seq, now);
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_stores_word_moves_the_mark() {
    let (mut acks, now) = (StoreAcks::new(LIMITS, 0, 0), Instant::now());
    assert_eq!(acks.previous(), 0);
    send(&mut acks, 1..=10, now);
    acks.taken(10);
    assert_eq!(
        (acks.mark(), acks.unconfirmed(), acks.previous()),
        (0, 10, 10)
    );
    assert_eq!(acks.hear(&word(4), "e", now), Ok(true));
    assert_eq!(acks.hear(&word(4), "e", now), Ok(false));
    assert_eq!((acks.mark(), acks.unconfirmed()), (4, 6));
    assert_eq!(acks.hear(&word(10), "e", now), Ok(true));
    assert_eq!((acks.unconfirmed(), acks.previous()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_word_that_cannot_be_true_is_refused_and_changes_nothing() {
    let (mut acks, now) = (StoreAcks::new(LIMITS, 0, 3), Instant::now());
    send(&mut acks, 1..=10, now);
    acks.hear(&word(5), "e", now).unwrap();
    let cases: [(&[u8], &str); 8] = [
        (
            br#"{"epoch":"e","seq":11}"#,
            "the newest that can have been sent is 10",
        ),
        (br#"{"epoch":"e","seq":4}"#, "gone back from event 5 to 4"),
        (br#"{"epoch":"e","seq":-1}"#, "gone back"),
        (
            br#"{"epoch":"f","seq":6}"#,
            "names epoch f, this buffer is e",
        ),
        (br#"{"epoch":"e"}"#, "missing field `seq`"),
        (br#"{"epoch":"e","seq":1e30}"#, "is not {"),
        (b"", "is not {"),
        (&[0xff; 5000], "5000 bytes"),
    ];
    for (payload, text) in cases {
        let refusal = acks.hear(payload, "e", now).unwrap_err().to_string();
        assert!(refusal.contains(text), "{refusal}");
        assert_eq!((acks.mark(), acks.unconfirmed()), (5, 5));
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_life_sent_may_be_confirmed() {
    let (mut acks, now) = (StoreAcks::new(LIMITS, 0, 500), Instant::now());
    acks.sending(480, now);
    assert_eq!(
        acks.unconfirmed(),
        1,
        "what is before the first row does not count"
    );
    assert_eq!(acks.hear(&word(500), "e", now), Ok(true));
    assert!(acks.hear(&word(501), "e", now).is_err());
}

#[tokio::test(start_paused = true)]
async fn sending_stops_at_the_bound() {
    let (mut acks, now) = (StoreAcks::new(LIMITS, 0, 0), Instant::now());
    send(&mut acks, 1..=100, now);
    assert_eq!(acks.room(), 0);
    acks.hear(&word(40), "e", now).unwrap();
    assert_eq!(acks.room(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_silent_store_gets_a_few_again_and_more_rarely() {
    let (mut acks, mut now) = (StoreAcks::new(LIMITS, 0, 0), Instant::now());
    send(&mut acks, 1..=100, now);
    acks.taken(100);
    let mut waits = Vec::new();
    for _ in 0..8 {
        let since = now;
        while !acks.is_overdue(now) {
            now += Duration::from_secs(1);
        }
        waits.push((now - since).as_secs());
        assert_eq!((acks.room(), acks.restart()), (0, 0));
        assert_eq!((acks.room(), acks.previous()), (64, 0));
        assert!(acks.sending(1, now), "it has been sent before");
        assert_eq!(acks.previous(), 1);
    }
    assert_eq!(waits, [30, 60, 120, 240, 480, 960, 960, 960]);
    // The broker had kept the first copies after all.
    assert_eq!(acks.hear(&word(90), "e", now), Ok(true));
    assert_eq!((acks.room(), acks.previous(), acks.mark()), (100, 0, 90));
    assert!(
        !acks.is_overdue(now + Duration::from_secs(3600)),
        "nothing is owed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_that_goes_on_is_waited_for() {
    let (mut acks, mut now) = (StoreAcks::new(LIMITS, 0, 0), Instant::now());
    send(&mut acks, 1..=100, now);
    for seq in 1..=100 {
        now += Duration::from_secs(29);
        assert!(!acks.is_overdue(now));
        acks.hear(&word(seq), "e", now).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_goes_on_behind_what_the_broker_took() {
    let (mut acks, mut now) = (StoreAcks::new(LIMITS, 0, 0), Instant::now());
    send(&mut acks, 1..=20, now);
    acks.taken(12);
    acks.hear(&word(5), "e", now).unwrap();
    now += Duration::from_secs(300);
    assert_eq!(acks.connected(now), 12);
    assert_eq!((acks.previous(), acks.unconfirmed()), (12, 7));
    assert!(!acks.is_overdue(now + Duration::from_secs(29)));
    assert!(acks.is_overdue(now + Duration::from_secs(30)));
    assert_eq!(acks.connected(now), 5, "overdue: behind the store's mark");
    assert_eq!(acks.previous(), 0);
}

#[tokio::test(start_paused = true)]
async fn under_another_name_everything_unconfirmed_is_sent_again_at_once() {
    let (mut acks, now) = (StoreAcks::new(LIMITS, 0, 0), Instant::now());
    send(&mut acks, 1..=20, now);
    acks.taken(20);
    acks.hear(&word(5), "e", now).unwrap();
    acks.renamed();
    assert_eq!((acks.room(), acks.is_overdue(now)), (0, true));
    assert_eq!((acks.restart(), acks.previous()), (5, 0));
}

/// A store that follows `previous`, as documented.
#[derive(Default)]
struct Store {
    has: std::collections::BTreeSet<i64>,
    mark: i64,
}

impl Store {
    fn take(&mut self, previous: i64, seq: i64) {
        self.has.insert(seq);
        if previous <= self.mark {
            self.mark = self.mark.max(seq);
        }
    }
}

proptest! {
    /// Rows with gaps between them, a broker that forgets what it took, connections that break: whatever the store confirms,
    /// it has; and with a broker that has stopped forgetting it gets everything.
    #[test]
    fn what_is_confirmed_the_store_has(
        gaps in proptest::collection::vec(1..4i64, 1..60),
        faults in proptest::collection::vec((0..5u8, 0..20usize), 0..80),
    ) {
        let rows: Vec<i64> = gaps.iter().scan(0, |seq, gap| { *seq += gap; Some(*seq) }).collect();
        let last = *rows.last().unwrap();
        let limits = Limits { patience: Duration::from_secs(1), ahead: 25 };
        let mut acks = StoreAcks::new(limits, 0, 0);
        let (mut store, mut now, mut cursor) = (Store::default(), Instant::now(), 0);
        let mut queue: Vec<(i64, i64)> = Vec::new();
        let mut step = |acks: &mut StoreAcks, store: &mut Store, cursor: &mut i64, kind: u8, count: usize, now: &mut Instant| {
            *now += Duration::from_millis(100);
            if acks.is_overdue(*now) {
                *cursor = acks.restart();
            }
            match kind {
                0 => {
                    for _ in 0..count {
                        *cursor = (*cursor).max(acks.mark());
                        let next = rows.iter().copied().find(|row| row > cursor);
                        let Some(row) = next.filter(|_| acks.room() > 0) else { break };
                        queue.push((acks.previous(), row));
                        acks.sending(row, *now);
                        acks.taken(row);
                        *cursor = row;
                    }
                }
                1 => for (previous, seq) in queue.drain(..count.min(queue.len())) { store.take(previous, seq) },
                2 => { let _ = acks.hear(&word(store.mark), "e", *now); }
                // The broker forgets what it had acknowledged.
                3 => { queue.truncate(queue.len().saturating_sub(count)); }
                _ => *cursor = acks.connected(*now),
            }
        };
        let confirmed = |acks: &StoreAcks, store: &Store| rows.iter().take_while(|row| **row <= acks.mark()).all(|row| store.has.contains(row));
        for (kind, count) in faults {
            step(&mut acks, &mut store, &mut cursor, kind, count, &mut now);
            prop_assert!(confirmed(&acks, &store));
        }
        for _ in 0..2000 {
            for (kind, count) in [(0, 20), (1, 20), (2, 0)] {
                step(&mut acks, &mut store, &mut cursor, kind, count, &mut now);
            }
        }
        prop_assert!(confirmed(&acks, &store));
        prop_assert_eq!(acks.mark(), last);
    }
}
