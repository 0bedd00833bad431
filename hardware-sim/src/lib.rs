//! Simulated devices, an embedded broker and a traceability store that keeps score.
//!
//! Everything the daemon meets on a plant floor, in one process and over the real protocols: LLRP readers on TCP,
//! scanners on ptys and TCP, an MQTT 5 broker, and a store that subscribes to the events and compares them with what
//! really happened. The demo and the end-to-end tests are built from the same pieces.
//!
//! * [`scenario`] says what happens: pallets through dock doors, lots scanned at lines, with ground truth. Pure:
//!   the same seed gives the same [`Timeline`](scenario::Timeline).
//! * [`reader`], [`scanner`] and [`marker`] are the devices; [`player`] plays a timeline into them in real time.
//! * [`module`] switches lamps on command, over Modbus/TCP.
//! * [`receiver`] hears active tags, over TCP, UDP or MQTT.
//! * [`broker`] is the MQTT side; [`ledger`] counts what arrived against the truth.
//! * [`proxy`] is a network that fails on command, between any two of them.
//! * [`demo`] puts all of them together. The program `sim-reader` is one reader for other programs.
//! * [`portal`] is apart from these: docks and belts with their physics, straight into the pipeline, scored.
//!
//! Dropping any of the running things stops its tasks and frees its port.

pub mod broker;
pub mod demo;
pub mod ledger;
pub mod marker;
pub mod module;
pub mod player;
pub mod portal;
pub mod proxy;
pub mod reader;
pub mod receiver;
pub mod scanner;
pub mod scenario;

mod clock;
mod task;
mod wait;

pub use clock::utc_us;
pub use task::Task;
pub use wait::{DeadlineMissed, wait_until};
