//! Random sensor elements: everything an element may hold, with and without fields of another namespace.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};
use tracegate_epcis::{
    EventTime, Extensions, Measure, SensorElement, SensorMetadata, SensorReport, measurement_types,
};

/// The prefix of extension fields; events that hold some declare it.
pub const PREFIX: &str = "gw";

pub fn any_element() -> impl Strategy<Value = SensorElement> {
    (any_metadata(), vec(any_report(), 1..4), rare_extensions()).prop_map(
        |(metadata, reports, extensions)| SensorElement {
            metadata,
            reports,
            extensions,
        },
    )
}

fn any_metadata() -> impl Strategy<Value = SensorMetadata> {
    let times = (
        option::of(super::any_time()),
        option::of(super::any_time()),
        option::of(super::any_time()),
    );
    (times, vec(option::of(super::uri()), 5), rare_extensions()).prop_map(
        |((time, start_time, end_time), mut uris, extensions)| {
            let mut next = || uris.pop().flatten();
            SensorMetadata {
                time,
                start_time,
                end_time,
                device_id: next(),
                device_metadata: next(),
                raw_data: next(),
                data_processing_method: next(),
                biz_rules: next(),
                extensions,
            }
        },
    )
}

fn any_report() -> impl Strategy<Value = SensorReport> {
    let words = (
        prop_oneof![
            super::word(measurement_types()),
            super::word(["Temperature", "Time"].into_iter()),
            super::site_uri()
        ],
        option::of(prop_oneof![
            super::word(["ALARM_CONDITION", "ERROR_CONDITION"].into_iter()),
            super::site_uri()
        ]),
        option::of(prop_oneof![
            super::word(["x", "y", "altitude", "gw:axis"].into_iter()),
            super::site_uri()
        ]),
    );
    let others = (
        option::of(super::any_time()),
        option::of(any_text()),
        option::of(any::<bool>()),
        option::of("[0-9A-Fa-f]{1,16}".prop_filter("a finite number", |text| is_finite(text))),
        option::of(prop_oneof![Just("CEL".to_owned()), any_text()]),
    );
    (
        words,
        others,
        vec(option::weighted(0.2, super::uri()), 8),
        option::weighted(0.1, super::uri()),
        vec(option::weighted(0.3, any_measure()), 7),
        rare_extensions(),
    )
        .prop_map(
            |(words, others, mut uris, biz_rules, mut values, extensions)| {
                let mut uri = || uris.pop().flatten();
                let mut value = || values.pop().flatten();
                SensorReport {
                    kind: words.0,
                    exception: words.1,
                    component: words.2,
                    time: others.0,
                    string_value: others.1,
                    boolean_value: others.2,
                    hex_binary_value: others.3,
                    uom: others.4,
                    device_id: uri(),
                    device_metadata: uri(),
                    raw_data: uri(),
                    data_processing_method: uri(),
                    biz_rules,
                    microorganism: uri(),
                    chemical_substance: uri(),
                    uri_value: uri(),
                    coordinate_reference_system: uri(),
                    value: value(),
                    min_value: value(),
                    max_value: value(),
                    mean_value: value(),
                    s_dev: value(),
                    perc_rank: value(),
                    perc_value: value(),
                    extensions,
                }
            },
        )
}

fn any_measure() -> impl Strategy<Value = Measure> {
    prop_oneof![
        any::<i32>().prop_map(Measure::from),
        "-?[0-9]{1,8}(\\.[0-9]{1,7})?".prop_map(|text| text.parse().unwrap()),
        "-?0\\.0{3,9}[0-9]{1,9}".prop_map(|text| text.parse().unwrap()),
    ]
}

/// Text of every look: words of the vocabulary, numbers, names with a prefix, white space and quotes.
pub fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~é€\n\t]{0,12}".prop_filter("a finite number", |text| is_finite(text)),
        "-?[0-9]{1,20}(\\.[0-9]{1,4})?",
        super::word(
            [
                "Temperature",
                "x",
                "receiving",
                "gw:late",
                " ",
                "True",
                "cbv:Disp-active"
            ]
            .into_iter()
        ),
        super::uri(),
    ]
}

/// Infinite numbers and digits beyond ASCII have no event hash.
fn is_finite(text: &str) -> bool {
    let plain = text.trim().replace('_', "");
    plain.parse::<f64>().map_or(true, f64::is_finite)
}

/// Mostly none: events with extensions inside of sensor elements are hashed the long way round.
fn rare_extensions() -> impl Strategy<Value = Extensions> {
    prop_oneof![8 => Just(Extensions::new()), 1 => any_extensions()]
}

pub fn any_extensions() -> impl Strategy<Value = Extensions> {
    let name = prop_oneof![
        "gw:[a-z]{1,6}",
        super::word(["gw:actionList", "gw:eventTime", "cbvmda:lotNumber"].into_iter())
    ];
    vec((name, any_json()), 1..4).prop_map(Extensions::from_iter)
}

pub fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any_text().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e6..1e6).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(json!(null)),
    ];
    // JSON-LD wants texts in these two.
    let name = "(gw:)?[a-z]{1,4}".prop_filter("a free name", |name| name != "id" && name != "type");
    leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((name.clone(), inner), 0..4)
                .prop_map(|fields| Value::Object(Extensions::from_iter(fields))),
        ]
    })
}

/// A truck's cold chain over half an hour, as a logger reports it.
pub fn logger(time: EventTime) -> SensorElement {
    SensorElement {
        metadata: SensorMetadata {
            time: Some(time),
            device_id: Some("urn:epc:id:giai:4012345.logger-7".to_owned()),
            ..SensorMetadata::default()
        },
        reports: vec![
            SensorReport {
                min_value: Measure::rounded(-19.25, 1),
                max_value: Measure::rounded(-17.0, 1),
                uom: Some("CEL".to_owned()),
                ..SensorReport::of("Temperature")
            },
            SensorReport {
                exception: Some("ALARM_CONDITION".to_owned()),
                boolean_value: Some(true),
                ..SensorReport::of("https://plant.example/voc/tamper")
            },
        ],
        extensions: Extensions::new(),
    }
}
