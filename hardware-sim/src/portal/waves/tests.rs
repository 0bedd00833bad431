//! The waves do what waves do.
