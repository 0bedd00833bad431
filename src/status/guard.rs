//! Who may ask: by which name, and with which password.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, HOST, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Request, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming;
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep};

use super::http::refusal;
use super::seats::Wrong;
use crate::config::Secret;

/// A wrong password takes so long to be refused.
const REFUSAL: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub(super) struct Guard {
    hosts: Vec<String>,
    password: Option<PathBuf>,
    wrong: Wrong,
}

impl Guard {
    /// By one of these names, and with the password in this file.
    pub fn new(hosts: Vec<String>, password: Option<PathBuf>) -> Self {
        Self {
            hosts,
            password,
            wrong: Wrong::default(),
        }
    }

    /// Whether a request from this address is answered; else what is said instead.
    pub async fn admit(
        &self,
        request: &Request<Incoming>,
        from: IpAddr,
    ) -> Result<(), Response<Body>> {
        let headers = request.headers();
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        if !host.is_some_and(|host| self.knows(host)) {
            let text = "The gateway is not known by this name; ask for it by its address, or add the name to [status] hosts.\n";
            return Err(refusal(StatusCode::MISDIRECTED_REQUEST, text));
        }
        let Some(file) = &self.password else {
            return Ok(());
        };
        if self.wrong.is_locked(from, Instant::now()) {
            let text = "Too many wrong passwords came from this address; wait a minute.\n";
            let mut refusal = refusal(StatusCode::TOO_MANY_REQUESTS, text);
            let minute = HeaderValue::from_static("60");
            refusal.headers_mut().insert(RETRY_AFTER, minute);
            return Err(refusal);
        }
        // Read where it is used, so that a new one counts at once.
        let Ok(expected) = Secret::read(file) else {
            let text = "The file [status] password_file cannot be read.\n";
            return Err(refusal(StatusCode::SERVICE_UNAVAILABLE, text));
        };
        let given = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok());
        if !expected.expose().is_empty() && is_password(given, expected.expose()) {
            return Ok(());
        }
        if given.is_some() {
            self.wrong.add(from, Instant::now());
            sleep(REFUSAL).await;
        }
        let mut refusal = refusal(StatusCode::UNAUTHORIZED, "A password is needed.\n");
        let realm = HeaderValue::from_static("Basic realm=\"tracegate\", charset=\"UTF-8\"");
        refusal.headers_mut().insert(WWW_AUTHENTICATE, realm);
        Err(refusal)
    }

    /// A page from elsewhere can point a name of its own at this address, but it asks for that name.
    fn knows(&self, host: &str) -> bool {
        let name = match host.parse::<SocketAddr>() {
            Ok(_) => return true,
            Err(_) => host.rsplit_once(':').map_or(host, |(name, _)| name),
        };
        let is_address = host.parse::<IpAddr>().is_ok() || name.parse::<IpAddr>().is_ok();
        let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let is_address = is_address || bare.is_some_and(|it| it.parse::<IpAddr>().is_ok());
        let mut known = self.hosts.iter().map(String::as_str).chain(["localhost"]);
        is_address || known.any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// Compares digests as a whole, so that the time it takes tells nothing.
fn is_password(given: Option<&str>, expected: &str) -> bool {
    let given = given.and_then(|it| it.split_once(' '));
    let basic = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let decoded = basic.and_then(|(_, text)| STANDARD.decode(text.trim()).ok());
    let Some(decoded) = decoded else { return false };
    // Any user name will do.
    let colon = decoded.iter().position(|byte| *byte == b':');
    let password = colon.and_then(|at| decoded.get(at + 1..));
    let Some(password) = password else {
        return false;
    };
    let (a, b) = (Sha256::digest(password), Sha256::digest(expected));
    a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}
