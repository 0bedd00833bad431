//! Whole days at the doors, with link gaps, late reports and clocks that are off: killed anywhere, and delivered in other
//! pieces, they give the same events.

use tracegate_pipeline::{Input, Output, Pipeline, journal};

use crate::portal::{Day, Situation};

/// The inputs that the pipeline took, with the ticks that it asked for, and the events that it made.
fn live(inputs: impl Iterator<Item = Input>) -> (Vec<Input>, Vec<String>) {
    let (mut pipeline, mut taken, mut outputs) = (Pipeline::default(), Vec::new(), Vec::new());
    let mut take = |pipeline: &mut Pipeline, input: Input| {
        taken.push(input.clone());
        outputs.extend(events(pipeline.handle(input)));
    };
    for input in inputs {
        if let Input::Reads { at, .. } | Input::Device { at, .. } = &input {
            while let Some(tick) = pipeline.next_tick().filter(|tick| tick <= at) {
                take(&mut pipeline, Input::Tick { at: tick });
            }
        }
        take(&mut pipeline, input);
    }
    while let Some(at) = pipeline.next_tick() {
        take(&mut pipeline, Input::Tick { at });
    }
    (taken, outputs)
}

fn events(outputs: Vec<Output>) -> impl Iterator<Item = String> {
    outputs.into_iter().filter_map(|output| match output {
        Output::Event(event) => Some(event.json),
        _ => None,
    })
}

fn fold(pipeline: &mut Pipeline, inputs: &[Input]) -> Vec<String> {
    let outputs = inputs.iter().map(|input| pipeline.handle(input.clone()));
    outputs.flat_map(events).collect()
}

#[test]
fn a_day_killed_anywhere_and_replayed_from_its_journal_gives_the_same_events() {
    let mut random = fastrand::Rng::with_seed(11);
    for situation in Situation::ALL {
        let day = Day::new(situation, 9_000, 120.0);
        let (inputs, whole) = live(day.inputs());
        for _ in 0..3 {
            let (before, after) = inputs.split_at(random.usize(..inputs.len()));
            let row = journal::encode(before).unwrap();
            let mut pipeline = Pipeline::default();
            let first = fold(&mut pipeline, &journal::decode(&row).unwrap());
            let rest = fold(&mut pipeline, after);
            assert_eq!([first, rest].concat(), whole, "{situation:?}");
        }
    }
}

/// A report cut into single reads, each of them delivered twice.
#[test]
fn a_day_in_other_pieces_gives_the_same_events() {
    for situation in Situation::ALL {
        let day = Day::new(situation, 9_001, 120.0);
        let (_, whole) = live(day.inputs());
        let pieces = day.inputs().flat_map(|input| match input {
            Input::Reads { device, at, reads } => {
                let single = reads
                    .into_iter()
                    .flat_map(|read| [vec![read.clone()], vec![read]]);
                single
                    .map(move |reads| Input::Reads { device, at, reads })
                    .collect::<Vec<_>>()
            }
            other => vec![other],
        });
        assert_eq!(live(pieces).1, whole, "{situation:?}");
    }
}
