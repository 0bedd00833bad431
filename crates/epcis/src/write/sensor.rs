//! Sensor elements as JSON-LD.

use super::json::Json;
use crate::sensor::{Content, Field, SensorElement};

pub(super) fn element(json: &mut Json, element: &SensorElement) {
    json.object(|json| {
        if !element.metadata.is_empty() {
            json.key("sensorMetadata");
            json.object(|json| {
                fields(json, element.metadata.fields());
                json.extensions(&element.metadata.extensions);
            });
        }
        json.list("sensorReport", &element.reports, |json, report| {
            json.object(|json| {
                fields(json, report.fields());
                json.extensions(&report.extensions);
            });
        });
        json.extensions(&element.extensions);
    });
}

fn fields<'a>(json: &mut Json, fields: impl Iterator<Item = Field<'a>>) {
    for (name, content) in fields {
        match content {
            Content::Word(_, text)
            | Content::Uri(text)
            | Content::Text(text)
            | Content::Hex(text) => json.text(name, text),
            Content::Time(time) => json.text(name, &time.local()),
            Content::Number(number) => json.bare(name, number),
            Content::Truth(truth) => json.bare(name, truth),
        }
    }
}
