//! What goes to the record of verdicts.

use tracegate_pipeline::input::{MovementEvent, ScanVerdict, VerdictKind};
use tracegate_pipeline::{Input, Time};

use super::Core;
use crate::audit::{Row, code, cut, digest, time};

impl Core {
    /// Records verdicts with the commit that comes next; each with the number of the input that it answers. Of events it is
    /// told where those of each input end.
    pub(super) fn record(
        &mut self,
        verdicts: &[(ScanVerdict, usize)],
        batch: &[Input],
        (events, ends): (&[MovementEvent], &[usize]),
    ) {
        let config = serde_json::to_string(self.pipeline.config()).unwrap_or_default();
        let (config, now) = (digest(&config), self.wiring.clock.now());
        let row = |(verdict, index): &(ScanVerdict, usize)| {
            let first = index.checked_sub(1).and_then(|before| ends.get(before));
            let (first, end) = (first.copied().unwrap_or(0), ends.get(*index).copied());
            let own = events.get(first..end.unwrap_or(first)).unwrap_or_default();
            let row = self.row(verdict, batch.get(*index), now);
            Row {
                events: own.iter().map(|event| event.id.to_string()).collect(),
                config: Some(config.clone()),
                ..row
            }
        };
        let rows: Vec<Row> = verdicts.iter().map(row).collect();
        self.store.record(rows);
    }

    fn row(&self, verdict: &ScanVerdict, input: Option<&Input>, at: Time) -> Row {
        let (what, text) = match &verdict.kind {
            VerdictKind::Accepted => ("accepted", None),
            VerdictKind::Duplicate => ("duplicate", None),
            VerdictKind::Warned(text) => ("warned", Some(text)),
            VerdictKind::Refused(text) => ("refused", Some(text)),
            VerdictKind::Pending(text) => ("pending", Some(text)),
        };
        let scanned = match input {
            Some(Input::Scan { data, .. }) => Some(code(data)),
            _ => None,
        };
        Row {
            at: time(at.0),
            what: what.to_owned(),
            device: Some(self.device_name(verdict.device).to_owned()),
            code: scanned,
            text: text.map(|text| cut(text)),
            data_as_of: self.wiring.known.as_of().map(|at| time(at.0)),
            ..Row::default()
        }
    }
}
