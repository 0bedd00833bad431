use super::*;

fn key(number: u8) -> EpcKey {
    EpcKey {
        epc: vec![number],
        bit_len: 8,
    }
}

#[test]
fn with_too_many_loads_open_the_oldest_is_due_at_once_and_that_is_counted() {
    let (tuning, mut passages) = (Tuning::dock(), Passages::default());
    let mut capped = 0;
    for number in 0..66 {
        let at = Time(i64::from(number) * 1_000_000);
        let flip = Flip {
            direction: Direction::In,
            at,
        };
        capped += u8::from(passages.add(&tuning, Time(66_000_000), &key(number), flip));
    }
    assert_eq!((passages.open.len(), capped), (66, 2));
    assert_eq!(passages.deadline(), Some(Time(66_000_000)));
}

#[test]
fn what_crosses_long_after_most_of_its_load_is_not_waited_for() {
    let (tuning, mut passages) = (Tuning::dock(), Passages::default());
    for (number, at_ms) in [0, 100, 200, 300, 400, 900, 1_400].into_iter().enumerate() {
        let flip = Flip {
            direction: Direction::In,
            at: Time(at_ms * 1_000),
        };
        let key = key(u8::try_from(number).unwrap_or_default());
        passages.add(&tuning, Time(1_500_000), &key, flip);
    }
    assert_eq!(passages.open.len(), 1);
    assert_eq!(
        passages.deadline(),
        Some(Time(300_000 + 600_000 + 3_000_000))
    );
}
