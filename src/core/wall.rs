//! The gateway's own wall clock: whether it is right, and when it is set.

use tokio::time::Instant;
use tracegate_pipeline::Input;
use tracegate_pipeline::movement::Wall;
use tracegate_pipeline::time::Span;
use tracing::{info, warn};

use super::{Core, WAKE};
use crate::clock::is_synchronised;

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
        let clock = self.wiring.clock;
        let (known, ahead) = (self.pipeline.wall(), clock.ahead());
        let by = ahead - known.ahead;
        let stepped = by.abs() > STEP;
        let wall = Wall {
            ahead: if stepped { ahead } else { known.ahead },
            synchronised: is_synchronised(),
        };
        if wall == known {
            return None;
        }
        if stepped {
            let seconds = by.seconds();
            warn!(
                seconds,
                "The gateway's clock was set; times of events follow it"
            );
        }
        match (known.synchronised, wall.synchronised) {
            (true, false) => warn!(
                "The gateway's clock is not synchronised yet; events are marked until it is; see timedatectl"
            ),
            (false, true) => info!("The gateway's clock is synchronised"),
            _ => {}
        }
        Some(Input::Wall {
            at: clock.now(),
            wall,
        })
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
            if let Some(problem) = health.reader_clock(reader, behind, drift) {
                warn!(reader, problem, "Reader's clock is wrong");
            }
        }
    }
}
