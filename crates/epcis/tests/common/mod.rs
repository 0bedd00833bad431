//! Random valid events, and where the shared folder is.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    reason = "clippy takes only marked functions for tests"
)]

mod event;
pub mod schema;
pub mod sensor;

pub use event::any_event;

use std::path::PathBuf;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use tracegate_epcis::{Action, BizTransaction, Decimal, EventData, EventTime, Namespace, Quantity};

/// The path of a file in the shared folder; `None`, said aloud, when it is not there.
pub fn shared(file: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TRACEGATE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = root.join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "NOT CHECKED: {} is not there (set TRACEGATE_SHARED)",
        path.display()
    );
    None
}

/// A small fixed event, for tests that look at the bytes.
pub fn pallet_received() -> EventData {
    let time = EventTime::new(1_795_338_930_123_456, 60).unwrap();
    let lot = Quantity {
        epc_class: "https://id.gs1.org/01/09521321120008/10/L-42".to_owned(),
        quantity: Some("12.50".parse().unwrap()),
        uom: Some("KGM".to_owned()),
    };
    let epcs = vec![
        "urn:epc:id:sscc:0952123.1456789123".to_owned(),
        "https://id.gs1.org/01/09521321120008/21/A%2F7".to_owned(),
    ];
    let mut data = EventData::object(time, Action::Observe, epcs, vec![lot]);
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

/// A carton with its children, packed.
pub fn carton_packed() -> EventData {
    let time = EventTime::new(1_795_338_930_000_000, -330).unwrap();
    let parent = Some("https://id.gs1.org/00/095201234567891235".to_owned());
    let children = vec![
        "urn:epc:id:sgtin:0952132.012000.7".to_owned(),
        "urn:epc:id:sgtin:0952132.012000.10".to_owned(),
    ];
    let screws = Quantity {
        epc_class: "urn:epc:class:lgtin:0952132.012000.L42".to_owned(),
        quantity: Some(Decimal::from(200)),
        uom: None,
    };
    let mut data = EventData::aggregation(time, Action::Add, parent, children, vec![screws]);
    data.biz_step = Some("https://plant.example/bizstep/kitting".to_owned());
    data
}

/// Failing cases are written beside the test file and tried first from then on.
pub fn config() -> ProptestConfig {
    let beside = FileFailurePersistence::WithSource("regressions");
    ProptestConfig {
        failure_persistence: Some(Box::new(beside)),
        ..ProptestConfig::default()
    }
}

pub fn own_namespace() -> Namespace {
    Namespace {
        prefix: sensor::PREFIX.to_owned(),
        uri: "https://plant.example/gw/".to_owned(),
    }
}

pub fn any_time() -> impl Strategy<Value = EventTime> {
    (
        -62_000_000_000_000_000_i64..250_000_000_000_000_000,
        -840_i16..=840,
    )
        .prop_map(|(micros, offset)| EventTime::new(micros, offset).unwrap())
}

pub fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(Action::Observe),
        Just(Action::Add),
        Just(Action::Delete)
    ]
}

pub fn any_quantity() -> impl Strategy<Value = Quantity> {
    let amount = prop_oneof![
        (0_u32..5000).prop_map(|count| (Some(Decimal::from(count)), None)),
        ("[0-9]{1,8}(\\.[0-9]{1,7})?", "[A-Z]{2,3}")
            .prop_filter_map("a finite unit", |(amount, uom)| {
                (uom != "INF").then(|| (amount.parse::<Decimal>().ok(), Some(uom)))
            }),
        Just((None, None)),
    ];
    (uri(), amount).prop_map(|(epc_class, (quantity, uom))| Quantity {
        epc_class,
        quantity,
        uom,
    })
}

pub fn distinct_uris() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::hash_set(uri(), 0..8).prop_map(|set| {
        let mut list: Vec<_> = set.into_iter().collect();
        list.sort();
        list
    })
}

/// Identifiers of both notations, with the characters that make the notations differ.
pub fn uri() -> impl Strategy<Value = String> {
    prop_oneof![
        "urn:epc:id:sgtin:[0-9]{7}\\.[0-9]{6}\\.[A-Za-z0-9!'()*+,:;=_.-]{1,20}",
        "urn:epc:id:sgtin:[0-9]{9}\\.[0-9]{4}\\.(%2F|%22|%3C|[0-9]){1,6}",
        "urn:epc:id:sscc:[0-9]{8}\\.[0-9]{9}",
        "urn:epc:id:sgln:[0-9]{7}\\.[0-9]{5}\\.(0|dock[0-9])",
        "urn:epc:class:lgtin:[0-9]{7}\\.[0-9]{6}\\.[A-Z0-9-]{1,20}",
        "urn:epc:idpat:sgtin:[0-9]{7}\\.[0-9]{6}\\.\\*",
        "https://id\\.gs1\\.org/01/[0-9]{14}(/10/[A-Z0-9]{1,20})?(/21/[A-Z0-9'%]{0}[A-Z0-9;=_-]{1,20})?",
        "https://id\\.gs1\\.org/00/[0-9]{18}",
        "https://dl\\.example/gtin/[0-9]{12,14}/lot/[A-Z0-9]{1,9}(\\?17=261231)?",
        site_uri(),
    ]
}

pub fn site_uri() -> impl Strategy<Value = String> {
    "https://[a-z]{3,8}\\.example/[a-z]{1,9}/[A-Za-z0-9._~-]{1,12}"
}

pub fn word(words: impl Iterator<Item = &'static str>) -> impl Strategy<Value = String> {
    proptest::sample::select(words.map(str::to_owned).collect::<Vec<_>>())
}
