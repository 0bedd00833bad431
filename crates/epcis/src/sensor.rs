//! Sensor data on events (EPCIS 2.0 §7.3.7): what was measured, when, and by which device.

use crate::decimal::Measure;
use crate::parts::Extensions;
use crate::time::EventTime;
use crate::vocabulary::Vocabulary;

/// Reports that belong together, with what holds for all of them (EPCIS 2.0 §7.3.7.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct SensorElement {
    /// What holds for all the reports.
    pub metadata: SensorMetadata,
    /// What was observed; at least one.
    pub reports: Vec<SensorReport>,
    /// Fields of other namespaces.
    pub extensions: Extensions,
}

/// When and how the reports of an element came about (EPCIS 2.0 §7.3.7.2). Identifiers are URIs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct SensorMetadata {
    /// When it was measured, if at one instant.
    pub time: Option<EventTime>,
    /// When the measured time span began.
    pub start_time: Option<EventTime>,
    /// When the measured time span ended.
    pub end_time: Option<EventTime>,
    /// The sensor, such as its GIAI.
    pub device_id: Option<String>,
    /// Where its technical data is described.
    pub device_metadata: Option<String>,
    /// Where the raw data is kept.
    pub raw_data: Option<String>,
    /// How the raw data was processed.
    pub data_processing_method: Option<String>,
    /// The rules the report was made after.
    pub biz_rules: Option<String>,
    /// Fields of other namespaces.
    pub extensions: Extensions,
}

/// One observed property (EPCIS 2.0 §7.3.7.3). Identifiers are URIs.
///
/// ```
/// use tracegate_epcis::{Measure, SensorReport};
///
/// let report = SensorReport {
///     value: Measure::rounded(-18.46, 1),
///     uom: Some("CEL".to_owned()),
///     ..SensorReport::of("Temperature")
/// };
/// assert_eq!(report.value.as_ref().map(Measure::as_str), Some("-18.5"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct SensorReport {
    /// What was measured: a bare word of the GS1 web vocabulary (`Temperature`) or a URI of another one.
    pub kind: String,
    /// `ALARM_CONDITION`, `ERROR_CONDITION`, or a URI of another vocabulary.
    pub exception: Option<String>,
    /// The sensor, where it differs from the metadata's.
    pub device_id: Option<String>,
    /// Where its technical data is described.
    pub device_metadata: Option<String>,
    /// Where the raw data is kept.
    pub raw_data: Option<String>,
    /// How the raw data was processed.
    pub data_processing_method: Option<String>,
    /// The rules the report was made after.
    pub biz_rules: Option<String>,
    /// When it was measured.
    pub time: Option<EventTime>,
    /// The micro-organism that was looked for.
    pub microorganism: Option<String>,
    /// The substance that was looked for.
    pub chemical_substance: Option<String>,
    /// The measured value.
    pub value: Option<Measure>,
    /// Which part of a vector: a bare word of the vocabulary (`x`, `latitude`) or a URI.
    pub component: Option<String>,
    /// The observation as text.
    pub string_value: Option<String>,
    /// The observation as yes or no.
    pub boolean_value: Option<bool>,
    /// The observation as hex digits. In the event hash digits alone count as a number.
    pub hex_binary_value: Option<String>,
    /// The observation as a URI.
    pub uri_value: Option<String>,
    /// The least value of the time span.
    pub min_value: Option<Measure>,
    /// The greatest value of the time span.
    pub max_value: Option<Measure>,
    /// The arithmetic mean over the time span.
    pub mean_value: Option<Measure>,
    /// The standard deviation over the time span.
    pub s_dev: Option<Measure>,
    /// The percentile that `perc_value` is.
    pub perc_rank: Option<Measure>,
    /// The value at the percentile `perc_rank`.
    pub perc_value: Option<Measure>,
    /// Unit of the values as UN/CEFACT recommendation 20 code (`CEL`).
    pub uom: Option<String>,
    /// What positions refer to.
    pub coordinate_reference_system: Option<String>,
    /// Fields of other namespaces.
    pub extensions: Extensions,
}

impl SensorReport {
    /// A report of a measurement type and nothing else; set what was measured.
    #[must_use]
    pub fn of(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            ..Self::default()
        }
    }
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content<'a> {
    Word(Vocabulary, &'a str),
    Uri(&'a str),
    Text(&'a str),
    Hex(&'a str),
    Time(EventTime),
    Number(&'a Measure),
    Truth(bool),
}

pub(crate) type Field<'a> = (&'static str, Content<'a>);

impl SensorElement {
    /// It holds fields that the order of the event hash does not name.
    pub(crate) fn is_extended(&self) -> bool {
        !self.extensions.is_empty()
            || !self.metadata.extensions.is_empty()
            || self
                .reports
                .iter()
                .any(|report| !report.extensions.is_empty() || report.biz_rules.is_some())
    }
}

impl SensorMetadata {
    pub(crate) fn is_empty(&self) -> bool {
        self.fields().next().is_none() && self.extensions.is_empty()
    }

    /// The fields that are there by their JSON names, in the order of the event hash (CBV 2.0 §8.9).
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        [
            time("time", self.time),
            time("startTime", self.start_time),
            time("endTime", self.end_time),
            uri("deviceID", self.device_id.as_deref()),
            uri("deviceMetadata", self.device_metadata.as_deref()),
            uri("rawData", self.raw_data.as_deref()),
            uri(
                "dataProcessingMethod",
                self.data_processing_method.as_deref(),
            ),
            uri("bizRules", self.biz_rules.as_deref()),
        ]
        .into_iter()
        .flatten()
    }
}

impl SensorReport {
    /// The fields that are there by their JSON names, in the order of the event hash (CBV 2.0 §8.9); `bizRules`, which
    /// it does not name, is last.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        [
            Some((
                "type",
                Content::Word(Vocabulary::MeasurementType, &self.kind),
            )),
            word(
                "exception",
                Vocabulary::SensorException,
                self.exception.as_deref(),
            ),
            uri("deviceID", self.device_id.as_deref()),
            uri("deviceMetadata", self.device_metadata.as_deref()),
            uri("rawData", self.raw_data.as_deref()),
            uri(
                "dataProcessingMethod",
                self.data_processing_method.as_deref(),
            ),
            time("time", self.time),
            uri("microorganism", self.microorganism.as_deref()),
            uri("chemicalSubstance", self.chemical_substance.as_deref()),
            number("value", self.value.as_ref()),
            word(
                "component",
                Vocabulary::Component,
                self.component.as_deref(),
            ),
            text("stringValue", self.string_value.as_deref()),
            self.boolean_value
                .map(|truth| ("booleanValue", Content::Truth(truth))),
            self.hex_binary_value
                .as_deref()
                .map(|digits| ("hexBinaryValue", Content::Hex(digits))),
            uri("uriValue", self.uri_value.as_deref()),
            number("minValue", self.min_value.as_ref()),
            number("maxValue", self.max_value.as_ref()),
            number("meanValue", self.mean_value.as_ref()),
            number("sDev", self.s_dev.as_ref()),
            number("percRank", self.perc_rank.as_ref()),
            number("percValue", self.perc_value.as_ref()),
            text("uom", self.uom.as_deref()),
            uri(
                "coordinateReferenceSystem",
                self.coordinate_reference_system.as_deref(),
            ),
            uri("bizRules", self.biz_rules.as_deref()),
        ]
        .into_iter()
        .flatten()
    }
}

fn time(name: &'static str, time: Option<EventTime>) -> Option<Field<'static>> {
    time.map(|time| (name, Content::Time(time)))
}

fn uri<'a>(name: &'static str, uri: Option<&'a str>) -> Option<Field<'a>> {
    uri.map(|uri| (name, Content::Uri(uri)))
}

fn text<'a>(name: &'static str, text: Option<&'a str>) -> Option<Field<'a>> {
    text.map(|text| (name, Content::Text(text)))
}

fn number<'a>(name: &'static str, value: Option<&'a Measure>) -> Option<Field<'a>> {
    value.map(|value| (name, Content::Number(value)))
}

fn word<'a>(
    name: &'static str,
    vocabulary: Vocabulary,
    text: Option<&'a str>,
) -> Option<Field<'a>> {
    text.map(|text| (name, Content::Word(vocabulary, text)))
}
