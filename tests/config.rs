//! The configuration as an operator meets it.
//!
//! - `tests/config/*.md`: a mistake and its rendered report side by side, byte for byte. After a change of wording,
//!   `UPDATE_EXPECT=1 cargo test --test config` writes the new reports; read the diff.
//! - schema, sample and docs/settings.md agree with the code;
//! - every file in `config/` passes, and no mutation of the reference passes in silence;
//! - no bytes and no variables panic the loader;
//! - the command and its exit codes.

use std::path::Path;

use tracegate::config::{self, Config, Format, Loaded, Report};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn load(text: &str, env: &[(String, String)]) -> Result<Loaded, Report> {
    config::from_bytes(
        Path::new("gateway.toml"),
        text.as_bytes(),
        env.iter().cloned(),
    )
}

fn reference() -> String {
    std::fs::read_to_string(root().join("config/gateway.toml")).expect("the reference is there")
}

#[path = "config/cases.rs"]
mod cases;
#[path = "config/command.rs"]
mod command;
#[path = "config/examples.rs"]
mod examples;
#[path = "config/hostile.rs"]
mod hostile;
#[path = "config/mutations.rs"]
mod mutations;
#[path = "config/schema.rs"]
mod schema;
