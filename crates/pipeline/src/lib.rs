//! From reads to movements.
