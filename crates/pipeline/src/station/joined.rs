//! Marks that join the order that was scanned at their station, as its scans do.

use super::job::OrderData;
use super::task::{TaskConfig, TaskKind};
use super::work::Desk;
use crate::time::Time;

/// What a mark takes from the station where it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Joined {
    /// The order's URI: the transformation that it is an output of.
    pub order: String,
    /// CBV word or URI for the order as business transaction.
    pub kind: String,
    /// The lot that was scanned for what follows, and its dates.
    pub data: OrderData,
    /// Number of the badge of who is at work.
    pub operator: Option<String>,
}

impl Desk {
    /// What a mark that was made `at` takes; `None` where marks join nothing. The error is for the operator: it is booked
    /// by itself.
    pub fn joins(&self, task: &TaskConfig, at: Time) -> Option<Result<Joined, String>> {
        if task.kind != TaskKind::Commissioning || !task.join_marks {
            return None;
        }
        let job = self.job.as_ref();
        let Some((job, order)) = job.and_then(|job| Some((job, job.order.as_ref()?))) else {
            let text = "no order is open here, so the mark joins none: scan the order";
            return Some(Err(text.to_owned()));
        };
        if at < job.since {
            return Some(Err(format!(
                "it was marked before order {} was scanned, and joins none",
                order.id
            )));
        }
        let operator = self.operator.as_ref();
        let operator = operator.filter(|it| at - it.1 < task.badge_timeout);
        Some(Ok(Joined {
            order: order.uri.clone(),
            kind: task.order_type.clone(),
            data: job.data(),
            operator: operator.map(|it| it.0.clone()),
        }))
    }

    /// A mark joined: the order was used, and stays open for the next.
    pub fn joined(&mut self, now: Time) {
        if let Some(job) = &mut self.job {
            (job.order_used, job.touched) = (true, job.touched.max(now));
        }
    }
}
