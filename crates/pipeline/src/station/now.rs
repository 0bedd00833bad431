//! How stations stand at this moment, for people.

use super::task::{TaskConfig, TaskKind};
use super::work::Desk;
use crate::time::Time;

/// How a station with a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StationNow {
    /// Name of its read point.
    pub read_point: String,
    /// What is done there.
    pub task: TaskKind,
    /// Number of the operator's badge, and until when it counts if nothing is scanned.
    pub operator: Option<(String, Time)>,
    /// What is open.
    pub job: Option<JobNow>,
    /// What was refused, and is neither overridden nor cleared yet.
    pub refused: Option<RefusedNow>,
    /// When what is open or refused is given up if nobody goes on.
    pub ends: Option<Time>,
}

/// What was refused, and waits to be cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedNow {
    /// When it was scanned.
    pub at: Time,
    /// Why, for people.
    pub text: String,
}

/// Scans that belong together and are not booked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobNow {
    /// Number of the order.
    pub order: Option<String>,
    /// The pallet or box; of a commissioning the lot.
    pub parent: Option<String>,
    /// Things scanned.
    pub things: usize,
    /// The newest of them.
    pub newest: Option<String>,
    /// When something was last scanned.
    pub touched: Time,
    /// When it is given up if nobody goes on.
    pub ends: Time,
}

impl Desk {
    /// How it stands at `now`.
    pub fn now(&self, read_point: &str, task: &TaskConfig, now: Time) -> StationNow {
        let operator = self.operator.as_ref();
        let operator = operator.map(|(id, at)| (id.clone(), *at + task.badge_timeout));
        let job = self.job.as_ref().filter(|job| job.is_open());
        StationNow {
            read_point: read_point.to_owned(),
            task: task.kind,
            operator: operator.filter(|(_, until)| now < *until),
            job: job.map(|job| JobNow {
                order: job.order.as_ref().map(|order| order.id.clone()),
                parent: job.parent.as_ref().map(|it| it.name().to_owned()),
                things: job.entries.len(),
                newest: job.entries.last().map(|it| it.thing.name().to_owned()),
                touched: job.touched,
                ends: job.touched + task.idle,
            }),
            refused: self.red.as_ref().map(|red| RefusedNow {
                at: red.job.touched,
                text: red.text.clone(),
            }),
            ends: self.deadline(task),
        }
    }
}
