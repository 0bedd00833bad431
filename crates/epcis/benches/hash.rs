//! Event hash ids per second, on one thread. At least 50,000 must come out for every kind of event but the last, which
//! is larger than any that a gate makes.
//!
//! `cargo bench -p tracegate-epcis --bench hash`
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros make functions without comments; a bench may fail"
)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Value;
use tracegate_epcis::{
    Action, BizTransaction, Event, EventData, EventTime, Measure, Namespace, Quantity,
    SensorElement, SensorMetadata, SensorReport, SourceDest, What, hash_json,
};

/// A passage of some cartons through a dock door.
fn passage(cartons: u32) -> EventData {
    let time = EventTime::new(1_795_338_930_123_456, 60).unwrap();
    let epcs = (0..cartons)
        .map(|serial| format!("urn:epc:id:sgtin:0952132.012000.{serial}"))
        .collect();
    let mut data = EventData::object(time, Action::Observe, epcs, Vec::new());
    data.biz_step = Some("receiving".to_owned());
    data.disposition = Some("in_progress".to_owned());
    data.read_point = Some("urn:epc:id:sgln:4012345.00001.dock1".to_owned());
    data.biz_location = Some("urn:epc:id:sgln:4012345.00002.0".to_owned());
    data.biz_transactions = vec![BizTransaction {
        kind: "po".to_owned(),
        id: "https://erp.example/po/4711".to_owned(),
    }];
    data
}

/// A temperature logger's report on a pallet.
fn sensed() -> EventData {
    let mut data = passage(1);
    data.sensor_elements = vec![SensorElement {
        metadata: SensorMetadata {
            time: Some(data.time),
            device_id: Some("urn:epc:id:giai:4012345.logger-7".to_owned()),
            ..SensorMetadata::default()
        },
        reports: vec![SensorReport {
            min_value: Measure::rounded(-19.25, 1),
            max_value: Measure::rounded(-17.0, 1),
            uom: Some("CEL".to_owned()),
            ..SensorReport::of("Temperature")
        }],
        ..SensorElement::default()
    }];
    data
}

/// Two lots and a serial made into one part, with everything that the gateway says about it.
fn full() -> EventData {
    let quantity = |lot: &str| Quantity {
        epc_class: format!("urn:epc:class:lgtin:4012345.011111.{lot}"),
        quantity: "12.5".parse().ok(),
        uom: Some("KGM".to_owned()),
    };
    let mut data = sensed();
    data.what = What::Transformation {
        inputs: vec!["urn:epc:id:sgtin:4012345.012345.B9".to_owned()],
        input_quantities: vec![quantity("L42"), quantity("L41")],
        outputs: vec!["urn:epc:id:sgtin:4012345.054321.1".to_owned()],
        output_quantities: Vec::new(),
        id: Some("https://erp.example/order/4711".to_owned()),
    };
    data.persistent_disposition.set = vec!["conformant".to_owned()];
    data.sources = vec![SourceDest {
        kind: "location".to_owned(),
        id: "urn:epc:id:sgln:4012345.00009.0".to_owned(),
    }];
    data.ilmd.insert("cbvmda:lotNumber".to_owned(), "N7".into());
    data.ilmd
        .insert("cbvmda:itemExpirationDate".to_owned(), "2027-12-31".into());
    let own = Namespace {
        prefix: "gw".to_owned(),
        uri: "https://plant.example/gw/".to_owned(),
    };
    for (name, value) in [
        ("operator", "badge-0042"),
        ("machine", "press-3"),
        ("shift", "late"),
        ("passageId", "dock1-000017"),
    ] {
        data.extend(&own, name, value);
    }
    data
}

fn hash(criterion: &mut Criterion) {
    let kinds = [
        ("passage of 1", passage(1)),
        ("passage of 25", passage(25)),
        ("sensor report", sensed()),
        ("full transformation", full()),
        ("passage of 500", passage(500)),
    ];
    let mut group = criterion.benchmark_group("hash");
    group.throughput(Throughput::Elements(1));
    for (name, data) in &kinds {
        group.bench_function(format!("{name}: Event::new"), |bench| {
            bench.iter_batched(
                || data.clone(),
                |data| Event::new(data).unwrap().id(),
                BatchSize::SmallInput,
            );
        });
        let event = Event::new(data.clone()).unwrap();
        let json: Value = serde_json::from_str(&event.to_json()).unwrap();
        group.bench_function(format!("{name}: hash_json"), |bench| {
            bench.iter(|| hash_json(black_box(&json), &Value::Null).unwrap().id());
        });
    }
    group.finish();
}

criterion_group!(benches, hash);
criterion_main!(benches);
