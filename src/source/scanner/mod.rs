//! Scanners and fixed readers: bytes are framed and classified, codes go to the core, the answer goes back once a scan is
//! stored.
//!
//! Two loops share a connection and never wait for each other: `reading` and `answers`.

mod answers;
mod reading;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracegate_feed::frame::Framing;
use tracegate_feed::rules::Rules;
use tracegate_feed::text::Encoding;
use tracing::warn;

pub use answers::Answer;

use super::transport::{Opener, Port, Transport};
use super::{Context, Retry, STEADY, Sparingly};
use crate::core::Feedback;
use crate::logs;
use answers::Outbox;
use reading::Reading;

/// Between connections that end without a word, on a port of ours.
const QUIET: Duration = Duration::from_millis(50);
/// One scanner.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How to reach it.
    pub transport: Transport,
    /// How frames are told apart.
    pub framing: Framing,
    /// What frames are.
    pub rules: Rules,
    /// How it writes text.
    pub encoding: Encoding,
    /// Take telnet negotiation out of what it sends.
    pub telnet: bool,
    /// It sends something at least so often.
    pub heartbeat_every: Option<Duration>,
    /// What it is told.
    pub answers: Answers,
}

/// What a scanner is told, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// Once a scan is stored.
    pub accept: Answer,
    /// Once a scan is found to be stored before.
    pub warn: Answer,
    /// When a scan is taken, and more is needed.
    pub pending: Answer,
    /// When a scan is refused.
    pub refuse: Answer,
    /// When it read nothing.
    pub no_read: Answer,
    /// Once a second while it shows which one it is.
    pub identify: Answer,
}

/// How a connection ended.
pub(super) enum End {
    /// The gateway stops.
    Stopped,
    /// The device is gone, for this reason.
    Gone(String),
    /// The device has connected anew.
    Newer(Port),
}

/// Runs until stopped.
pub async fn run(settings: Settings, context: Context, mut feedback: mpsc::Receiver<Feedback>) {
    let mut opener = Opener::new(settings.transport.clone());
    let mut remarks = Sparingly::default();
    let (mut retry, mut newer, mut gone) = (Retry::default(), None, None);
    loop {
        context.beat.touch();
        let started = Instant::now();
        let port = match newer.take() {
            Some(port) => Ok(Some(port)),
            None => context.open(&mut opener, "scanner", gone.take()).await,
        };
        let mut heard = false;
        let reason = match port {
            Ok(None) => break,
            // It was not reached at all: looking again costs nobody anything.
            Err(reason) => {
                heard = true;
                reason
            }
            Ok(Some(port)) => {
                let end = serve(
                    &settings,
                    &context,
                    &mut feedback,
                    &opener,
                    port,
                    &mut heard,
                )
                .await;
                match end {
                    End::Stopped => break,
                    End::Gone(reason) => reason,
                    End::Newer(port) => {
                        if let Some(unsaid) = remarks.say() {
                            warn!(
                                code = logs::PORT_CONTESTED,
                                scanner = context.name,
                                unsaid,
                                "A newer connection takes the place of the one before; does a second device use this port?"
                            );
                        }
                        context.down("it has connected anew");
                        newer = Some(port);
                        continue;
                    }
                }
            }
        };
        if opener.is_listening() {
            // It comes back when it likes, or has done so already; the status is written when it is waited for.
            gone = Some(reason);
            if !heard && !context.pause(QUIET).await {
                break;
            }
            continue;
        }
        let good = heard || started.elapsed() >= STEADY;
        if !retry.wait(&context, &reason, good).await {
            break;
        }
    }
    context.beat.finish();
}

/// Reads and answers until the connection ends.
pub(super) async fn serve(
    settings: &Settings,
    context: &Context,
    feedback: &mut mpsc::Receiver<Feedback>,
    opener: &Opener,
    port: Port,
    heard: &mut bool,
) -> End {
    // Answers for a scan made before the connection was lost would confuse the operator now.
    while feedback.try_recv().is_ok() {}
    context.health.reconnected(&context.name);
    context.up();
    if !context.link(true).await {
        return End::Stopped;
    }
    let outbox = Outbox::new(settings);
    let mut reading = Reading::new(settings, context, &outbox);
    let closing = CancellationToken::new();
    let end = {
        let read = reading.run(port.incoming, &closing);
        let other = async {
            tokio::select! {
                reason = answers::run(settings, context, &outbox, feedback, port.outgoing) => End::Gone(reason),
                newer = opener.newer() => newer.map_or_else(End::Gone, End::Newer),
            }
        };
        tokio::pin!(read);
        tokio::select! {
            end = &mut read => end,
            end = other => {
                // What was read is handed over first.
                closing.cancel();
                match read.await {
                    End::Stopped if context.stop.is_cancelled() => End::Stopped,
                    _ => end,
                }
            }
        }
    };
    *heard |= reading.ended();
    context.link(false).await;
    end
}
