//! The live stream: server-sent events, each with the page's contents.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::seats::Viewer;
use super::{Sources, page};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// A browser that takes nothing for this long is cut off.
const STALLED: Duration = Duration::from_secs(10);

/// What the browser is sent, as it comes.
pub(super) struct Pieces(mpsc::Receiver<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.0.poll_recv(context);
        next.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// Begins a stream, which ends with its receiver, or when nothing is taken any more. The viewer's place is free again then.
pub(super) fn start(
    sources: Sources,
    stop: CancellationToken,
    viewer: Viewer,
    ended: DropGuard,
) -> Pieces {
    let (out, pieces) = mpsc::channel(1);
    tokio::spawn(async move {
        let _both = (viewer, ended);
        loop {
            let facts = sources.facts();
            let view = sources.view(&facts).await;
            let contents = page::contents(&view);
            drop(view);
            let sent = timeout(STALLED, out.send(event(&contents))).await;
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
            tokio::select! {
                () = sleep(EVERY) => {}
                () = out.closed() => return,
                () = stop.cancelled() => return,
            }
        }
    });
    Pieces(pieces)
}

/// A line of JSON, because line feeds end an event's line.
fn event(contents: &str) -> Bytes {
    let line = serde_json::Value::from(contents);
    Bytes::from(format!("data: {line}\n\n"))
}
