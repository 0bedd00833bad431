//! What a station tells: bookings, verdicts as events, and what stays when something was booked.

use super::assess::{Assessment, Bench};
use super::job::Job;
use super::task::{Confirm, TaskKind, Verdicts};
use super::work::{Desk, Place, Scan, Worked};
use crate::eyes::Says;
use crate::input::{MovementEvent, NonEvent, NonEventReason, ScanDetail};
use crate::movement::{self, Context, Noted, Outcome};
use crate::reference::Quantity;
use crate::remarks::Remarks;
use crate::time::Time;

impl Desk {
    pub(super) fn book(
        &self,
        scan: &Scan<'_>,
        job: &Job,
        assessment: &Assessment,
    ) -> Result<MovementEvent, String> {
        let place = scan.place;
        let amounts = self.amounts(place, job);
        let noted = self.noted(place, job, &amounts, assessment);
        movement::task(context(place, scan.at), &noted)
    }

    /// How much of each entry.
    fn amounts(&self, place: Place<'_>, job: &Job) -> Vec<Option<Quantity>> {
        let bench = self.bench(place);
        let amount = |entry| job.amount(&bench, entry);
        job.entries.iter().map(amount).collect()
    }

    /// What an event of the job is made of.
    fn noted<'a>(
        &'a self,
        place: Place<'a>,
        job: &'a Job,
        amounts: &'a [Option<Quantity>],
        assessment: &'a Assessment,
    ) -> Noted<'a> {
        let guard = place.read_point.guard.as_deref();
        Noted {
            task: place.task,
            job,
            amounts,
            judgement: guard.map(|_| &assessment.judgement),
            operator: self.operator.as_ref().map(|it| it.0.as_str()),
        }
    }

    /// What stays of a job that was booked.
    pub(super) fn after(&mut self, scan: &Scan<'_>, job: Job) {
        let task = scan.place.task;
        let order = job.order.as_ref().map(|order| order.uri.as_str());
        for entry in &job.entries {
            match (task.kind, &entry.thing.instance) {
                (TaskKind::Issue, Some(instance)) => self.past.note_gone(instance, scan.at),
                (TaskKind::Return, Some(instance)) => self.past.note_back(instance),
                _ => {}
            }
            let planned = || job.amount(&self.bench(scan.place), entry);
            let amount = entry.counted().or_else(planned);
            if let (TaskKind::Issue, Some(order), Some(item)) =
                (task.kind, order, entry.thing.item.as_deref())
                && let Some((_, version)) = scan.place.facts.order(order)
                && let Some(amount) = amount
            {
                self.past.note_issued(order, item, version, &amount);
            }
        }
        let keeps = match task.kind {
            TaskKind::Issue | TaskKind::Return => task.confirm == Confirm::Auto,
            TaskKind::Commissioning => true,
            TaskKind::Inspection | TaskKind::Packing => false,
        };
        if keeps && (job.order.is_some() || job.parent.is_some()) {
            let mut next = Job::new(scan.device, scan.at);
            (next.order, next.parent, next.order_used) = (job.order, job.parent, true);
            next.since = job.since;
            self.job = Some(next);
        }
    }

    pub(super) fn bench<'a>(&'a self, place: Place<'a>) -> Bench<'a> {
        Bench {
            task: place.task,
            guard: place.read_point.guard.as_deref(),
            zone: place.zone,
            facts: place.facts,
            past: &self.past,
        }
    }

    pub(super) fn assess(&self, scan: &Scan<'_>, job: &Job) -> Assessment {
        job.assess(&self.bench(scan.place), scan.at)
    }

    /// Tells a verdict: as an event where it names a thing and verdicts are told, else as something that was not booked.
    pub(super) fn note(
        &self,
        place: Place<'_>,
        at: Time,
        job: &Job,
        assessment: &Assessment,
        outcome: Outcome<'_>,
        worked: &mut Worked,
    ) {
        let is_refusal = matches!(outcome, Outcome::Refused(_) | Outcome::Cancelled(_));
        let told = match place.task.verdicts {
            Verdicts::All => true,
            Verdicts::Refused => is_refusal,
            Verdicts::None => false,
        };
        let amounts = self.amounts(place, job);
        let noted = self.noted(place, job, &amounts, assessment);
        let event = told.then(|| movement::verdict(context(place, at), &noted, outcome));
        match event {
            Some(Ok(event)) => worked.events.push(event),
            _ if is_refusal => worked.non_events.push(NonEvent {
                read_point: place.read_point.name.clone(),
                at,
                reason: match outcome {
                    Outcome::Cancelled(_) => NonEventReason::ScanCancelled,
                    _ => NonEventReason::ScanRefused,
                },
                tags: job.entries.len(),
                direction: None,
                members: Vec::new(),
                mark: None,
                eyes: Says::Nothing,
            }),
            _ => {}
        }
    }

    pub(super) fn detail(
        &self,
        place: Place<'_>,
        at: Time,
        data: &[u8],
        text: &str,
        assessment: &Assessment,
    ) -> ScanDetail {
        ScanDetail {
            read_point: place.read_point.name.clone(),
            at,
            code: data.to_vec(),
            text: text.to_owned(),
            operator: self.operator.as_ref().map(|it| it.0.clone()),
            rule: assessment.judgement.worst().map(|it| it.rule),
            data_version: assessment.judgement.data_version,
            data_age: assessment.judgement.data_age,
        }
    }
}

fn context(place: Place<'_>, at: Time) -> Context<'_> {
    Context {
        read_point: &place.read_point.name,
        uri: &place.read_point.uri,
        step: &place.task.step,
        zone: place.zone,
        at,
        remarks: Remarks::default(),
    }
}
