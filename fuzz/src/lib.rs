//! Fuzz targets: one function of bytes per entry point that bytes from outside reach.
//!
//! A target panics when it finds something: a panic of what it calls, or a promise that does not hold, such as
//! decode, encode and decode giving the same. The functions are plain code, so the corpus in `corpus/` runs through
//! every target as a normal test, and the binaries in `src/bin` are one line each.
//!
//! To add a target: a function here, a line in [`TARGETS`], a binary, its `[[bin]]` in `Cargo.toml`, seeds in
//! `corpus/NAME/`, and a row in `README.md`. A test fails while one of them is missing.

pub mod active;
pub mod attached;
pub mod epc;
pub mod feed;
pub mod gs1;
pub mod journal;
pub mod llrp;

/// A target: bytes in, a panic if something is wrong.
pub type Target = fn(&[u8]);

/// Every target with its name, which is that of its binary and of its folder in `corpus/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("active_beacon", active::beacon),
    ("epc_memory", epc::memory),
    ("epc_uri", epc::uri),
    ("epc_pattern", epc::pattern),
    ("feed_frames", feed::frames),
    ("feed_ssi", feed::ssi),
    ("feed_modbus", feed::modbus),
    ("feed_hid", attached::hid),
    ("feed_wedge", attached::wedge),
    ("gs1_scan", gs1::scan),
    ("gs1_link", gs1::link),
    ("gs1_message", gs1::message),
    ("gs1_hibc", gs1::hibc),
    ("journal_row", journal::row),
    ("llrp_frames", llrp::frames),
    ("llrp_message", llrp::message),
    ("llrp_parameter", llrp::parameter),
    ("llrp_report", llrp::report),
    ("llrp_client", llrp::client),
    ("llrp_reader", llrp::reader),
];
