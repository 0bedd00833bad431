//! Readers' clocks: shown, and complained of when they are far off.

use tracegate_pipeline::time::Span;

use super::{Health, Problem};

/// Beyond this a clock is said to be wrong.
const OFF: Span = Span::millis(1_000);
/// One that was never set is told of when it connects.
const NEVER_SET: Span = Span::millis(365 * 86_400_000);
/// What is said of one that was never set.
pub(crate) const CLOCK_UNSET: &str = "its clock was never set: it says a year long past. Its times are used, shifted by as much as it was wrong when it connected; let it follow a time server (NTP)";
/// Beyond this it is said to run too fast or too slow, in millionths.
const DRIFT_PPM: i64 = 200;

impl Health {
    /// Notes what is known of a reader's clock, and of how late its reads come; returns what is wrong with it when that is news.
    pub fn reader_clock(
        &self,
        name: &str,
        behind: Option<Span>,
        drift_ppm: Option<i64>,
        reports_late: Option<Span>,
    ) -> Option<String> {
        let text = complaint(behind, drift_ppm);
        let mut news = false;
        self.with_device(name, |device| {
            device.clock = (behind.map(|behind| behind.0 / 1_000), drift_ppm);
            device.reports_late = reports_late.map(|late| late.0 / 1_000);
            news = device.problem(Problem::ClockOff, text.as_deref(), None);
            news
        });
        text.filter(|_| news)
    }
}

/// What is wrong with a clock that is so much behind, seen once.
pub(crate) fn clock_complaint(behind: Span) -> Option<String> {
    match behind.0 >= NEVER_SET.0 {
        true => Some(CLOCK_UNSET.to_owned()),
        false => complaint(Some(behind), None),
    }
}

/// Rounded, so that it is news only when it changes much.
fn complaint(behind: Option<Span>, drift_ppm: Option<i64>) -> Option<String> {
    const HELP: &str = "its reads are corrected; let it follow a time server (NTP)";
    if let Some(behind) = behind.filter(|it| it.abs() > OFF && it.abs() < NEVER_SET) {
        let (seconds, way) = (behind.abs().seconds(), way(behind.0, "behind", "ahead"));
        return Some(format!("its clock is off by {seconds:.0} s, {way}: {HELP}"));
    }
    let drift = drift_ppm.filter(|ppm| ppm.abs() > DRIFT_PPM)?;
    let (ppm, way) = (drift.abs() / 100 * 100, way(drift, "slow", "fast"));
    Some(format!(
        "its clock is off by {ppm} millionths, too {way}: {HELP}"
    ))
}

const fn way(number: i64, positive: &'static str, negative: &'static str) -> &'static str {
    if number > 0 { positive } else { negative }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_far_off_are_complained_of_once() {
        let health = Health::new("plant-3", "epoch");
        let tell = |ms, ppm| {
            health.reader_clock(
                "dock_1",
                Some(Span::millis(ms)),
                ppm,
                Some(Span::millis(250)),
            )
        };
        assert_eq!(tell(900, Some(200)), None);
        let text = tell(-61_000, None).unwrap();
        assert_eq!(
            text,
            "its clock is off by 61 s, ahead: its reads are corrected; let it follow a time server (NTP)"
        );
        assert_eq!(tell(-61_200, None), None, "no news");
        assert!(
            tell(20, Some(-333))
                .unwrap()
                .contains("300 millionths, too fast")
        );
        assert_eq!(tell(20, Some(10)), None);
        let status = health.status();
        let device = &status.devices["dock_1"];
        assert_eq!(device.clock_behind_ms, Some(20));
        assert_eq!(device.reports_late_ms, Some(250));
        assert_eq!(device.problems, Vec::<String>::new());
    }
}
