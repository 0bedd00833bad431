//! What an event's message has beside its payload, and how large that is.

use rumqttc::v5::mqttbytes::v5::PublishProperties;

use crate::health::Health;

/// What travels with an event.
pub(super) fn properties(
    seq: i64,
    event_id: String,
    health: &Health,
    more: Option<(&str, String)>,
) -> PublishProperties {
    let mut user_properties = vec![
        ("event_id".to_owned(), event_id),
        ("epoch".to_owned(), health.epoch()),
        ("seq".to_owned(), seq.to_string()),
    ];
    user_properties.extend(more.map(|(key, value)| (key.to_owned(), value)));
    PublishProperties {
        payload_format_indicator: Some(1),
        content_type: Some("application/ld+json".to_owned()),
        user_properties,
        ..PublishProperties::default()
    }
}

/// An upper bound of a PUBLISH packet's size (MQTT 5 §3.3).
pub(super) fn packet_size(topic: &str, payload: usize, properties: &PublishProperties) -> usize {
    // Fixed header 5, packet id 2, length of properties 4, payload format 2; each text has a length of 2, each property a
    // byte of type.
    let content_type = properties
        .content_type
        .as_ref()
        .map_or(0, |text| 3 + text.len());
    let user: usize = properties
        .user_properties
        .iter()
        .map(|(key, value)| 5 + key.len() + value.len())
        .sum();
    5 + 2 + 4 + 2 + 2 + topic.len() + content_type + user + payload
}
