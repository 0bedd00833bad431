//! The bundle for support, as a download.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Response, StatusCode};
use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::http::{Shared, StreamEnded, refusal};
use crate::bundle::{self, Running};

/// Bundles that are made at a time; who asks for another is told to come back.
pub(super) const BUNDLES: usize = 1;

/// Makes one, which may take longer than other answers.
pub(super) async fn bundle(
    State(shared): State<Shared>,
    Extension(StreamEnded(ended)): Extension<StreamEnded>,
) -> Response<Body> {
    let Ok(_alone) = shared.bundles.try_acquire() else {
        let text = "A bundle is being made for somebody else; ask again in half a minute.\n";
        return refusal(StatusCode::SERVICE_UNAVAILABLE, text);
    };
    let made = ended
        .get_or_init(CancellationToken::new)
        .clone()
        .drop_guard();
    let sources = &shared.sources;
    let recent = sources.recent_in_time().await;
    let recent = recent.ok_or_else(|| "the gateway is busy and did not say".to_owned());
    let running = recent.map(|recent| Running::of(&sources.health, recent));
    let bundle = bundle::gather(&sources.facts().file, running).await;
    let now = Timestamp::now();
    let folder = bundle::folder(&sources.health.status().site, now);
    let name = format!("attachment; filename=\"{folder}.tar.gz\"");
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let packed = spawn_blocking(move || bundle::write(&bundle, &folder, seconds, Vec::new()));
    let Ok(Ok(packed)) = packed.await else {
        let text = "The bundle cannot be made; tracegate bundle -o FILE says why.\n";
        return refusal(StatusCode::INTERNAL_SERVER_ERROR, text);
    };
    drop(made);
    let mut response = Response::new(Body::from(packed));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/gzip"));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    response
}
