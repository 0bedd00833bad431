//! Doors side by side.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use tracegate_pipeline::{Input, Pipeline, ReaderTime, Time};

/// A second door 3.5 m away hears the same pallet the same way, but less.
#[test]
fn of_two_doors_the_louder_one_books() {
    let mut inputs = start();
    let mut two = config();
    two.devices.push("dock_2".into());
    let mut second = two.read_points[0].clone();
    second.name = "dock_2".into();
    if let tracegate_pipeline::config::ReadPointKind::Gate(gate) = &mut second.kind {
        for antenna in &mut gate.antennas {
            antenna.device = 2;
        }
    }
    two.read_points.insert(1, second);
    inputs[0] = Input::Configure(Box::new(two));
    inputs.push(Input::Device {
        device: 2,
        at: Time(T0),
        up: true,
        reader_time: Some(ReaderTime::Utc(T0 as u64)),
    });
    let near = crossing(&pallet(1, 20), T0 + 10 * S, 6.0, true);
    for input in reports(&near, 8) {
        if let Input::Reads { at, reads, .. } = &input {
            let quieter = |read: &tracegate_pipeline::Read| tracegate_pipeline::Read {
                rssi_dbm: read.rssi_dbm.map(|rssi| rssi - 8),
                ..read.clone()
            };
            let far = reads.iter().map(quieter).collect();
            inputs.push(Input::Reads {
                device: 2,
                at: *at,
                reads: far,
            });
        }
        inputs.push(input);
    }
    let out = lines(&run(&mut Pipeline::default(), &inputs, 60));
    assert_eq!(
        out.iter()
            .filter(|line| !line.contains("not booked"))
            .collect::<Vec<_>>(),
        ["dock_1 in  receiving 00/040123450000000016 + 20 items"]
    );
    assert!(
        out.iter()
            .any(|line| line.contains("dock_2 not booked: neighbour")),
        "{out:?}"
    );
}
