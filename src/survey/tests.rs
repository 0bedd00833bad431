//! Surveys of simulated days, whose truth is known.

use std::collections::BTreeMap;

use tracegate_pipeline::config::{Direction, ReadPointKind};
use tracegate_pipeline::{Input, Output, Pipeline, PipelineConfig, Time};
use tracegate_sim::portal::{Day, Situation};

use super::*;

struct Walked {
    config: PipelineConfig,
    inputs: Vec<Input>,
    passes: Vec<Pass>,
    begun: Option<Pipeline>,
}

/// The first read point of a simulated day.
fn day(situation: Situation, seed: u64, seconds: f64) -> Walked {
    let day = Day::new(situation, seed, seconds);
    let inputs: Vec<Input> = day.inputs().collect();
    let start = inputs
        .iter()
        .find_map(|input| match input {
            Input::Start { at } => Some(*at),
            _ => None,
        })
        .unwrap();
    let at = |s: f64| Time(start.0 + (s * 1e6) as i64);
    let own = day.movements.iter().filter(|it| it.read_point == 0);
    let mut passes: Vec<Pass> = own
        .map(|movement| Pass {
            from: at(movement.from_s),
            to: at(movement.to_s),
            direction: movement.direction,
        })
        .collect();
    passes.sort_by_key(|pass| pass.from);
    Walked {
        config: day.pipeline_config(),
        inputs,
        passes,
        begun: None,
    }
}

impl Walked {
    fn read_point(&self) -> String {
        self.config.read_points[0].name.clone()
    }

    fn survey(&self) -> Result<Survey, SurveyError> {
        self.survey_with(&BTreeMap::new())
    }

    fn survey_with(&self, power_dbm: &BTreeMap<(String, u16), f64>) -> Result<Survey, SurveyError> {
        survey(&Walk {
            read_point: &self.read_point(),
            config: &self.config,
            begun: self.begun.as_ref(),
            inputs: &self.inputs,
            passes: &self.passes,
            power_dbm,
        })
    }

    fn gate(&mut self) -> &mut tracegate_pipeline::config::GateConfig {
        match &mut self.config.read_points[0].kind {
            ReadPointKind::Gate(gate) => gate,
            ReadPointKind::Station(_) | ReadPointKind::Zone(_) => panic!("a day has gates"),
        }
    }
}

fn lines(survey: &Survey) -> Vec<&str> {
    survey.proposals.iter().map(|it| it.line.as_str()).collect()
}

#[test]
fn an_easy_dock_is_told_as_it_was() {
    let walked = day(Situation::EasyDock, 1, 200.0);
    let survey = walked.survey().unwrap();
    assert!(survey.passes >= 3, "{survey:?}");
    assert_eq!(survey.now.right(), survey.passes, "{}", render(&survey));
    assert!(survey.now.penalty() <= 1, "{}", render(&survey));
    assert!(survey.antennas.iter().all(|it| it.read.0 * 2 > it.read.1));
    let text = render(&survey);
    assert!(
        text.contains("as it is configured:") && text.contains(" goods "),
        "{text}"
    );
}

#[test]
fn exchanged_sides_are_noticed_and_put_right() {
    let mut walked = day(Situation::EasyDock, 1, 200.0);
    for antenna in &mut walked.gate().antennas {
        antenna.side = antenna.side.opposite();
    }
    let survey = walked.survey().unwrap();
    assert!(
        survey.now.wrong_way() * 2 > survey.passes,
        "{}",
        render(&survey)
    );
    assert_eq!(survey.then.right(), survey.passes);
    let line = &survey.proposals[0].line;
    assert!(
        line.starts_with("inside = [\"") && line.contains("\noutside = [\""),
        "{line}"
    );
}

#[test]
fn a_floor_that_is_too_high_comes_down() {
    let mut walked = day(Situation::EasyDock, 2, 200.0);
    walked.gate().tuning.min_rssi_dbm = -45;
    let survey = walked.survey().unwrap();
    assert!(survey.now.right() < survey.passes, "{}", render(&survey));
    assert!(
        lines(&survey)[0].starts_with("min_rssi = \"-"),
        "{:?}",
        lines(&survey)
    );
    assert!(
        survey.then.right() > survey.now.right(),
        "{}",
        render(&survey)
    );
}

#[test]
fn a_rule_that_refuses_every_load_is_found() {
    let mut walked = day(Situation::EasyDock, 3, 200.0);
    walked.gate().tuning.side_hold = tracegate_pipeline::time::Span::millis(60_000);
    walked.gate().tuning.min_tags = 200;
    let survey = walked.survey().unwrap();
    assert_eq!(survey.now.right(), 0);
    assert!(
        lines(&survey).iter().any(|it| it.starts_with("min_tags")),
        "{:?}",
        lines(&survey)
    );
    assert!(survey.then.right() > 0);
}

#[test]
fn what_stands_about_is_told_from_goods() {
    let walked = day(Situation::ParkedStock, 1, 200.0);
    let survey = walked.survey().unwrap();
    assert!(survey.strays > 0 && survey.goods > 0, "{}", render(&survey));
    let about: u64 = survey
        .antennas
        .iter()
        .flat_map(|it| it.strays.values())
        .sum();
    assert!(about > 100, "{}", render(&survey));
    assert!(survey.then.penalty() <= survey.now.penalty());
}

#[test]
fn an_antenna_that_hardly_reads_asks_for_power() {
    let mut walked = day(Situation::EasyDock, 1, 200.0);
    let weak = walked.gate().antennas[0];
    for input in &mut walked.inputs {
        if let Input::Reads { device, reads, .. } = input {
            reads.retain(|it| (*device, it.antenna) != (weak.device, weak.antenna));
        }
    }
    let name = walked.config.devices[usize::from(weak.device)].clone();
    for (power, expected) in [
        (
            None,
            format!("# antenna {}: raise its power by 3 dB", weak.antenna),
        ),
        (
            Some(24.0),
            format!("antennas = {{ {} = \"27 dBm\" }}", weak.antenna),
        ),
        (
            Some(30.0),
            format!("# antenna {}: its power is at its end", weak.antenna),
        ),
    ] {
        let known = power.map(|power| ((name.clone(), weak.antenna), power));
        let survey = walked.survey_with(&known.into_iter().collect()).unwrap();
        let found = survey
            .proposals
            .iter()
            .find(|it| it.line.contains(&expected));
        let found = found.unwrap_or_else(|| panic!("{expected}: {}", render(&survey)));
        assert_eq!(found.section, format!("[llrp.{name}]"));
    }
}

#[test]
fn nothing_to_survey_is_said() {
    let mut walked = day(Situation::EasyDock, 1, 100.0);
    let passes = std::mem::take(&mut walked.passes);
    assert_eq!(walked.survey(), Err(SurveyError::NoPass));
    walked.passes = passes;
    walked
        .inputs
        .retain(|input| !matches!(input, Input::Reads { .. }));
    walked.passes.push(Pass {
        from: Time(0),
        to: Time(1),
        direction: Direction::In,
    });
    assert_eq!(walked.survey(), Err(SurveyError::NoReads));
    let known = BTreeMap::new();
    let error = survey(&Walk {
        read_point: "nowhere",
        config: &walked.config,
        begun: None,
        inputs: &walked.inputs,
        passes: &walked.passes,
        power_dbm: &known,
    });
    let text = error.unwrap_err().to_string();
    assert!(
        text.starts_with("nowhere is no read point with antennas; there are "),
        "{text}"
    );
}

impl Walked {
    /// The same as a capture that begins at this time, with the state that the gateway had then; `None` if something had been
    /// told before.
    fn beginning(mut self, at: Time) -> Option<Self> {
        let is_before = |it: &Input| it.at().is_none_or(|it| it < at);
        let (before, inputs): (Vec<Input>, Vec<Input>) =
            self.inputs.into_iter().partition(is_before);
        let mut pipeline = Pipeline::default();
        pipeline.handle(Input::Configure(Box::new(self.config.clone())));
        let mut told = Vec::new();
        for input in before {
            if let Some(now) = input.at() {
                while let Some(at) = pipeline.next_tick().filter(|it| *it <= now) {
                    told.extend(pipeline.handle(Input::Tick { at }));
                }
            }
            told.extend(pipeline.handle(input));
        }
        let is_event = |it: &Output| matches!(it, Output::Event(_));
        (self.begun, self.inputs) = (Some(pipeline), inputs);
        (!told.iter().any(is_event)).then_some(self)
    }
}

#[test]
fn a_load_that_is_on_its_way_when_the_capture_begins_is_told() {
    let (mut surveys, mut missed_without) = (0, 0);
    for (seed, tenths) in (1..=4).flat_map(|seed| [(seed, 2), (seed, 5), (seed, 8)]) {
        let walked = day(Situation::EasyDock, seed, 120.0);
        let first = walked.passes[0];
        let begin = first.from.0 + (first.to - first.from).0 * tenths / 10;
        let Some(mut walked) = walked.beginning(Time(begin)) else {
            continue;
        };
        let survey = walked.survey().unwrap();
        assert_eq!(survey.now.right(), survey.passes, "{}", render(&survey));
        assert_eq!(survey.now.extra, 0, "{}", render(&survey));
        walked.begun = None;
        missed_without += walked.survey().unwrap().now.missed();
        surveys += 1;
    }
    assert!(surveys >= 6, "{surveys}");
    assert!(
        missed_without > 0,
        "it would be told without the state, too"
    );
}
