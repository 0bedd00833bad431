//! The words of the Core Business Vocabulary (CBV 2.0 §7.1, §7.2, §7.3) that a configuration may use.
//!
//! An event may carry a company's own word too, as long as it is a URI; everything else is a typing mistake that
//! the traceability store would reject later, so it is caught here.

/// Business steps, CBV 2.0 §7.1.
pub const BIZ_STEPS: &[&str] = &[
    "accepting",
    "arriving",
    "assembling",
    "collecting",
    "commissioning",
    "consigning",
    "creating_class_instance",
    "cycle_counting",
    "decommissioning",
    "departing",
    "destroying",
    "disassembling",
    "dispensing",
    "encoding",
    "entering_exiting",
    "holding",
    "inspecting",
    "installing",
    "killing",
    "loading",
    "other",
    "packing",
    "picking",
    "receiving",
    "removing",
    "repackaging",
    "repairing",
    "replacing",
    "reserving",
    "retail_selling",
    "sampling",
    "sensor_reporting",
    "shipping",
    "staging_outbound",
    "stock_taking",
    "stocking",
    "storing",
    "transporting",
    "unloading",
    "unpacking",
    "void_shipping",
];

/// Dispositions, CBV 2.0 §7.2.
pub const DISPOSITIONS: &[&str] = &[
    "active",
    "available",
    "completeness_inferred",
    "completeness_verified",
    "conformant",
    "container_closed",
    "container_open",
    "damaged",
    "destroyed",
    "dispensed",
    "disposed",
    "encoded",
    "expired",
    "in_progress",
    "in_transit",
    "inactive",
    "mismatch_class",
    "mismatch_instance",
    "mismatch_quantity",
    "needs_replacement",
    "no_pedigree_match",
    "non_conformant",
    "non_sellable_other",
    "partially_dispensed",
    "recalled",
    "reserved",
    "retail_sold",
    "returned",
    "sellable_accessible",
    "sellable_not_accessible",
    "stolen",
    "unavailable",
    "unknown",
];

/// Business transaction types, CBV 2.0 §7.3.
pub const TRANSACTION_TYPES: &[&str] = &[
    "bol",
    "cert",
    "desadv",
    "inv",
    "pedigree",
    "po",
    "poc",
    "prodorder",
    "recadv",
    "rma",
    "testprd",
    "testres",
    "upevt",
];

/// True for a business step of CBV 2.0 or a URI.
pub fn is_biz_step(word: &str) -> bool {
    BIZ_STEPS.contains(&word) || is_uri(word)
}

/// True for a disposition of CBV 2.0 or a URI.
pub fn is_disposition(word: &str) -> bool {
    DISPOSITIONS.contains(&word) || is_uri(word)
}

/// True for a business transaction type of CBV 2.0 or a URI.
pub fn is_transaction_type(word: &str) -> bool {
    TRANSACTION_TYPES.contains(&word) || is_uri(word)
}

/// True for text of the form `scheme:rest` without spaces or control characters (RFC 3986 §3).
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !rest.is_empty()
        && rest
            .chars()
            .all(|c| c.is_ascii_graphic() && !"<>\"{}|\\^`".contains(c))
}

/// True for a location written as a pure identity URN (TDS 2.1 §6.3.4): company prefix and location reference have
/// twelve digits together, six to twelve of them in the prefix, and an extension follows.
pub fn is_sgln(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("urn:epc:id:sgln:") else {
        return false;
    };
    let mut parts = rest.splitn(3, '.');
    let (Some(company), Some(location), Some(extension)) =
        (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    digits(company)
        && digits(location)
        && (6..=12).contains(&company.len())
        && company.len() + location.len() == 12
        && (1..=20).contains(&extension.len())
        && extension
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "!'()*+,-.:;=_%".contains(c))
}
