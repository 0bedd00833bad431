//! Connections of our own that only listen, so that what they bring holds up no acknowledgement.

use std::path::PathBuf;
use std::time::Duration;

use super::client::{Endpoint, Failure, Options, Version};
use super::words;
use crate::config::Secret;
use crate::tls;

/// A broker that does not answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
/// Publishes of our own under way: none; the client wants room for one.
const WINDOW: u16 = 1;

/// A connection that only listens: to a receiver that publishes, or to the site's data.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// The protocol's version.
    pub version: Version,
    /// The broker, or those of a cluster; at least one.
    pub endpoints: Vec<Endpoint>,
    /// Client identifier, of this connection alone.
    pub client_id: String,
    /// User name, and the file with the password.
    pub credentials: Option<(String, Option<PathBuf>)>,
    /// TLS.
    pub tls: Option<tls::Setup>,
    /// Keep-alive.
    pub keep_alive: Duration,
    /// Topics to subscribe to.
    pub topics: String,
}

impl Subscription {
    /// What a connection to `endpoint` is made with; files are read anew for each.
    pub(crate) fn options(&self, endpoint: &Endpoint) -> Result<Options, String> {
        let credentials = match &self.credentials {
            None => None,
            Some((user, None)) => Some((user.clone(), Secret::new(""))),
            Some((user, Some(path))) => {
                let secret = Secret::read(path).map_err(|error| {
                    format!(
                        "the password file {} cannot be read: {error}",
                        path.display()
                    )
                })?;
                Some((user.clone(), secret))
            }
        };
        let tls = self.tls.as_ref().map(tls::Setup::client).transpose();
        let tls = tls.map_err(|error| crate::error_chain(&error))?;
        Ok(Options {
            version: self.version,
            endpoint: endpoint.clone(),
            client_id: self.client_id.clone(),
            credentials,
            tls: tls.map(|tls| tls.config),
            last_will: None,
            keep_alive: self.keep_alive,
            window: WINDOW,
            patience: PATIENCE * 2,
            kept: None,
        })
    }
}

/// Why there is no connection.
pub(crate) fn lost(endpoint: &Endpoint, failure: Failure) -> String {
    match failure {
        Failure::Refused(code) => format!(
            "the broker {endpoint} refuses the connection ({code:?}); check user name, password and client id"
        ),
        failure => format!("broker {endpoint}: {}", words::client(&failure)),
    }
}
