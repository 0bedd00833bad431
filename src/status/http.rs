//! The HTTP side: how long a connection may take, and what is answered.
//!
//! A connection carries one request. Its head must come within seconds; the answer must be taken within seconds, but for
//! the live stream, of which there are few, and which ends by itself so that a browser asks again.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use axum::routing::get;
use axum::{Extension, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::door::Door;
use super::guard::Guard;
use super::seats::{Seats, Streams};
use super::{Facts, Settings, Sources, live, metrics, page, support};
use crate::capture::witness::Asks;
use crate::health::{Beat, Health};
use crate::logs;

/// A request's head must be there within this time.
const HEAD: Duration = Duration::from_secs(5);
/// Longest head of a request, bytes.
const MAX_HEAD: usize = 16 * 1024;
/// An answer must be taken within this time.
const ANSWER: Duration = Duration::from_secs(15);
/// A live stream ends after this time; the browser asks for another.
const STREAM: Duration = Duration::from_secs(600);
/// For the watchdog.
const WAKE: Duration = Duration::from_secs(5);

/// Nothing from elsewhere, and nobody may frame it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// For a browser's tab; it says nothing of the state, which the title does.
const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 8\"><path fill=\"#4a7fb5\" d=\"M1 1h6v1.5H4.8V7H3.2V2.5H1z\"/></svg>";

/// An open port.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    settings: Settings,
    facts: watch::Sender<Facts>,
}

#[derive(Clone)]
pub(super) struct Shared {
    pub(super) sources: Sources,
    streams: Streams,
    pub(super) bundles: Arc<Semaphore>,
    stop: CancellationToken,
}

/// There on a connection with an answer that takes long; cancelled when all of it was handed over.
#[derive(Debug, Clone)]
pub(super) struct StreamEnded(pub(super) Arc<OnceLock<CancellationToken>>);

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
        let guard = Guard::new(self.settings.hosts, self.settings.password);
        let guard = Arc::new(guard);
        let door = self
            .settings
            .tls
            .map(|setup| Door::new(setup, health.clone()));
        let door = Arc::new(door);
        let shared = Shared {
            sources: Sources {
                health: health.clone(),
                asks,
                facts: self.facts.subscribe(),
                last: Arc::default(),
            },
            streams: Streams::new(health.clone()),
            bundles: Arc::new(Semaphore::new(support::BUNDLES)),
            stop: stop.clone(),
        };
        let router = Router::new()
            .route("/", get(index))
            .route("/live", get(stream))
            .route("/metrics", get(numbers))
            .route("/bundle.tar.gz", get(support::bundle))
            .route("/style.css", get(async || typed("text/css", page::STYLE)))
            .route(
                "/live.js",
                get(async || typed("text/javascript", page::SCRIPT)),
            )
            .route("/icon.svg", get(async || typed("image/svg+xml", ICON)))
            .with_state(shared);
        let seats = Seats::default();
        let mut connections = JoinSet::new();
        loop {
            beat.touch();
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, from)) => match seats.take(from.ip()) {
                        Some(seat) => {
                            let (router, guard, door) = (router.clone(), guard.clone(), door.clone());
                            let health = health.clone();
                            connections.spawn(async move {
                                let from = from.ip();
                                match door.as_ref() {
                                    None => connection(stream, from, router, guard, health).await,
                                    Some(door) => match door.enter(stream).await {
                                        Ok(stream) => connection(stream, from, router, guard, health).await,
                                        Err(error) => {
                                            health.counters().status_refused.add(1);
                                            debug!(%error, "Status page: no TLS");
                                        }
                                    },
                                }
                                drop(seat);
                            });
                        }
                        None => health.counters().status_refused.add(1),
                    },
                    Err(error) => {
                        warn!(code = logs::PAGE_TROUBLE, %error, "Status page does not accept");
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

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    from: IpAddr,
    router: Router,
    guard: Arc<Guard>,
    health: Health,
) {
    let ended = StreamEnded(Arc::default());
    let router = TowerToHyperService::new(router);
    let service = service_fn(|mut request: Request<Incoming>| {
        let (router, guard, health, ended) = (&router, &guard, &health, &ended);
        async move {
            let mut response = match guard.admit(&request, from).await {
                Ok(()) => {
                    request.extensions_mut().insert(ended.clone());
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
    // What it ends with, and whether in time, is the same to us.
    if let Some(ended) = ended.0.get() {
        tokio::select! {
            _ = &mut served => return,
            () = ended.cancelled() => {}
            () = sleep(STREAM) => {}
        }
        // Whoever takes nothing any more does not take the end either.
        let _ = timeout(ANSWER, served).await;
    }
}

pub(super) fn refusal(status: StatusCode, text: &'static str) -> Response<Body> {
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
        "image/svg+xml" => "image/svg+xml",
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

async fn stream(
    State(shared): State<Shared>,
    Extension(StreamEnded(ended)): Extension<StreamEnded>,
) -> Response<Body> {
    let Some(viewer) = shared.streams.take() else {
        shared.sources.health.counters().status_refused.add(1);
        let text = "Too many pages are open; this one is renewed when it is loaded again.\n";
        return refusal(StatusCode::SERVICE_UNAVAILABLE, text);
    };
    let token = ended.get_or_init(CancellationToken::new).clone();
    let body = live::start(shared.sources, shared.stop, viewer, token.drop_guard());
    typed("text/event-stream", Body::new(body))
}
