//! What EPCIS refuses in sensor elements.

use super::{InvalidEvent, Problem, extensions, uri, word};
use crate::sensor::{Content, Field, SensorElement};

pub(super) fn element(place: &str, element: &SensorElement) -> Result<(), InvalidEvent> {
    if element.reports.is_empty() {
        return Err(Problem::NoReport.at(format!("{place}.sensorReport")));
    }
    let metadata = format!("{place}.sensorMetadata.");
    fields(&metadata, element.metadata.fields())?;
    extensions(&metadata, &element.metadata.extensions)?;
    for (at, report) in element.reports.iter().enumerate() {
        let place = format!("{place}.sensorReport[{at}].");
        fields(&place, report.fields())?;
        extensions(&place, &report.extensions)?;
    }
    extensions(&format!("{place}."), &element.extensions)
}

fn fields<'a>(
    place: &str,
    mut fields: impl Iterator<Item = Field<'a>>,
) -> Result<(), InvalidEvent> {
    fields.try_for_each(|(name, content)| match content {
        Content::Word(vocabulary, text) => word(|| format!("{place}{name}"), text, vocabulary),
        Content::Uri(text) => uri(|| format!("{place}{name}"), text),
        Content::Hex(text)
            if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            Err(Problem::NotHex(text.to_owned()).at(format!("{place}{name}")))
        }
        Content::Text(_)
        | Content::Hex(_)
        | Content::Time(_)
        | Content::Number(_)
        | Content::Truth(_) => Ok(()),
    })
}
