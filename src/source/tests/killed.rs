//! A log that is cut while the gateway is not there, whatever of its last look was stored: each mark is told once.

use tracegate_pipeline::filter::TagRules;
use tracegate_pipeline::{Pipeline, PipelineConfig};
use tracegate_sim::marker::log::MarkLog;

use super::marker::{log, start};
use super::*;

/// What is stored, and what was told for the first time.
struct Journal {
    pipeline: Pipeline,
    told: Vec<String>,
}

impl Journal {
    fn new() -> Self {
        let mut pipeline = Pipeline::default();
        let config = PipelineConfig {
            time_zone: "Etc/UTC".to_owned(),
            devices: vec!["dock_1".to_owned()],
            read_points: Vec::new(),
            tags: TagRules::default(),
            sensors: Vec::new(),
        };
        pipeline.handle(Input::Configure(Box::new(config)));
        Self {
            pipeline,
            told: Vec::new(),
        }
    }

    /// Stores what the gateway tells up to the mark `last`, which need not be all it has to tell.
    async fn up_to(&mut self, rig: &mut Rig, last: &str) {
        while self.told.last().is_none_or(|told| told != last) {
            let report = rig.report().await;
            let mark = report.mark.clone();
            let repeated = self.pipeline.stats().marks_repeated;
            self.pipeline.handle(Input::Mark(Box::new(report)));
            let is_new = self.pipeline.stats().marks_repeated == repeated;
            let serial = mark.and_then(|mark| mark.item.serial);
            self.told.extend(serial.filter(|_| is_new));
        }
    }
}

fn marks(file: &mut MarkLog, from: u32, to: u32) -> Vec<String> {
    let mut serials = Vec::new();
    for number in from..to {
        file.mark(&format!(";SN{number};OK")).unwrap();
        serials.push(format!("SN{number}"));
    }
    serials
}

/// The gateway is killed when `stored` of the six marks of its first look are, and the log is cut before it comes again.
async fn killed_after(stored: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("marks.csv");
    let mut file = MarkLog::create(&path, "Time;Serial;Result").unwrap();
    let mut written = marks(&mut file, 0, 6);
    let mut journal = Journal::new();
    let (mut rig, _feedback) = start(log(&path, None));
    journal.up_to(&mut rig, &written[stored - 1]).await;
    rig.stop().await;
    file.cut().unwrap();
    written.extend(marks(&mut file, 6, 9));
    let (mut rig, _feedback) = start(log(&path, journal.pipeline.mark_feed("dock_1")));
    journal.up_to(&mut rig, "SN8").await;
    rig.stop().await;
    assert_eq!(journal.told, written, "{stored} stored");
}

#[tokio::test]
async fn a_log_that_is_cut_after_a_kill_is_told_once_wherever_that_fell() {
    for stored in 1..=6 {
        killed_after(stored).await;
    }
}
