//! What receivers of active tags, and readers that publish, send.

use std::collections::BTreeMap;

use tracegate_feed::active::publish::{MAX_EVENTS, impinj_r700, zebra_iotc};
use tracegate_feed::active::{Form, Found, Layout};

/// A first byte that says how it is written, then a frame. What is taken is within bounds.
///
/// # Panics
/// If it is not.
pub fn beacon(data: &[u8]) {
    let Some((kind, frame)) = data.split_first() else {
        return;
    };
    let fields = || BTreeMap::from([("tag_id".to_owned(), "/id".to_owned())]);
    let form = match kind % 6 {
        0 => Form::Json {
            fields: fields(),
            list: None,
        },
        1 => Form::Json {
            fields: BTreeMap::new(),
            list: Some("/list".to_owned()),
        },
        2 => Form::Keys {
            fields: BTreeMap::new(),
            separator: ',',
        },
        3 => Form::Csv {
            fields: [("tag_id".to_owned(), 1), ("rssi_dbm".to_owned(), 2)].into(),
            separator: ';',
        },
        other => {
            let sightings = if other == 4 {
                impinj_r700(frame)
            } else {
                zebra_iotc(frame)
            };
            let sightings = sightings.unwrap_or_default();
            assert!(sightings.len() <= MAX_EVENTS);
            assert!(
                sightings
                    .iter()
                    .all(|it| it.antenna > 0 && (1..=62).contains(&it.epc.len()))
            );
            return;
        }
    };
    let layout = Layout::new(form, &["PING*".to_owned()]).expect("the form is good");
    let Found::Beacons(beacons) = layout.read(frame) else {
        return;
    };
    for beacon in beacons.into_iter().flatten() {
        assert!((1..=64).contains(&beacon.tag_id.len()));
        assert!(beacon.tag_id.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(beacon.signal.battery_pct.is_none_or(|pct| pct <= 100));
    }
}
