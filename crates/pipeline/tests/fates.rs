//! What becomes of each read is what is counted, and it is told to whoever follows.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{MS, S, T0, config, read, sgtin};
use tracegate_pipeline::fate::{Fate, Trace};
use tracegate_pipeline::filter::Unfit;
use tracegate_pipeline::{Input, Pipeline, Read, Time};

fn started() -> Pipeline {
    let mut pipeline = Pipeline::default();
    pipeline.handle(Input::Configure(Box::new(config())));
    pipeline.handle(Input::Start { at: Time(T0) });
    pipeline.handle(Input::Device {
        device: 0,
        at: Time(T0),
        up: true,
        reader_time: None,
    });
    pipeline
}

fn take(pipeline: &mut Pipeline, at: i64, reads: Vec<Read>) {
    pipeline.handle(Input::Reads {
        device: 0,
        at: Time(at),
        reads,
    });
}

#[test]
fn every_read_has_the_fate_that_is_counted() {
    let mut pipeline = started();
    take(
        &mut pipeline,
        T0 + S,
        vec![read(&sgtin(1, 1), 1, -50, T0 + S)],
    );
    assert_eq!(pipeline.traced(), Trace::default(), "nobody follows");
    pipeline.trace(true);
    let at = T0 + 2 * S;
    let goods = sgtin(1, 2);
    let mut many = read(&[0xe2; 12], 1, -50, at);
    many.more = 4;
    take(
        &mut pipeline,
        at,
        vec![
            read(&goods, 1, -50, at),
            read(&goods, 1, -100, at),
            many,
            read(&goods, 9, -50, at),
            read(&[0; 12], 1, -50, at),
        ],
    );
    let expected = [
        Fate::Taken,
        Fate::Weak,
        Fate::Ignored,
        Fate::Unassigned,
        Fate::Unfit(Unfit::Blank),
    ];
    assert_eq!(pipeline.traced().fates, expected);
    let stats = pipeline.stats();
    let counted = [stats.weak, stats.ignored, stats.unassigned, stats.blank];
    assert_eq!(counted, [1, 5, 1, 1]);
    assert_eq!(stats.reads, 10);
    // It is asked once, and not after the end.
    assert_eq!(pipeline.traced(), Trace::default());
    pipeline.trace(false);
    take(&mut pipeline, at + MS, vec![read(&goods, 1, -50, at + MS)]);
    assert_eq!(pipeline.traced(), Trace::default());
}

#[test]
fn a_tag_that_is_read_once_is_a_ghost_and_one_that_stays_is_parked() {
    let mut pipeline = started();
    pipeline.trace(true);
    let (ghost, stock) = (sgtin(1, 1), sgtin(1, 2));
    take(&mut pipeline, T0, vec![read(&ghost, 1, -50, T0)]);
    let (mut parked_at, mut ghosts) = (None, Vec::new());
    for step in 0..300 {
        let at = T0 + step * 100 * MS;
        take(&mut pipeline, at, vec![read(&stock, 3, -50, at)]);
        let trace = pipeline.traced();
        ghosts.extend(trace.ghosts);
        if trace.fates.contains(&Fate::Parked) {
            parked_at.get_or_insert(step);
        }
    }
    let parked_at = parked_at.expect("it is parked in the end");
    assert!((180..200).contains(&parked_at), "{parked_at}");
    let [one] = ghosts.as_slice() else {
        panic!("{ghosts:?}");
    };
    assert_eq!(
        (one.read_point, &one.tag.epc, one.at),
        (0, &ghost, Time(T0))
    );
}
