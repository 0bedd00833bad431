//! EPCIS 2.0 events: model, JSON-LD, and the event hash id that names them.
//!
//! [`EventData`] is what a caller fills in. [`Event::new`] checks it against what EPCIS allows and computes its hash id,
//! so that an [`Event`] is always valid and always knows its id; [`Event::to_json`] writes it byte for byte the same
//! every time. [`hash_json`] computes the id of any event in JSON, our own or another system's.
//!
//! The crate does no IO, reads no clock and spawns nothing.
//!
//! ```
//! use tracegate_epcis::{Action, Event, EventData, EventTime};
//!
//! let time = EventTime::new(1_795_338_930_123_456, 60)?;
//! let pallet = vec!["https://id.gs1.org/00/095201234567891235".to_owned()];
//! let mut data = EventData::object(time, Action::Observe, pallet, Vec::new());
//! data.biz_step = Some("receiving".to_owned());
//! data.read_point = Some("urn:epc:id:sgln:4012345.00001.dock1".to_owned());
//! let event = Event::new(data)?;
//! assert!(event.to_json().contains(r#""eventTime":"2026-11-22T10:15:30.123+01:00""#));
//! assert!(event.id().to_string().starts_with("ni:///sha-256;"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(clippy::indexing_slicing)]

mod decimal;
mod event;
mod hash;
mod id;
mod parts;
mod read;
mod sensor;
mod time;
mod uri;
mod validate;
mod vocabulary;
mod what;
mod write;

pub use decimal::{Decimal, InvalidDecimal, InvalidMeasure, Measure};
pub use event::{Event, EventData};
pub use hash::{EventHash, HashError, canonical_uri, has_hash, hash_document, hash_json};
pub use id::{EventId, InvalidEventId};
pub use parts::{
    BizTransaction, ErrorDeclaration, Extensions, Namespace, PersistentDisposition, Quantity,
    SourceDest,
};
pub use read::{ReadError, Received};
pub use sensor::{SensorElement, SensorMetadata, SensorReport};
pub use time::{EventTime, InvalidTime};
pub use uri::is_uri;
pub use validate::{InvalidEvent, Problem};
pub use vocabulary::{
    biz_steps, biz_transaction_types, dispositions, is_biz_step, is_biz_transaction_type,
    is_disposition, measurement_types, source_dest_types,
};
pub use what::{Action, What};
pub use write::document;

/// The JSON-LD context that every event and document refers to (EPCIS 2.0 §10.2).
pub const CONTEXT: &str = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld";
