//! Conditions, the status and signs of life.

use super::*;

impl Health {
    /// Waits until the conditions name `text`; else shows what they named meanwhile.
    pub(crate) async fn says(&self, text: &str, patience: Duration) {
        let mut said = Vec::new();
        let waited = tracegate_sim::wait_until(text, patience, || {
            let condition = self.conditions().join("; ");
            let found = condition.contains(text);
            if said.last() != Some(&condition) {
                said.push(condition);
            }
            found
        });
        if let Err(error) = waited.await {
            panic!("{error}; it said {said:#?}");
        }
    }
}

#[test]
fn conditions_name_what_is_wrong_and_changes_are_told_once() {
    let health = Health::new("plant-3", "e");
    assert!(health.broker(BrokerState::Up));
    assert!(!health.broker(BrokerState::Up));
    let down = DeviceState::Down {
        reason: "connection refused".into(),
    };
    assert!(health.device("dock_1", down.clone()) && !health.device("dock_1", down));
    health.device("dock_2", DeviceState::Up);
    health.storing(Some("disk full".into()));
    assert_eq!(
        health.conditions(),
        [
            "nothing can be stored: disk full",
            "dock_1: connection refused"
        ]
    );
    let json = health.status().to_json();
    assert!(
        json.contains(r#""dock_1":{"state":"down","reason":"connection refused"}"#),
        "{json}"
    );
}

#[test]
fn problems_of_a_connected_device_are_conditions_and_its_limits_are_not() {
    let health = Health::new("plant-3", "e");
    health.broker(BrokerState::Up);
    health.device("dock_1", DeviceState::Up);
    let cable = Some("antenna 3 is disconnected; check its cable");
    assert!(health.problem("dock_1", Problem::Antenna(3), cable));
    assert!(!health.problem("dock_1", Problem::Antenna(3), cable));
    health.limit("dock_1", "it cannot pick out tags");
    health.count("dock_1", DeviceCounter::Exceptions, 2);
    assert_eq!(
        health.conditions(),
        ["dock_1: antenna 3 is disconnected; check its cable"]
    );
    let json = health.status().to_json();
    let shown = r#""dock_1":{"state":"up","problems":["antenna 3 is disconnected; check its cable"],"limits":["it cannot pick out tags"],"counters":{"exceptions":2}}"#;
    assert!(json.contains(shown), "{json}");
    // A reader that is away is one problem, not two.
    let reason = "refuses connections".to_owned();
    health.device("dock_1", DeviceState::Down { reason });
    assert_eq!(health.conditions(), ["dock_1: refuses connections"]);
    health.device("dock_1", DeviceState::Up);
    assert!(health.problem("dock_1", Problem::Antenna(3), None));
    assert!(health.conditions().is_empty());
}

#[test]
fn a_device_cannot_fill_the_memory_with_problems() {
    let health = Health::new("plant-3", "e");
    for id in 0..1000 {
        health.problem("dock_1", Problem::Antenna(id), Some("x"));
        health.limit("dock_1", &id.to_string());
    }
    let device = &health.status().devices["dock_1"];
    assert_eq!((device.problems.len(), device.limits.len()), (64, 64));
}

#[test]
fn long_or_wild_text_is_tamed() {
    assert_eq!(tame("fault\u{1b}[2J\nmore"), "fault [2J more");
    assert_eq!(tame(&"ä".repeat(1000)).chars().count(), 401);
}

#[test]
fn the_last_will_fits_into_connect() {
    let health = Health::new("plant-3", "e");
    for number in 0..1000 {
        let reason = "does not answer; check power, cable and address of the reader".repeat(3);
        health.device(&format!("dock_{number}"), DeviceState::Down { reason });
    }
    let will = health.last_will().to_json();
    assert!(will.len() < 4_000, "{} bytes", will.len());
    assert!(
        will.contains(r#""state":"offline","reason":"connection lost""#),
        "{will}"
    );
}

#[test]
fn finished_tasks_are_not_stuck() {
    let health = Health::new("plant-3", "e");
    let beat = health.beat("forward");
    assert_eq!(health.stuck(), None);
    beat.age_by(Duration::from_secs(60));
    assert_eq!(health.stuck().as_deref(), Some("forward"));
    beat.finish();
    assert_eq!(health.stuck(), None);
}
