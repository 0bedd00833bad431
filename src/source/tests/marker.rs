//! Markers over real sockets, logs and folders; the test is the core.

use std::path::Path;

use tempfile::TempDir;
use tracegate_feed::frame::{DEFAULT_MAX_LEN, Framing, Kind};
use tracegate_feed::marker::lines::Encoding;
use tracegate_feed::marker::marks;
use tracegate_feed::marker::record::{Columns, Form};
use tracegate_feed::marker::rules::{Rules, profile};
use tracegate_feed::text;
use tracegate_pipeline::mark::{MarkFeed, MarkId, MarkOutcome, MarkReport, Progress};
use tracegate_sim::marker::log::MarkLog;
use tracegate_sim::marker::{Delivery, Make, SimMarker};

use super::*;
use crate::core::Feedback;
use crate::source::marker::{Feed, Folder, Known, Live, Log, Settings, run};
use crate::source::transport::Transport;

pub(super) fn settings(feed: Feed, replies: bool) -> Settings {
    Settings {
        feed,
        marks: marks::Settings {
            replies,
            timeout_us: 60_000_000,
        },
        zone: jiff::tz::TimeZone::UTC,
        time_format: None,
        known: Known::default(),
    }
}

fn live(marker: &SimMarker, name: &str, poll: bool) -> Settings {
    let profile = profile(name).unwrap();
    let feed = Feed::Live(Live {
        transport: Transport::Tcp(marker.addr().to_string()),
        framing: Framing {
            kind: Kind::Delimited {
                starts: Vec::new(),
                ends: profile.ends.iter().map(|end| end.to_vec()).collect(),
            },
            max_len: DEFAULT_MAX_LEN,
        },
        rules: Rules::of(profile),
        encoding: text::Encoding::Windows1252,
        poll: poll.then(|| (profile.poll.to_vec(), Duration::from_millis(20))),
        on_accept: Vec::new(),
        on_refuse: Vec::new(),
    });
    settings(feed, profile.replies)
}

fn form() -> Form {
    let places = [("serial", "Serial"), ("result", "Result"), ("time", "Time")];
    Form::Csv {
        delimiter: ';',
        header: true,
        columns: Columns {
            places: places.map(|(a, b)| (a.to_owned(), b.to_owned())).into(),
            done: vec!["ok".to_owned()],
            failed: vec!["ng".to_owned()],
            start: vec!["begin".to_owned()],
        },
    }
}

pub(super) fn log(path: &Path, known: Option<&MarkFeed>) -> Settings {
    let feed = Feed::Log(Log {
        path: path.to_owned(),
        form: form(),
        encoding: Encoding::Auto,
        from_end: false,
        idle_after: None,
    });
    Settings {
        known: Known::of(known),
        ..settings(feed, false)
    }
}

fn folder(path: &Path) -> Settings {
    let feed = Feed::Folder(Folder {
        path: path.to_owned(),
        suffix: ".csv".to_owned(),
        form: form(),
        encoding: Encoding::Auto,
        settle: Duration::from_millis(300),
        processed: Some("processed".to_owned()),
    });
    settings(feed, false)
}

pub(super) fn start(settings: Settings) -> (Rig, mpsc::Sender<Feedback>) {
    let (feedback, answers) = mpsc::channel(8);
    (
        Rig::start(64, |context| run(settings, context, answers)),
        feedback,
    )
}

impl Rig {
    pub(super) async fn report(&mut self) -> MarkReport {
        loop {
            if let Input::Mark(report) = self.input().await {
                return *report;
            }
        }
    }

    /// The next mark that ended: what it is on, and how.
    async fn ended(&mut self) -> (String, MarkOutcome) {
        loop {
            if let Some(mark) = self.report().await.mark
                && mark.outcome != MarkOutcome::Begun
            {
                let item = mark.item;
                return (item.code.or(item.serial).unwrap_or_default(), mark.outcome);
            }
        }
    }
}

#[tokio::test]
async fn each_make_is_understood_whole_byte_by_byte_and_three_at_once() {
    for (make, name) in Make::ALL {
        for delivery in [Delivery::Whole, Delivery::Bytes, Delivery::Threes] {
            let marker = SimMarker::start().await.unwrap();
            let (mut rig, _feedback) = start(live(&marker, name, false));
            assert!(rig.link().await);
            let error = if name == "panasonic_lp" { "E400" } else { "12" };
            let frames = [
                make.mark("SN1", None),
                make.mark("SN2", Some(error)),
                make.mark("SN3", None),
            ];
            marker.send(delivery.pieces(&frames.concat())).await;
            let told = [rig.ended().await, rig.ended().await, rig.ended().await];
            let expected = [
                ("SN1".to_owned(), MarkOutcome::Done),
                (
                    "SN2".to_owned(),
                    MarkOutcome::Failed(Some(error.to_owned())),
                ),
                ("SN3".to_owned(), MarkOutcome::Done),
            ];
            assert_eq!(told, expected, "{name} {delivery:?}");
            rig.stop().await;
        }
    }
}

#[tokio::test]
async fn a_marker_that_is_asked_tells_by_the_change_of_its_state() {
    let marker = SimMarker::start().await.unwrap();
    marker.answers(b"RX,OK,0\r");
    let (mut rig, _feedback) = start(live(&marker, "keyence_md", true));
    assert!(rig.link().await);
    let code = b"WX,JOB=0007,BLK=000,CharacterString=SN1\rWX,OK\r";
    for (busy, then, outcome) in [
        ("RX,OK,2\r", "RX,OK,0\r", MarkOutcome::Done),
        (
            "RX,OK,2\r",
            "RX,OK,1\r",
            MarkOutcome::Failed(Some("1".to_owned())),
        ),
    ] {
        marker.send(vec![code.to_vec()]).await;
        wait_until("the code to be sent", PATIENCE, || marker.is_idle())
            .await
            .unwrap();
        marker.answers(busy.as_bytes());
        let begun = rig.report().await.mark.unwrap();
        assert_eq!(begun.outcome, MarkOutcome::Begun);
        marker.answers(then.as_bytes());
        assert_eq!(rig.ended().await, ("SN1".to_owned(), outcome));
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_connection_that_is_lost_in_the_middle_of_a_mark_leaves_it_unknown() {
    let marker = SimMarker::start().await.unwrap();
    let (mut rig, _feedback) = start(live(&marker, "gravotech", false));
    assert!(rig.link().await);
    let frames = Make::Gravotech.mark("SN1", None);
    marker.send(frames[..3].to_vec()).await;
    marker.hang_up().await;
    let (code, outcome) = rig.ended().await;
    assert_eq!(code, "SN1");
    assert!(matches!(outcome, MarkOutcome::Unknown(why) if why.starts_with("connection lost")));
    assert!(!rig.link().await && rig.link().await, "it connects again");
    marker
        .send(
            b"hello\r\n\x1b[2J\r\n"
                .chunks(40)
                .map(<[u8]>::to_vec)
                .collect(),
        )
        .await;
    marker.send(Make::Gravotech.mark("SN2", None)).await;
    assert_eq!(rig.ended().await, ("SN2".to_owned(), MarkOutcome::Done));
    assert!(rig.condition().contains("\\x1b[2J"), "{}", rig.condition());
    rig.stop().await;
}

fn written(folder: &TempDir) -> (MarkLog, std::path::PathBuf) {
    let path = folder.path().join("marks.csv");
    (MarkLog::create(&path, "Time;Serial;Result").unwrap(), path)
}

#[tokio::test]
async fn a_log_says_how_far_it_was_read_with_each_mark() {
    let folder = tempfile::tempdir().unwrap();
    let (mut file, path) = written(&folder);
    file.mark("2026-11-22 10:00:00;SN1;OK").unwrap();
    let (mut rig, _feedback) = start(log(&path, None));
    let first = rig.report().await;
    assert!(matches!(first.progress, Some(Progress::Log(place)) if place.read_to == 0));
    let report = rig.report().await;
    let mark = report.mark.unwrap();
    assert_eq!(
        mark.id,
        MarkId::Log {
            generation: 0,
            offset: 19
        }
    );
    assert_eq!(mark.device_time_us, Some(1_795_341_600_000_000));
    assert!(matches!(report.progress, Some(Progress::Log(place)) if place.resume == place.read_to));
    // A mark of two lines: read again from its first one.
    file.mark("2026-11-22 10:00:01;SN2;begin").unwrap();
    file.mark("2026-11-22 10:00:02;SN9;NG").unwrap();
    assert_eq!(
        rig.ended().await,
        ("SN9".to_owned(), MarkOutcome::Failed(Some("NG".to_owned())))
    );
    file.cut().unwrap();
    file.mark("2026-11-22 10:00:03;SN3;OK").unwrap();
    assert_eq!(rig.ended().await.0, "SN3");
    rig.stop().await;
}

#[tokio::test]
async fn a_first_line_without_the_columns_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("marks.csv");
    std::fs::write(&path, "Time;Number;Result\n").unwrap();
    let (rig, _feedback) = start(log(&path, None));
    rig.says("has no column \"Serial\"; its first line has Time, Number, Result; correct columns")
        .await;
    rig.stop().await;
    std::fs::write(&path, "Time,Serial,Result\n").unwrap();
    let (rig, _feedback) = start(log(&path, None));
    rig.says("its first line is one column: set delimiter = \",\"")
        .await;
    rig.stop().await;
}

#[tokio::test]
async fn a_log_that_is_not_there_is_a_condition_and_not_silence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("share").join("marks.csv");
    let (mut rig, _feedback) = start(log(&path, None));
    rig.says("cannot be read").await;
    std::fs::create_dir(folder.path().join("share")).unwrap();
    rig.says("is not there").await;
    let mut file = MarkLog::create(&path, "Time;Serial;Result").unwrap();
    file.mark(";SN1;OK").unwrap();
    assert_eq!(rig.ended().await.0, "SN1");
    std::fs::write(&path, "Time;Number;Result\n;SN2;OK\n").unwrap();
    rig.says("has no column \"Serial\"").await;
    rig.health.shows_alone("LOG-TROUBLE");
    rig.stop().await;
}

#[tokio::test]
async fn a_file_of_a_folder_goes_away_once_it_is_stored() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path();
    std::fs::write(path.join("half.csv.tmp"), "Serial;Result\nSN0;OK\n").unwrap();
    std::fs::write(
        path.join("a.csv"),
        "Serial;Result\nSN1;OK\nSN2;NG\nSN3;begin",
    )
    .unwrap();
    let (mut rig, feedback) = start(folder(path));
    assert_eq!(rig.ended().await, ("SN1".to_owned(), MarkOutcome::Done));
    assert_eq!(rig.ended().await.0, "SN2");
    assert!(matches!(rig.ended().await, (code, MarkOutcome::Unknown(_)) if code == "SN3"));
    let last = rig.report().await;
    assert!(last.answer && matches!(last.progress, Some(Progress::File(_))));
    assert!(path.join("a.csv").exists(), "not stored yet");
    feedback.send(Feedback::Accept).await.unwrap();
    let moved = path.join("processed").join("a.csv");
    wait_until("the file to be moved", PATIENCE, || moved.exists())
        .await
        .unwrap();
    // The same again under another name: known by its content.
    std::fs::copy(&moved, path.join("b.csv")).unwrap();
    let again = path.join("processed").join("b.csv");
    wait_until("the copy to be moved", PATIENCE, || again.exists())
        .await
        .unwrap();
    assert!(path.join("half.csv.tmp").exists());
    rig.stop().await;
}
