//! What goes to the record of verdicts.

use std::sync::Arc;

use tracegate_pipeline::config::PipelineConfig;
use tracegate_pipeline::input::{Alert, MovementEvent, ScanVerdict};
use tracegate_pipeline::{Input, Output, Time};

use super::Core;
use crate::audit::{Row, code, cut, digest, time};

/// What somebody is told.
#[derive(Debug)]
pub(super) enum Word {
    /// The answer to a scan.
    Verdict(ScanVerdict),
    /// Something leaves that may not.
    Alert(Alert),
}

/// What somebody is told once it is stored.
#[derive(Debug)]
pub(super) struct Said {
    /// What.
    pub word: Word,
    /// Number of the input in its batch that it answers.
    pub input: usize,
    /// Gateway time of that input.
    pub at: Option<Time>,
    /// SHA-256 of the configuration that was in force.
    pub config: Arc<str>,
}

impl Said {
    /// The verdict, if it is one.
    pub fn verdict(&self) -> Option<&ScanVerdict> {
        match &self.word {
            Word::Verdict(verdict) => Some(verdict),
            Word::Alert(_) => None,
        }
    }

    /// The alert, if it is one.
    pub fn alert(&self) -> Option<&Alert> {
        match &self.word {
            Word::Verdict(_) => None,
            Word::Alert(alert) => Some(alert),
        }
    }

    /// Where, as far as that is known.
    fn read_point(&self) -> Option<&str> {
        match &self.word {
            Word::Verdict(verdict) => Some(verdict.detail.as_ref()?.read_point.as_str()),
            Word::Alert(alert) => Some(alert.read_point.as_str()),
        }
    }
}

/// What was said, with the number of the input that it answers.
pub(super) fn outputs(said: Vec<Said>) -> Vec<(usize, Output)> {
    let output = |said: Said| match said.word {
        Word::Verdict(verdict) => (said.input, Output::Verdict(verdict)),
        Word::Alert(alert) => (said.input, Output::Alert(alert)),
    };
    said.into_iter().map(output).collect()
}

/// SHA-256 of a configuration's meaning, as it stands in the record: the same before and after a reload that gave devices
/// other numbers, and after a start that puts them in order again.
pub(super) fn digest_of(config: &PipelineConfig) -> Arc<str> {
    digest(&serde_json::to_string(&config.canonical()).unwrap_or_default()).into()
}

impl Core {
    /// Records what is told with the commit that comes next. Of events it is told where those of each input end.
    pub(super) fn record(
        &mut self,
        said: &[Said],
        batch: &[Input],
        (events, ends): (&[MovementEvent], &[usize]),
    ) {
        let now = self.wiring.clock.now();
        let row = |said: &Said| {
            let first = said
                .input
                .checked_sub(1)
                .and_then(|before| ends.get(before));
            let (first, end) = (first.copied().unwrap_or(0), ends.get(said.input).copied());
            let own = events.get(first..end.unwrap_or(first)).unwrap_or_default();
            // Time decides at several read points at once.
            let here = said.read_point();
            let own = own
                .iter()
                .filter(|event| here.is_none_or(|here| event.read_point == here));
            let row = match &said.word {
                Word::Verdict(verdict) => self.verdict_row(verdict, batch.get(said.input)),
                Word::Alert(alert) => alert_row(alert),
            };
            Row {
                at: time(now.0),
                events: own.map(|event| event.id.to_string()).collect(),
                read_point: here.map(str::to_owned),
                config: Some(said.config.to_string()),
                data_as_of: self.wiring.known.as_of().map(|at| time(at.0)),
                ..row
            }
        };
        let rows: Vec<Row> = said.iter().map(row).collect();
        self.store.record(rows);
    }

    fn verdict_row(&self, verdict: &ScanVerdict, input: Option<&Input>) -> Row {
        let (what, text) = verdict.kind.parts();
        let scanned = match input {
            Some(Input::Scan { data, .. }) => Some(code(data)),
            _ => None,
        };
        let detail = verdict.detail.as_deref();
        let told = detail.map(|detail| detail.text.as_str());
        let text = text.or(told.filter(|text| !text.is_empty()));
        Row {
            what: what.to_owned(),
            device: Some(self.device_name(verdict.device).to_owned()),
            operator: detail.and_then(|detail| detail.operator.clone()),
            code: scanned,
            rule: detail.and_then(|detail| Some(detail.rule?.as_str().to_owned())),
            text: text.map(cut),
            data_version: detail.and_then(|detail| detail.data_version),
            ..Row::default()
        }
    }
}

fn alert_row(alert: &Alert) -> Row {
    Row {
        what: "alert".to_owned(),
        code: Some(cut(&alert.thing)),
        rule: Some(alert.rule.as_str().to_owned()),
        text: Some(cut(&alert.text)),
        data_version: alert.data_version,
        ..Row::default()
    }
}
