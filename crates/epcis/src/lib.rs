//! EPCIS 2.0 events.
