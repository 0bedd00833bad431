//! How far a long piece of work is, drawn on a terminal and nowhere else.

use std::io::{IsTerminal as _, Write as _};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Columns of the bar.
const BAR: u64 = 30;
/// Work that takes no longer is not worth a bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// Whether somebody watches, although the work itself writes to standard output.
pub(super) fn is_watched_apart() -> bool {
    std::io::stderr().is_terminal() && !std::io::stdout().is_terminal()
}

/// The progress of one piece of work; its line goes away with it.
#[derive(Debug)]
pub(super) struct Progress {
    is_watched: bool,
    began: Instant,
    total: u64,
    shown: Option<u64>,
}

impl Progress {
    /// Of so much to be done.
    pub(super) fn new(total: u64, is_watched: bool) -> Self {
        Self {
            is_watched,
            began: Instant::now(),
            total: total.max(1),
            shown: None,
        }
    }

    /// So much is done of what turned out to be so much.
    pub(super) fn of(&mut self, done: u64, total: u64) {
        self.total = total.max(1);
        self.at(done);
    }

    /// So much of it is done.
    pub(super) fn at(&mut self, done: u64) {
        let percent = u64::try_from(u128::from(done) * 100 / u128::from(self.total)).unwrap_or(100);
        let elapsed = self.began.elapsed();
        if self.is_watched && self.shown != Some(percent) && elapsed > PATIENCE {
            self.shown = Some(percent);
            draw(&bar(percent, elapsed));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            draw("");
        }
    }
}

/// The same for work that only tells its percents; begins with the first.
pub(super) fn percent(percent: u64) {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    draw(&match percent {
        100.. => String::new(),
        _ => bar(percent, BEGAN.get_or_init(Instant::now).elapsed()),
    });
}

fn draw(text: &str) {
    // Nobody needs the end of it.
    let _ = write!(std::io::stderr(), "\r{text}\x1b[K");
}

fn bar(percent: u64, elapsed: Duration) -> String {
    let percent = percent.min(100);
    let full = usize::try_from(percent * BAR / 100).unwrap_or(0);
    let empty = usize::try_from(BAR).unwrap_or(0).saturating_sub(full);
    let left = match percent {
        // Too early to tell.
        0..5 => String::new(),
        _ => {
            let left = elapsed.as_secs() * (100 - percent) / percent;
            format!("  about {} left", crate::health::about(left))
        }
    };
    format!(
        "[{}{}] {percent:>3} %{left}",
        "#".repeat(full),
        "-".repeat(empty)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_says_how_far_it_is_and_how_long_it_takes() {
        let after = Duration::from_secs;
        assert_eq!(bar(0, after(1)), "[------------------------------]   0 %");
        assert_eq!(
            bar(50, after(30)),
            "[###############---------------]  50 %  about 30 s left"
        );
        assert_eq!(
            bar(100, after(60)),
            "[##############################] 100 %  about 0 s left"
        );
        assert_eq!(
            bar(25, after(600)),
            "[#######-----------------------]  25 %  about 30 min left"
        );
    }
}
