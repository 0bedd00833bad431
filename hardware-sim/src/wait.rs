//! Waiting for a condition instead of sleeping and hoping.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Between two looks at the condition; short against every deadline, long against the cost of a look.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The condition did not come true in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("waited {waited:?} in vain for {what}")]
pub struct DeadlineMissed {
    /// What was waited for.
    pub what: String,
    /// For how long.
    pub waited: Duration,
}

/// Waits until `condition` is true, at most `deadline`; `what` names the condition in the error.
///
/// # Errors
/// [`DeadlineMissed`] when the condition is still false at the deadline.
pub async fn wait_until(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> bool,
) -> Result<(), DeadlineMissed> {
    let end = Instant::now() + deadline;
    loop {
        if condition() {
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(DeadlineMissed {
                what: what.to_owned(),
                waited: deadline,
            });
        }
        sleep(LOOK_EVERY).await;
    }
}
