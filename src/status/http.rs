//! The HTTP side: who may connect, how long it may take, what is answered.
//!
//! A connection carries one request. Its head must come within seconds; the answer must be taken within seconds, but for
//! the live stream, of which there are few, and which ends by itself so that a browser asks again.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use sha2::{Digest as _, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{Facts, Settings, Sources, live, metrics, page};
use crate::capture::witness::Asks;
use crate::config::Secret;
use crate::health::{Beat, Health};

/// Connections at a time; others are closed.
const CONNECTIONS: usize = 32;
/// Live streams at a time; others are told to come back.
const STREAMS: usize = 8;
/// A request's head must be there within this time.
const HEAD: Duration = Duration::from_secs(5);
/// Longest head of a request, bytes.
const MAX_HEAD: usize = 16 * 1024;
/// An answer must be taken within this time.
const ANSWER: Duration = Duration::from_secs(15);
/// A live stream ends after this time; the browser asks for another.
const STREAM: Duration = Duration::from_secs(600);
/// A wrong password takes so long to be refused.
const REFUSAL: Duration = Duration::from_millis(500);
/// For the watchdog.
const WAKE: Duration = Duration::from_secs(5);

/// Nothing from elsewhere, and nobody may frame it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// An open port.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    settings: Settings,
    facts: watch::Sender<Facts>,
}

/// Who may ask.
#[derive(Debug)]
struct Guard {
    hosts: Vec<String>,
    password: Option<std::path::PathBuf>,
}

#[derive(Clone)]
struct Shared {
    sources: Sources,
    streams: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Server {
    /// Opens the port.
    ///
    /// # Errors
    /// The system refuses.
    pub async fn open(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await?;
        let facts = watch::Sender::new(settings.facts.clone());
        Ok(Self {
            listener,
            settings,
            facts,
        })
    }

    /// Where it is told of another configuration.
    #[must_use]
    pub fn facts(&self) -> watch::Sender<Facts> {
        self.facts.clone()
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`.
    pub async fn serve(self, asks: Asks, health: Health, beat: Beat, stop: CancellationToken) {
        let guard = Arc::new(Guard {
            hosts: self.settings.hosts,
            password: self.settings.password,
        });
        let shared = Shared {
            sources: Sources {
                health: health.clone(),
                asks,
                facts: self.facts.subscribe(),
            },
            streams: Arc::new(Semaphore::new(STREAMS)),
            stop: stop.clone(),
        };
        let router = Router::new()
            .route("/", get(index))
            .route("/live", get(stream))
            .route("/metrics", get(numbers))
            .route("/style.css", get(async || typed("text/css", page::STYLE)))
            .route(
                "/live.js",
                get(async || typed("text/javascript", page::SCRIPT)),
            )
            .with_state(shared);
        let mut connections = JoinSet::new();
        loop {
            beat.touch();
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) if connections.len() < CONNECTIONS => {
                        let (router, guard) = (router.clone(), guard.clone());
                        connections.spawn(connection(stream, router, guard, health.clone()));
                    }
                    Ok(_) => health.counters().status_refused.add(1),
                    Err(error) => {
                        warn!(%error, "Status page does not accept");
                        sleep(Duration::from_millis(200)).await;
                    }
                },
                Some(_) = connections.join_next() => {}
                () = sleep(WAKE) => {}
                () = stop.cancelled() => break,
            }
        }
        beat.finish();
        connections.shutdown().await;
    }
}

async fn connection(stream: TcpStream, router: Router, guard: Arc<Guard>, health: Health) {
    let is_stream = AtomicBool::new(false);
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        let (router, guard, health, is_stream) = (&router, &guard, &health, &is_stream);
        async move {
            let mut response = match guard.admit(&request).await {
                Ok(()) => {
                    is_stream.store(request.uri().path() == "/live", Ordering::Relaxed);
                    // The router has an answer to everything.
                    router.call(request).await.unwrap_or_default()
                }
                Err(refusal) => {
                    health.counters().status_refused.add(1);
                    refusal
                }
            };
            harden(&mut response);
            Ok::<_, Infallible>(response)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .keep_alive(false)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    tokio::select! {
        ended = &mut served => {
            if let Err(error) = ended {
                debug!(%error, "Status page: connection ended");
            }
            return;
        }
        () = sleep(ANSWER) => {}
    }
    if is_stream.load(Ordering::Relaxed) {
        // What it ends with, and whether in time, is the same to us.
        let _ = tokio::time::timeout(STREAM, served).await;
    }
}

impl Guard {
    /// Whether a request is answered; else what is said instead.
    async fn admit(&self, request: &Request<Incoming>) -> Result<(), Response<Body>> {
        let headers = request.headers();
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        if !host.is_some_and(|host| self.knows(host)) {
            let text = "The gateway is not known by this name; ask for it by its address, or add the name to [status] hosts.\n";
            return Err(refusal(StatusCode::MISDIRECTED_REQUEST, text));
        }
        let Some(file) = &self.password else {
            return Ok(());
        };
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

fn refusal(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = typed("text/plain", text);
    *response.status_mut() = status;
    response
}

fn typed(kind: &'static str, text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    let kind = match kind {
        "text/css" => "text/css; charset=utf-8",
        "text/javascript" => "text/javascript; charset=utf-8",
        "text/html" => "text/html; charset=utf-8",
        "text/event-stream" => "text/event-stream",
        "metrics" => metrics::CONTENT_TYPE,
        _ => "text/plain; charset=utf-8",
    };
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn harden(response: &mut Response<Body>) {
    let all: [(HeaderName, &'static str); 5] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in all {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
}

async fn index(State(shared): State<Shared>) -> Response<Body> {
    let facts = shared.sources.facts();
    let view = shared.sources.view(&facts).await;
    typed("text/html", page::whole(&view))
}

async fn numbers(State(shared): State<Shared>) -> Response<Body> {
    typed("metrics", metrics::text(&shared.sources.health))
}

async fn stream(State(shared): State<Shared>) -> Response<Body> {
    let Ok(seat) = shared.streams.try_acquire_owned() else {
        let text = "Too many pages are open; this one is renewed when it is loaded again.\n";
        return refusal(StatusCode::SERVICE_UNAVAILABLE, text);
    };
    let body = live::start(shared.sources, shared.stop, seat);
    typed("text/event-stream", Body::new(body))
}
