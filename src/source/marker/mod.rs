//! Laser markers: over a connection, from a log file, or from a folder of files.
//!
//! `live` and the two kinds of files hand what they hear to a `Teller`, which makes marks of it and reports of marks. How far
//! a file was read travels with the report, and is stored with what came of it: see [`tracegate_pipeline::mark`].

mod folder;
pub mod follow;
mod live;
mod log;
mod teller;

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use tracegate_feed::frame::Framing;
use tracegate_feed::marker::lines::Encoding;
use tracegate_feed::marker::marks;
use tracegate_feed::marker::record::Form;
use tracegate_feed::marker::rules::Rules;
use tracegate_feed::text;
use tracegate_pipeline::mark::{LogPlace, MarkFeed};

use super::Context;
use super::transport::Transport;
use crate::core::Feedback;
use teller::Teller;

/// Between looks at files.
const LOOK: Duration = Duration::from_millis(250);
/// A share that does not answer for so long is told of.
const SHARE_SILENT: Duration = Duration::from_secs(10);

/// One marker.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it tells.
    pub feed: Feed,
    /// How it tells of marks.
    pub marks: marks::Settings,
    /// Zone of its times.
    pub zone: TimeZone,
    /// How it writes times, if not in a common form.
    pub time_format: Option<String>,
    /// What is known of it from before.
    pub known: Known,
}

/// Where a marker tells.
#[derive(Debug, Clone)]
pub enum Feed {
    /// Over a connection.
    Live(Live),
    /// In a log file.
    Log(Log),
    /// In files of a folder.
    Folder(Folder),
}

/// A connection.
#[derive(Debug, Clone)]
pub struct Live {
    /// How to reach it.
    pub transport: Transport,
    /// How frames are told apart.
    pub framing: Framing,
    /// What they mean.
    pub rules: Rules,
    /// How it writes text.
    pub encoding: text::Encoding,
    /// What asks it for its state, and how often.
    pub poll: Option<(Vec<u8>, Duration)>,
    /// Sent once a mark is stored.
    pub on_accept: Vec<u8>,
    /// Sent when a mark is refused.
    pub on_refuse: Vec<u8>,
}

/// A log file.
#[derive(Debug, Clone)]
pub struct Log {
    /// Where it is.
    pub path: PathBuf,
    /// How its lines are read.
    pub form: Form,
    /// How its text is encoded.
    pub encoding: Encoding,
    /// At the very first start what it holds already does not count.
    pub from_end: bool,
    /// Without a line for so long something is wrong.
    pub idle_after: Option<Duration>,
}

/// A folder of files.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// Names of its files end so.
    pub suffix: String,
    /// How their lines are read.
    pub form: Form,
    /// How their text is encoded.
    pub encoding: Encoding,
    /// A file that did not change for so long is whole.
    pub settle: Duration,
    /// Folder below it that files are moved to once what they say is stored; without it they stay and are remembered.
    pub processed: Option<String>,
}

/// What was stored of a feed before.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// How far its log was read.
    pub log: Option<LogPlace>,
    /// Hashes of the files that were read.
    pub files: Vec<u64>,
    /// The newest time of its device, in microseconds since the epoch.
    pub last_time_us: Option<i64>,
}

impl Known {
    /// From the pipeline's state.
    #[must_use]
    pub fn of(feed: Option<&MarkFeed>) -> Self {
        feed.map_or_else(Self::default, |feed| Self {
            log: feed.log(),
            files: feed.files().collect(),
            last_time_us: feed.last_device_time_us(),
        })
    }
}

/// Runs until stopped.
pub async fn run(settings: Settings, context: Context, feedback: mpsc::Receiver<Feedback>) {
    let teller = Teller::new(&settings, &context);
    match &settings.feed {
        Feed::Live(live) => live::run(live, &context, teller, feedback).await,
        Feed::Log(log) => log::run(log, settings.known.log, &context, teller).await,
        Feed::Folder(folder) => {
            folder::run(folder, &settings.known.files, &context, teller, feedback).await;
        }
    }
    context.beat.finish();
}

/// The gateway stops.
#[derive(Debug, Clone, Copy)]
struct Stopped;

async fn link(context: &Context, up: bool) -> Result<(), Stopped> {
    match context.link(up).await {
        true => Ok(()),
        false => Err(Stopped),
    }
}

/// Does work that may block on a thread of its own; meanwhile the task shows signs of life, and tells of a share that does
/// not answer.
async fn blocking<T: Send + 'static>(
    context: &Context,
    path: &std::path::Path,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Stopped> {
    let mut work = tokio::task::spawn_blocking(work);
    let mut waited = Duration::ZERO;
    let every = Duration::from_secs(2);
    loop {
        context.beat.touch();
        tokio::select! {
            done = &mut work => return done.map_err(|_| Stopped),
            () = tokio::time::sleep(every) => waited += every,
            () = context.stop.cancelled() => return Err(Stopped),
        }
        if waited >= SHARE_SILENT {
            context.down(&format!(
                "{} does not answer; is the share there?",
                path.display()
            ));
        }
    }
}
