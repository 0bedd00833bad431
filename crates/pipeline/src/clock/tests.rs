use super::*;

const S: i64 = 1_000_000;
const LATE: Span = Span::millis(900);
const GRACE: Span = Span::millis(20_000);

impl DeviceClock {
    /// As if it could always be dated at once.
    fn correct(&mut self, at: Time, reader_time: Option<ReaderTime>) -> Corrected {
        self.weigh(at, reader_time);
        self.date_read(at, reader_time)
    }
}

fn connected(offset_us: i64) -> DeviceClock {
    let mut clock = DeviceClock::down(Time(0));
    clock.link_changed(
        Time(10 * S),
        true,
        Some(ReaderTime::Utc((10 * S - offset_us) as u64)),
    );
    clock
}

#[test]
fn connection_event_measures_the_offset_and_earlier_arrivals_tighten_it() {
    let mut clock = connected(5_000);
    assert_eq!(clock.offset(), Some(Span(5_000)));
    let at = Time(20 * S);
    let corrected = clock
        .correct(at, Some(ReaderTime::Utc((20 * S - 3_000) as u64)))
        .at;
    assert_eq!(
        (clock.offset(), corrected),
        (Some(Span(5_000)), at + Span(2_000)),
        "within the dead band"
    );
    let corrected = clock
        .correct(at, Some(ReaderTime::Utc((20 * S + 70_000) as u64)))
        .at;
    assert_eq!((clock.offset(), corrected), (Some(Span(-70_000)), at));
}

#[test]
fn a_slow_clock_shows_after_ten_minutes() {
    let mut clock = connected(2 * S);
    assert_eq!(clock.behind(), Some(Span(2 * S)));
    for second in 11..1_000 {
        // Too slow by 300 ppm, and reports are under way for 5 to 24 ms.
        let made = (second * S - 2 * S - second * 300) as u64;
        let at = Time(second * S + 5_000 + second * 7_919 % 20_000);
        clock.correct(at, Some(ReaderTime::Utc(made)));
        assert!(second > 600 || clock.drift_ppm().is_none(), "{second}");
    }
    let drift = clock.drift_ppm().unwrap();
    assert!((280..=325).contains(&drift), "{drift}");
    // The reader counts from its start now: that says nothing.
    clock.link_changed(Time(2_000 * S), true, Some(ReaderTime::Uptime(7)));
    assert_eq!((clock.behind(), clock.drift_ppm()), (None, None));
}

/// Seen with readers that hold reports: the second burst was taken for a clock that is wrong since the first.
#[test]
fn bursts_of_held_reports_are_no_step() {
    let mut clock = connected(0);
    let mut arrive = |at: i64, made: i64| {
        let made = ReaderTime::Utc((made * S) as u64);
        clock.correct(Time(at * S), Some(made)).at.0 / S
    };
    for (at, made) in [(40, 10), (41, 38), (60, 12), (61, 12), (62, 12)] {
        assert_eq!(arrive(at, made), made, "arrived at {at}");
    }
    // A clock that is really set back by 8 s goes on being so.
    let times: Vec<i64> = (70..75).map(|at| arrive(at, at - 8)).collect();
    assert_eq!(times, [62, 63, 64, 73, 74]);
}

#[test]
fn held_reports_keep_their_own_times() {
    let mut clock = connected(0);
    let corrected = clock
        .correct(Time(11 * S), Some(ReaderTime::Utc((4 * S) as u64)))
        .at;
    assert_eq!(corrected, Time(4 * S));
    assert_eq!(clock.offset(), Some(Span(0)));
    // While they flow, silence says nothing.
    assert_eq!(
        clock.watermark(Time(11 * S + 500_000), LATE, GRACE),
        Watermark::At(Time(4 * S) - LATE)
    );
    assert_eq!(
        clock.watermark(Time(13 * S), LATE, GRACE),
        Watermark::At(Time(13 * S) - LATE)
    );
}

#[test]
fn lost_reader_holds_the_watermark_until_the_grace_is_over() {
    let mut clock = connected(0);
    clock.correct(Time(15 * S), Some(ReaderTime::Utc((15 * S) as u64)));
    clock.link_changed(Time(16 * S), false, None);
    assert_eq!(
        clock.watermark(Time(30 * S), LATE, GRACE),
        Watermark::At(Time(15 * S) - LATE)
    );
    assert_eq!(
        clock.watermark(Time(36 * S), LATE, GRACE),
        Watermark::Excluded
    );
}

#[test]
fn a_clock_that_was_set_back_is_followed_after_three_seconds() {
    let mut clock = connected(0);
    for tenth in 0..60 {
        let at = 20 * S + tenth * S / 10;
        let corrected = clock
            .correct(Time(at), Some(ReaderTime::Utc((at - 7 * S) as u64)))
            .at;
        let expected = if tenth < 30 { at - 7 * S } else { at };
        assert_eq!(corrected, Time(expected), "tenth {tenth}");
    }
}

#[test]
fn a_drifting_clock_is_followed() {
    let mut clock = connected(0);
    // 100 ppm slow: 180 ms after half an hour.
    for second in 20..1_820 {
        let at = second * S + 4_000;
        clock.correct(
            Time(at),
            Some(ReaderTime::Utc((second * S - (second - 20) * 100) as u64)),
        );
    }
    let offset = clock.offset().unwrap();
    assert!(
        (offset - Span(184_000)).abs() <= DEAD_BAND + Span(6_000),
        "{offset:?}"
    );
}

#[test]
fn reads_never_lie_in_the_future_and_missing_times_mean_arrival() {
    let mut clock = connected(0);
    assert_eq!(
        clock
            .correct(Time(20 * S), Some(ReaderTime::Utc((90 * S) as u64)))
            .at,
        Time(20 * S)
    );
    let mut bare = DeviceClock::down(Time(0));
    assert_eq!(bare.correct(Time(7), None).at, Time(7));
    assert_eq!(
        bare.correct(Time(7), Some(ReaderTime::Uptime(u64::MAX))).at,
        Time(7)
    );
}

#[test]
fn how_well_a_time_is_known_is_told() {
    let mut clock = connected(5_000);
    let mut sample = |at: i64, delay: i64| {
        let told = u64::try_from(at - delay).unwrap();
        clock.correct(Time(at), Some(ReaderTime::Utc(told)))
    };
    // Just connected: the delay of the one report is not known.
    assert_eq!(sample(11 * S, 5_000).uncertainty, DEAD_BAND);
    for second in 12..100 {
        sample(second * S, 4_000 + second % 7 * 1_000);
    }
    // Two envelopes that agree: what is left is how far the offset stays from them.
    assert_eq!(sample(100 * S, 5_000).uncertainty, Span(1_000));
    // A read held by the reader for an hour: the clocks may have drifted by 100 ppm since.
    let held = sample(100 * S + 1, 90 * S);
    assert_eq!(held.uncertainty, Span(1_000 + 90 * 100 - 1));
    assert_eq!(held.stepped_back, None);
    // Without a time it was made at most so long ago.
    let bare = clock.correct(Time(101 * S), None);
    assert_eq!((bare.at, bare.uncertainty), (Time(101 * S), REPORT_DELAY));
}

#[test]
fn a_step_back_is_told_once_and_another_kind_of_clock_is_none() {
    let mut clock = connected(0);
    let mut steps = Vec::new();
    for tenth in 0..100 {
        let at = 20 * S + tenth * S / 10;
        let told = ReaderTime::Utc(u64::try_from(at - 7 * S).unwrap());
        steps.extend(clock.correct(Time(at), Some(told)).stepped_back);
    }
    assert_eq!(steps, [Span(7 * S)]);
    let uptime = clock.correct(Time(31 * S), Some(ReaderTime::Uptime(5)));
    assert_eq!((uptime.at, uptime.stepped_back), (Time(31 * S), None));
}
