//! `[status]`: the page for people and the metrics for machines.

use std::net::SocketAddr;

use serde::Deserialize;

use super::address::Host;
use super::check::Checker;
use super::text::FileName;
use super::units::{FromText, Refusal, deserialize_from_text, optional};

/// `[status]`
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct StatusPage {
    /// Where the page is served.
    pub listen: PageAddress,
    /// Names by which browsers may ask for the page, beside addresses and `localhost`.
    pub hosts: Vec<Host>,
    /// File with the password; absolute once loaded.
    #[serde(deserialize_with = "optional")]
    pub password_file: Option<FileName>,
}

/// An address to listen on, or `"off"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageAddress(pub Option<SocketAddr>);

impl Default for PageAddress {
    /// For this machine only.
    fn default() -> Self {
        Self(Some(SocketAddr::from(([127, 0, 0, 1], 9180))))
    }
}

impl FromText for PageAddress {
    const EXPECTED: &'static str = "an address and port in quotes, or \"off\"";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        if text == "off" {
            return Ok(Self(None));
        }
        let refusal = || {
            Refusal::new(
                "this is no address with a port",
                "examples: \"127.0.0.1:9180\", \"0.0.0.0:9180\" (needs password_file), \"off\"",
            )
        };
        text.parse().map(|at| Self(Some(at))).map_err(|_| refusal())
    }
}

deserialize_from_text!(PageAddress);

pub(super) fn check(checker: &mut Checker<'_>) {
    let page = &checker.config.status;
    let Some(at) = page.listen.0 else {
        for key in ["hosts", "password_file"] {
            if checker.tree.has(&["status", key]) {
                let place = checker.tree.at_key(&["status", key]);
                let title = format!("`{key}` has no effect with listen = \"off\"");
                checker.error("no-effect", title, place, "", "delete one of the two");
            }
        }
        return;
    };
    let is_open = !at.ip().is_loopback();
    if is_open && checker.is_missing(&["status", "password_file"]) {
        let place = checker.tree.at(&["status", "listen"]);
        let title = "the status page is open to the network and has no password".to_owned();
        checker.error(
            "missing",
            title,
            place,
            "not only for this machine",
            "add: password_file = \"status-password\", or listen on 127.0.0.1",
        );
    }
}
