//! The words of the Core Business Vocabulary (CBV 2.0) that an event may hold bare, in alphabetical order.
//!
//! In JSON they stand bare (`receiving`); in the event hash they stand as web URIs
//! (`https://ref.gs1.org/cbv/BizStep-receiving`).

const CBV: &str = "https://ref.gs1.org/cbv/";
const GS1: &str = "https://gs1.org/voc/";

/// One vocabulary: where its words are legal is decided by the field that holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vocabulary {
    BizStep,
    Disposition,
    BizTransactionType,
    SourceDestType,
    ErrorReason,
    Component,
    MeasurementType,
    SensorException,
}

impl Vocabulary {
    /// The web URI of a word of this vocabulary; `None` for any other text.
    pub(crate) fn web_uri(self, word: &str) -> Option<String> {
        let prefix = match self {
            Self::BizStep => "BizStep-",
            Self::Disposition => "Disp-",
            Self::BizTransactionType => "BTT-",
            Self::SourceDestType => "SDT-",
            Self::ErrorReason => "ER-",
            Self::Component => "Comp-",
            Self::MeasurementType | Self::SensorException => "",
        };
        let base = if self.is_web_vocabulary() { GS1 } else { CBV };
        self.has(word).then(|| format!("{base}{prefix}{word}"))
    }

    /// The text is one of its bare words.
    pub(crate) fn has(self, word: &str) -> bool {
        let words = match self {
            Self::BizStep => BIZ_STEPS,
            Self::Disposition => DISPOSITIONS,
            Self::BizTransactionType => BIZ_TRANSACTION_TYPES,
            Self::SourceDestType => SOURCE_DEST_TYPES,
            Self::ErrorReason => ERROR_REASONS,
            Self::Component => COMPONENTS,
            Self::MeasurementType => MEASUREMENT_TYPES,
            Self::SensorException => SENSOR_EXCEPTIONS,
        };
        words.binary_search(&word).is_ok()
    }

    /// The text spells a word as a URI, where the JSON schema wants it bare.
    pub(crate) fn spelled_out(self, uri: &str) -> bool {
        let spellings: &[&str] = if self.is_web_vocabulary() {
            &[
                "https://gs1.org/voc/",
                "http://gs1.org/voc/",
                "https://www.gs1.org/voc/",
                "http://www.gs1.org/voc/",
            ]
        } else {
            &[
                "urn:epcglobal:cbv",
                "http://ns.gs1.org/cbv/",
                "https://ns.gs1.org/cbv/",
            ]
        };
        spellings.iter().any(|spelling| uri.starts_with(spelling))
    }

    /// Words of the GS1 web vocabulary; the others are of the CBV.
    fn is_web_vocabulary(self) -> bool {
        matches!(self, Self::MeasurementType | Self::SensorException)
    }
}

/// The text is a web URI of one of the vocabularies that the event hash writes out.
pub(crate) fn is_web_uri(text: &str) -> bool {
    text.starts_with("https://ref.gs1.org/cbv") || text.starts_with("https://gs1.org/voc")
}

/// The text is one of the 41 business steps (CBV 2.0 §7.1).
#[must_use]
pub fn is_biz_step(word: &str) -> bool {
    Vocabulary::BizStep.has(word)
}

/// The text is one of the 33 dispositions (CBV 2.0 §7.2).
#[must_use]
pub fn is_disposition(word: &str) -> bool {
    Vocabulary::Disposition.has(word)
}

/// The text is one of the 13 business transaction types (CBV 2.0 §7.3).
#[must_use]
pub fn is_biz_transaction_type(word: &str) -> bool {
    Vocabulary::BizTransactionType.has(word)
}

/// All business steps, in alphabetical order.
pub fn biz_steps() -> impl ExactSizeIterator<Item = &'static str> {
    BIZ_STEPS.iter().copied()
}

/// All dispositions, in alphabetical order.
pub fn dispositions() -> impl ExactSizeIterator<Item = &'static str> {
    DISPOSITIONS.iter().copied()
}

/// All business transaction types, in alphabetical order.
pub fn biz_transaction_types() -> impl ExactSizeIterator<Item = &'static str> {
    BIZ_TRANSACTION_TYPES.iter().copied()
}

/// The three source and destination types (CBV 2.0 §7.4), in alphabetical order.
pub fn source_dest_types() -> impl ExactSizeIterator<Item = &'static str> {
    SOURCE_DEST_TYPES.iter().copied()
}

/// The 72 measurement types of the GS1 web vocabulary that a sensor report may hold bare, in alphabetical order.
pub fn measurement_types() -> impl ExactSizeIterator<Item = &'static str> {
    MEASUREMENT_TYPES.iter().copied()
}

#[rustfmt::skip]
const BIZ_STEPS: &[&str] = &[
    "accepting", "arriving", "assembling", "collecting", "commissioning", "consigning",
    "creating_class_instance", "cycle_counting", "decommissioning", "departing", "destroying",
    "disassembling", "dispensing", "encoding", "entering_exiting", "holding", "inspecting",
    "installing", "killing", "loading", "other", "packing", "picking", "receiving", "removing",
    "repackaging", "repairing", "replacing", "reserving", "retail_selling", "sampling",
    "sensor_reporting", "shipping", "staging_outbound", "stock_taking", "stocking", "storing",
    "transporting", "unloading", "unpacking", "void_shipping",
];

#[rustfmt::skip]
const DISPOSITIONS: &[&str] = &[
    "active", "available", "completeness_inferred", "completeness_verified", "conformant",
    "container_closed", "container_open", "damaged", "destroyed", "dispensed", "disposed",
    "encoded", "expired", "in_progress", "in_transit", "inactive", "mismatch_class",
    "mismatch_instance", "mismatch_quantity", "needs_replacement", "no_pedigree_match",
    "non_conformant", "non_sellable_other", "partially_dispensed", "recalled", "reserved",
    "retail_sold", "returned", "sellable_accessible", "sellable_not_accessible", "stolen",
    "unavailable", "unknown",
];

#[rustfmt::skip]
const BIZ_TRANSACTION_TYPES: &[&str] = &[
    "bol", "cert", "desadv", "inv", "pedigree", "po", "poc", "prodorder", "recadv", "rma",
    "testprd", "testres", "upevt",
];

#[rustfmt::skip]
const SOURCE_DEST_TYPES: &[&str] = &[
    "location", "owning_party", "possessing_party",
];

#[rustfmt::skip]
const ERROR_REASONS: &[&str] = &[
    "did_not_occur", "incorrect_data",
];

#[rustfmt::skip]
const COMPONENTS: &[&str] = &[
    "altitude", "axial_distance", "azimuth", "easting", "elevation_angle", "height", "latitude",
    "longitude", "northing", "polar_angle", "spherical_radius", "x", "y", "z",
];

#[rustfmt::skip]
const SENSOR_EXCEPTIONS: &[&str] = &[
    "ALARM_CONDITION", "ERROR_CONDITION",
];

#[rustfmt::skip]
const MEASUREMENT_TYPES: &[&str] = &[
    "AbsoluteHumidity", "AbsorbedDose", "AbsorbedDoseRate", "Acceleration", "Altitude",
    "AmountOfSubstance", "AmountOfSubstancePerUnitVolume", "Angle", "AngularAcceleration",
    "AngularMomentum", "AngularVelocity", "Area", "Capacitance", "Conductance", "Conductivity",
    "Count", "Density", "Dimensionless", "DoseEquivalent", "DoseEquivalentRate",
    "DynamicViscosity", "ElectricCharge", "ElectricCurrent", "ElectricCurrentDensity",
    "ElectricFieldStrength", "Energy", "Exposure", "Force", "Frequency", "Illuminance",
    "Inductance", "Irradiance", "KinematicViscosity", "Length", "LinearMomentum", "Luminance",
    "LuminousFlux", "LuminousIntensity", "MagneticFlux", "MagneticFluxDensity",
    "MagneticVectorPotential", "Mass", "MassConcentration", "MassFlowRate", "MassPerAreaTime",
    "MemoryCapacity", "MolalityOfSolute", "MolarEnergy", "MolarMass", "MolarVolume", "Power",
    "Pressure", "RadiantFlux", "RadiantIntensity", "Radioactivity", "RelativeHumidity",
    "Resistance", "Resistivity", "SolidAngle", "SpecificVolume", "Speed", "SurfaceDensity",
    "SurfaceTension", "Temperature", "Time", "Torque", "Voltage", "Volume", "VolumeFlowRate",
    "VolumeFraction", "VolumetricFlux", "Wavenumber",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_complete() {
        let tables = [
            BIZ_STEPS,
            DISPOSITIONS,
            BIZ_TRANSACTION_TYPES,
            SOURCE_DEST_TYPES,
            ERROR_REASONS,
            COMPONENTS,
            SENSOR_EXCEPTIONS,
            MEASUREMENT_TYPES,
        ];
        for table in tables {
            assert!(table.is_sorted_by(|a, b| a < b), "{table:?}");
        }
        assert_eq!(tables.map(<[_]>::len), [41, 33, 13, 3, 2, 14, 2, 72]);
    }

    #[test]
    fn words_have_web_uris() {
        assert!(is_biz_step("receiving") && !is_biz_step("Receiving") && !is_biz_step("issuing"));
        assert!(is_disposition("in_transit") && !is_disposition("receiving"));
        assert!(is_biz_transaction_type("prodorder") && !is_biz_transaction_type(""));
        assert!(
            biz_steps()
                .chain(dispositions())
                .chain(biz_transaction_types())
                .chain(source_dest_types())
                .chain(measurement_types())
                .count()
                == 162
        );
        assert_eq!(
            Vocabulary::BizTransactionType.web_uri("po").as_deref(),
            Some("https://ref.gs1.org/cbv/BTT-po")
        );
        assert_eq!(
            Vocabulary::MeasurementType.web_uri("Mass").as_deref(),
            Some("https://gs1.org/voc/Mass")
        );
        assert_eq!(Vocabulary::Disposition.web_uri("po"), None);
    }
}
