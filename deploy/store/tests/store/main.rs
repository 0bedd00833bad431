//! The store as a site runs it: a real Mosquitto, a real PostgreSQL, the real program, killed in the middle.

#[path = "../../../../tests/support/leash.rs"]
mod leash;
#[path = "../../../../tests/support/mosquitto.rs"]
mod mosquitto;
#[path = "../../../../tests/support/postgres.rs"]
mod postgres;
mod publisher;
mod recall;
#[path = "../../../../tests/support/store.rs"]
mod store;
mod survival;

use std::path::Path;

/// The program under test.
fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tracegate-store"))
}
