//! The gateway's own wall clock: whether it is right, and when it is set.

use tokio::time::Instant;
use tracegate_pipeline::Input;
use tracegate_pipeline::eyes::Fault;
use tracegate_pipeline::movement::Wall;
use tracegate_pipeline::pipeline::EyeReport;
use tracegate_pipeline::time::Span;
use tracing::{info, warn};

use super::{Core, WAKE};
use crate::clock::is_synchronised;
use crate::health::{Code, Problem};
use crate::logs;

/// The time line follows the wall clock once they are this far apart. It runs on the monotonic clock, which time servers
/// keep in pace, so only steps come to that.
const STEP: Span = Span::millis(100);

impl Core {
    /// What is new of the wall clock, from time to time.
    pub(super) fn wall(&mut self) -> Option<Input> {
        if self.looked.is_some_and(|at| at.elapsed() < WAKE) {
            return None;
        }
        self.looked = Some(Instant::now());
        self.tell_reader_clocks();
        self.tell_eyes();
        let clock = self.wiring.clock;
        let (known, ahead) = (self.pipeline.wall(), clock.ahead());
        let by = ahead - known.ahead;
        let stepped = by.abs() > STEP;
        let wall = Wall {
            ahead: if stepped { ahead } else { known.ahead },
            synchronised: is_synchronised(),
        };
        self.wiring.health.clock_synchronised(wall.synchronised);
        if wall == known {
            return None;
        }
        if stepped {
            let seconds = by.seconds();
            warn!(
                code = logs::CLOCK_SET,
                seconds, "The gateway's clock was set; times of events follow it"
            );
        }
        match (known.synchronised, wall.synchronised) {
            (true, false) => warn!(
                code = Code::ClockUnsynced.as_str(),
                "The gateway's clock is not synchronised yet; events are marked until it is; see timedatectl"
            ),
            (false, true) => info!(
                code = Code::ClockUnsynced.as_str(),
                "The gateway's clock is synchronised"
            ),
            _ => {}
        }
        Some(Input::Wall {
            at: clock.now(),
            wall,
        })
    }

    fn tell_eyes(&self) {
        for report in self.pipeline.eyes() {
            let (reader, input) = (self.device_name(report.eye.device), report.eye.port);
            let text = report.fault.map(|fault| complaint(&report, fault));
            let problem = Problem::Input(input);
            if self.wiring.health.problem(reader, problem, text.as_deref())
                && let Some(problem) = text
            {
                warn!(
                    code = Code::EyeIgnored.as_str(),
                    reader, input, problem, "Photo-eye is ignored"
                );
            }
        }
    }

    fn tell_reader_clocks(&self) {
        for (device, clock) in self.pipeline.clocks().filter(|(_, clock)| clock.is_up()) {
            let reader = self.device_name(device);
            let health = &self.wiring.health;
            let (behind, drift) = (clock.behind(), clock.drift_ppm());
            if behind.is_none() {
                // A scanner, or a reader that counts from its start.
                continue;
            }
            if let Some(problem) = health.reader_clock(reader, behind, drift, clock.reports_late())
            {
                warn!(
                    code = Code::ReaderClock.as_str(),
                    reader, problem, "Reader's clock is wrong"
                );
            }
        }
    }
}

/// What is wrong with a photo-eye, and what to do.
fn complaint(report: &EyeReport<'_>, fault: Fault) -> String {
    let (input, side) = (report.eye.port, report.eye.side.as_str());
    let what = match fault {
        Fault::Blocked => {
            "has been interrupted for long: move what stands in its beam, clean and align it; if the beam is free, photo_eyes.active is the wrong level"
        }
        Fault::Blind => {
            "noticed none of the last loads: see that it is powered, aligned and wired to this input"
        }
        Fault::Silent => "tells no level: see whether the reader has this input, and its cable",
    };
    format!(
        "input {input}, the {side} photo-eye of {}, is ignored: it {what}",
        report.read_point
    )
}
