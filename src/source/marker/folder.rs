//! A marker that writes a file per mark, part or shift into a folder.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tracegate_feed::marker::lines::{Line, Lines};
use tracegate_feed::marker::record::Header;
use tracegate_pipeline::mark::{MAX_FILES, MarkId, Progress};

use super::follow::hash;
use super::teller::Teller;
use super::{Folder, LOOK, Stopped, blocking};
use crate::core::Feedback;
use crate::health::{DeviceCounter, Problem};
use crate::source::{Context, RETRY};

/// Larger files are not read.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// Files of a folder that are looked at; what is beyond waits until some are gone.
const MAX_ENTRIES: usize = 10_000;

/// When a file was changed, and how long it is.
type Stamp = (SystemTime, u64);

pub(super) async fn run(
    folder: &Folder,
    known: &[u64],
    context: &Context,
    teller: Teller,
    feedback: mpsc::Receiver<Feedback>,
) {
    let mut reader = Reader {
        folder,
        context,
        teller,
        feedback,
        known: known.iter().copied().collect(),
        order: known.iter().copied().collect(),
        seen: BTreeMap::new(),
        done: BTreeMap::new(),
    };
    // It ends when the gateway stops.
    let _: Result<(), Stopped> = reader.run().await;
}

struct Reader<'a> {
    folder: &'a Folder,
    context: &'a Context,
    teller: Teller,
    feedback: mpsc::Receiver<Feedback>,
    /// Contents that are stored, and in which order they were.
    known: BTreeSet<u64>,
    order: VecDeque<u64>,
    /// Files that are being written, perhaps: since when they look as they do.
    seen: BTreeMap<PathBuf, (Stamp, Instant)>,
    /// Files that need not be read again.
    done: BTreeMap<PathBuf, Stamp>,
}

impl Reader<'_> {
    async fn run(&mut self) -> Result<(), Stopped> {
        loop {
            let (path, suffix) = (self.folder.path.clone(), self.folder.suffix.clone());
            let listed = blocking(self.context, &self.folder.path, move || {
                list(&path, &suffix)
            })
            .await?;
            let wait = match listed {
                Ok(files) => {
                    self.teller.up().await?;
                    self.look(files).await?;
                    LOOK
                }
                Err(error) => {
                    let path = self.folder.path.display();
                    let reason = format!("{path} cannot be read: {error}");
                    self.teller.down(&reason).await?;
                    RETRY
                }
            };
            if !self.context.pause(wait).await {
                return Err(Stopped);
            }
        }
    }

    async fn look(&mut self, files: Vec<(PathBuf, Stamp)>) -> Result<(), Stopped> {
        let there: BTreeSet<&PathBuf> = files.iter().map(|it| &it.0).collect();
        self.seen.retain(|path, _| there.contains(path));
        self.done.retain(|path, _| there.contains(path));
        let full = (self.done.len() >= MAX_FILES).then(|| {
            format!(
                "{} holds {} files that were read; move or delete some",
                self.folder.path.display(),
                self.done.len()
            )
        });
        let Context { health, name, .. } = self.context;
        health.problem(name, Problem::Log, full.as_deref());
        if full.is_some() {
            // One more than can be remembered would be read again and again.
            return Ok(());
        }
        for (path, stamp) in files {
            if self.done.get(&path) == Some(&stamp) {
                continue;
            }
            let since = match self.seen.get(&path) {
                Some((before, since)) if *before == stamp => *since,
                _ => {
                    self.seen.insert(path.clone(), (stamp, Instant::now()));
                    continue;
                }
            };
            if since.elapsed() >= self.folder.settle {
                self.read(path, stamp).await?;
            }
        }
        Ok(())
    }

    async fn read(&mut self, path: PathBuf, stamp: Stamp) -> Result<(), Stopped> {
        let shown = path.display().to_string();
        if stamp.1 > MAX_FILE_BYTES {
            self.teller.trouble(&format!(
                "{shown} is longer than 16 MiB and is not read; is it the marker's?"
            ));
            self.done.insert(path, stamp);
            return Ok(());
        }
        let from = path.clone();
        let bytes = match blocking(self.context, &self.folder.path, move || fs::read(&from)).await?
        {
            Ok(bytes) => bytes,
            Err(error) => {
                self.teller
                    .trouble(&format!("{shown} cannot be read: {error}"));
                return Ok(());
            }
        };
        let content = hash(&bytes).hash;
        if !self.known.contains(&content) {
            self.tell(content, &bytes).await?;
            self.remember(content);
        }
        self.put_away(path, stamp).await
    }

    /// Tells the marks of a file, and waits until they are stored.
    async fn tell(&mut self, content: u64, bytes: &[u8]) -> Result<(), Stopped> {
        let mut lines = Lines::new(self.folder.encoding, 0);
        let mut all = Vec::new();
        lines.look(bytes);
        lines.push(bytes, &mut all);
        // A file that does not change any more is whole, also without an end of its last line.
        lines.finish(&mut all);
        let mut header = Header::default();
        for Line { start, text, .. } in all {
            let Some(text) = text else {
                self.teller.count(DeviceCounter::FramesMalformed, 1);
                continue;
            };
            if let Some(delimiter) = self.folder.form.header()
                && start == 0
            {
                header = Header::new(&text, delimiter);
                continue;
            }
            match self.folder.form.read(&text, &header) {
                Some(said) => self
                    .teller
                    .step(Some(MarkId::File { content, index: 0 }), said),
                None => self.teller.unknown(text.as_bytes()),
            }
        }
        self.teller.finish();
        let mut reports = self.teller.reports(false, false);
        for (report, index) in reports.iter_mut().zip(0..) {
            if let Some(mark) = &mut report.mark {
                mark.id = MarkId::File { content, index };
            }
        }
        reports.push(
            self.teller
                .report(None, Some(Progress::File(content)), true),
        );
        while self.feedback.try_recv().is_ok() {}
        self.teller.send(reports).await?;
        loop {
            self.context.beat.touch();
            tokio::select! {
                Some(answer) = self.feedback.recv() => if answer != Feedback::Movement {
                    return Ok(());
                },
                () = tokio::time::sleep(Duration::from_secs(2)) => {}
                () = self.context.stop.cancelled() => return Err(Stopped),
            }
        }
    }

    /// As many as the pipeline remembers.
    fn remember(&mut self, content: u64) {
        self.known.insert(content);
        self.order.push_back(content);
        if self.order.len() > MAX_FILES
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    async fn put_away(&mut self, path: PathBuf, stamp: Stamp) -> Result<(), Stopped> {
        self.seen.remove(&path);
        let Some(processed) = &self.folder.processed else {
            self.done.insert(path, stamp);
            return Ok(());
        };
        let (from, to) = (path.clone(), self.folder.path.join(processed));
        let moved = blocking(self.context, &self.folder.path, move || {
            put_away(&from, &to)
        })
        .await?;
        if let Err(error) = moved {
            self.teller.trouble(&format!(
                "{} cannot be moved to {processed}: {error}",
                path.display()
            ));
            // What it says is stored, and it is known by its content.
            self.done.insert(path, stamp);
        }
        Ok(())
    }
}

/// Files with this suffix, the oldest first; hidden ones and those being written (`.tmp`, `.part`) do not count.
fn list(folder: &Path, suffix: &str) -> io::Result<Vec<(PathBuf, Stamp)>> {
    let mut files = Vec::new();
    let suffix = suffix.to_lowercase();
    for entry in fs::read_dir(folder)?.take(MAX_ENTRIES) {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        let unfinished = name.starts_with('.') || name.ends_with(".tmp") || name.ends_with(".part");
        if unfinished || !name.ends_with(&suffix) {
            continue;
        }
        // It may be gone by now.
        if let Ok(found) = entry.metadata()
            && found.is_file()
        {
            files.push((entry.path(), (found.modified()?, found.len())));
        }
    }
    files.sort_by(|a, b| (a.1.0, &a.0).cmp(&(b.1.0, &b.0)));
    Ok(files)
}

/// Moves a file into a folder; one of that name that is there already is not overwritten.
fn put_away(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let name = from
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    for n in 0..1_000 {
        let target = if n == 0 {
            to.join(&name)
        } else {
            to.join(format!("{name}.{n}"))
        };
        if !target.exists() {
            return fs::rename(from, target);
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
