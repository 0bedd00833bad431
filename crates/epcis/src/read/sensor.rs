//! Sensor elements from JSON.

use super::ReadError;
use super::fields::Fields;
use crate::sensor::{SensorElement, SensorMetadata, SensorReport};

pub(super) fn element(fields: &Fields<'_>) -> Result<SensorElement, ReadError> {
    let metadata = match fields.object("sensorMetadata")? {
        Some(fields) => metadata(&fields)?,
        None => SensorMetadata::default(),
    };
    Ok(SensorElement {
        metadata,
        reports: fields.list("sensorReport", report)?,
        extensions: fields.extensions(),
    })
}

fn metadata(fields: &Fields<'_>) -> Result<SensorMetadata, ReadError> {
    Ok(SensorMetadata {
        time: fields.time("time")?,
        start_time: fields.time("startTime")?,
        end_time: fields.time("endTime")?,
        device_id: fields.text("deviceID")?,
        device_metadata: fields.text("deviceMetadata")?,
        raw_data: fields.text("rawData")?,
        data_processing_method: fields.text("dataProcessingMethod")?,
        biz_rules: fields.text("bizRules")?,
        extensions: fields.extensions(),
    })
}

fn report(fields: &Fields<'_>) -> Result<SensorReport, ReadError> {
    Ok(SensorReport {
        kind: fields.needed("type")?,
        exception: fields.text("exception")?,
        device_id: fields.text("deviceID")?,
        device_metadata: fields.text("deviceMetadata")?,
        raw_data: fields.text("rawData")?,
        data_processing_method: fields.text("dataProcessingMethod")?,
        biz_rules: fields.text("bizRules")?,
        time: fields.time("time")?,
        microorganism: fields.text("microorganism")?,
        chemical_substance: fields.text("chemicalSubstance")?,
        value: fields.number("value")?,
        component: fields.text("component")?,
        string_value: fields.text("stringValue")?,
        boolean_value: fields.truth("booleanValue")?,
        hex_binary_value: fields.text("hexBinaryValue")?,
        uri_value: fields.text("uriValue")?,
        min_value: fields.number("minValue")?,
        max_value: fields.number("maxValue")?,
        mean_value: fields.number("meanValue")?,
        s_dev: fields.number("sDev")?,
        perc_rank: fields.number("percRank")?,
        perc_value: fields.number("percValue")?,
        uom: fields.text("uom")?,
        coordinate_reference_system: fields.text("coordinateReferenceSystem")?,
        extensions: fields.extensions(),
    })
}
