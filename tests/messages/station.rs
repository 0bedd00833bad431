//! A station as the status message tells of it.

use tracegate::health::{Health, StationVerdict};
use tracegate_pipeline::Time;
use tracegate_pipeline::config::TaskKind;
use tracegate_pipeline::input::{RefusedNow, StationNow};

/// Something was refused at `line_1` just now, and waits to be cleared.
pub fn refuses(health: &Health) {
    let refused = StationVerdict {
        verdict: "refused",
        at: Time(jiff::Timestamp::now().as_microsecond()),
        device: Some("pack_1".to_owned()),
        text: Some("lot B-9 is not released (hold)".to_owned()),
        rule: Some("lot_hold"),
        operator: Some("0042".to_owned()),
    };
    health.told_at("line_1", refused.clone());
    health.stand(vec![StationNow {
        read_point: "line_1".to_owned(),
        task: TaskKind::Issue,
        operator: None,
        job: None,
        refused: Some(RefusedNow {
            at: refused.at,
            text: refused.text.unwrap_or_default(),
        }),
        ends: None,
    }]);
}
