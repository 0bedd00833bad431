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
    /// PEM file with the page's certificate, for TLS; absolute once loaded.
    #[serde(deserialize_with = "optional")]
    pub tls_certificate_file: Option<FileName>,
    /// PEM file with its private key; absolute once loaded.
    #[serde(deserialize_with = "optional")]
    pub tls_key_file: Option<FileName>,
    /// PEM file with the certificates that sign those of browsers; absolute once loaded.
    #[serde(deserialize_with = "optional")]
    pub client_ca_file: Option<FileName>,
}

impl StatusPage {
    /// The files it names.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut FileName> {
        let files = [
            &mut self.password_file,
            &mut self.tls_certificate_file,
            &mut self.tls_key_file,
            &mut self.client_ca_file,
        ];
        files.into_iter().flatten()
    }
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

/// Settings of the page's TLS: certificate, key, and who may connect.
const TLS: [&str; 3] = ["tls_certificate_file", "tls_key_file", "client_ca_file"];

pub(super) fn check(checker: &mut Checker<'_>) {
    let page = &checker.config.status;
    let Some(at) = page.listen.0 else {
        let all = ["hosts", "password_file"].into_iter().chain(TLS);
        for key in all {
            if checker.tree.has(&["status", key]) {
                let place = checker.tree.at_key(&["status", key]);
                let title = format!("`{key}` has no effect with listen = \"off\"");
                checker.error("no-effect", title, place, "", "delete one of the two");
            }
        }
        return;
    };
    let is_open = !at.ip().is_loopback();
    let guarded = |it: &Checker<'_>, key| !it.is_missing(&["status", key]);
    if is_open && !guarded(checker, "password_file") && !guarded(checker, "client_ca_file") {
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
    for (key, needs) in [(TLS[0], TLS[1]), (TLS[1], TLS[0]), (TLS[2], TLS[0])] {
        if checker.tree.has(&["status", key]) && checker.is_missing(&["status", needs]) {
            let place = checker.tree.at_key(&["status", key]);
            let title = format!("`{key}` has no `{needs}`");
            let help = format!(
                "add: {needs} = \"status.{}\"",
                if needs == TLS[1] { "key" } else { "pem" }
            );
            checker.error(
                "missing",
                title,
                place,
                "the page has no TLS without it",
                &help,
            );
        }
    }
}
