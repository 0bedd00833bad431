pub(super) mod days;

use std::io::Write;

use super::files::is_rotated;
use super::*;

/// A log in a folder of its own, and what a reader of it has seen.
struct Log {
    folder: tempfile::TempDir,
    follower: Follower,
    seen: Vec<String>,
    notes: Vec<Note>,
    place: Option<LogPlace>,
}

impl Log {
    fn new(from_end: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let follower = Follower::new(
            folder.path().join("marks.log"),
            Encoding::Auto,
            from_end,
            None,
        );
        Self {
            folder,
            follower,
            seen: Vec::new(),
            notes: Vec::new(),
            place: None,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn append(&self, text: &str) {
        let mut file = File::options()
            .append(true)
            .create(true)
            .open(self.path("marks.log"))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn lines(&self, from: usize, to: usize) {
        let text: String = (from..to)
            .map(|n| format!("{n};{}\n", "x".repeat(40)))
            .collect();
        self.append(&text);
    }

    fn rename(&self, to: &str) {
        fs::rename(self.path("marks.log"), self.path(to)).unwrap();
    }

    /// As logrotate with copytruncate does.
    fn cut(&self, to: &str) {
        fs::copy(self.path("marks.log"), self.path(to)).unwrap();
        File::options()
            .write(true)
            .open(self.path("marks.log"))
            .unwrap()
            .set_len(0)
            .unwrap();
    }

    /// Looks until nothing is new.
    fn look(&mut self) {
        for _ in 0..6 {
            loop {
                let look = self.follower.look().unwrap();
                self.notes.extend(look.notes);
                let number = |line: &Line| line.text.clone().unwrap_or_default();
                self.seen.extend(look.lines.iter().map(number));
                self.place = Some(self.follower.place(None).unwrap());
                if !look.more {
                    break;
                }
            }
        }
    }

    /// The daemon is killed; the last place it noted is what it goes on from.
    fn kill(&mut self) {
        self.follower = Follower::new(self.path("marks.log"), Encoding::Auto, false, self.place);
    }

    fn numbers(&self) -> Vec<usize> {
        let number = |line: &String| line.split(';').next().unwrap().parse().unwrap();
        self.seen.iter().map(number).collect()
    }

    #[track_caller]
    fn expect(&self, to: usize) {
        assert_eq!(
            self.numbers(),
            (0..to).collect::<Vec<_>>(),
            "{:?}",
            self.notes
        );
    }
}

#[test]
fn what_is_there_counts_only_if_it_is_to() {
    for (from_end, first) in [(true, 5), (false, 0)] {
        let mut log = Log::new(from_end);
        log.lines(0, 5);
        log.look();
        log.lines(5, 9);
        log.append("9;half");
        log.look();
        assert_eq!(log.numbers(), (first..9).collect::<Vec<_>>());
        log.append(" a line\n");
        log.look();
        assert_eq!(log.seen.last().unwrap(), "9;half a line");
    }
}

#[test]
fn a_log_that_comes_later_counts_whole() {
    let mut log = Log::new(true);
    log.look();
    assert!(log.follower.look().unwrap().missing);
    log.kill();
    log.lines(0, 5);
    log.look();
    log.expect(5);
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let mut log = Log::new(false);
    for n in 0..20 {
        log.lines(n * 30, n * 30 + 30);
        log.look();
        log.kill();
    }
    log.look();
    log.expect(600);
    assert_eq!((log.follower.generation(), log.notes.len()), (0, 0));
}

#[test]
fn rotation_by_rename_running_and_stopped() {
    for stopped in [false, true] {
        let mut log = Log::new(false);
        log.lines(0, 50);
        log.look();
        log.lines(50, 60);
        if stopped {
            log.kill();
        }
        log.rename("marks.log.1");
        log.lines(60, 70);
        log.look();
        log.rename("marks.log.2");
        if stopped {
            log.kill();
        }
        log.lines(70, 80);
        log.rename("marks.log.3");
        log.lines(80, 90);
        log.look();
        log.expect(90);
        assert_eq!(log.notes, []);
        assert_eq!(log.follower.generation(), 3);
    }
}

#[test]
fn rotation_by_copy_and_truncation_running_and_stopped() {
    for stopped in [false, true] {
        let mut log = Log::new(false);
        log.lines(0, 200);
        log.look();
        log.lines(200, 210);
        if stopped {
            log.kill();
        }
        log.cut("marks.log.1");
        log.look();
        if stopped {
            log.kill();
        }
        // Nothing of this one is seen before it is cut.
        log.lines(210, 220);
        log.cut("marks.log.2");
        log.lines(220, 600);
        log.look();
        log.expect(600);
        assert_eq!(log.notes, []);
    }
}

#[test]
fn a_log_that_is_cut_without_a_copy_begins_anew() {
    let mut log = Log::new(false);
    log.lines(0, 10);
    log.look();
    File::create(log.path("marks.log")).unwrap();
    log.look();
    log.lines(10, 12);
    log.look();
    log.expect(12);
    assert_eq!(log.notes, [Note::Lost]);
}

#[test]
fn an_older_version_in_its_place_is_not_told_again() {
    for stopped in [false, true] {
        let mut log = Log::new(false);
        log.lines(0, 300);
        fs::copy(log.path("marks.log"), log.path("backup")).unwrap();
        log.lines(300, 400);
        log.look();
        if stopped {
            log.kill();
        }
        fs::copy(log.path("backup"), log.path("restored")).unwrap();
        fs::rename(log.path("restored"), log.path("marks.log")).unwrap();
        log.look();
        log.lines(400, 420);
        log.look();
        log.expect(420);
        assert!(
            matches!(log.notes[..], [Note::Older { .. }]),
            "{:?}",
            log.notes
        );
    }
}

#[test]
fn a_copy_of_the_same_log_in_its_place_goes_on() {
    let mut log = Log::new(false);
    log.lines(0, 30);
    log.look();
    fs::copy(log.path("marks.log"), log.path("restored")).unwrap();
    fs::rename(log.path("restored"), log.path("marks.log")).unwrap();
    log.lines(30, 40);
    log.look();
    log.expect(40);
    assert_eq!(log.notes, []);
}

#[test]
fn a_torn_line_of_a_rotated_file_is_told_of_and_not_used() {
    let mut log = Log::new(false);
    log.append("0;a\n1;to");
    log.look();
    log.rename("marks.log.1");
    log.append("1;b\n");
    log.look();
    log.expect(2);
    assert_eq!(log.notes, [Note::Torn]);
}

#[test]
fn names_of_rotated_files() {
    for name in [
        "marks.log.1",
        "marks.log-20261122",
        "marks-20261122.log",
        "marks.1.log",
        "marks.log.old",
        "marks.log~",
    ] {
        assert!(is_rotated(name, "marks.log"), "{name}");
    }
    for name in [
        "marks.log",
        "marks.log.2.gz",
        "marks_summary.log",
        "other.log",
        "marks.txt",
        "marks.log.tmp",
    ] {
        assert!(!is_rotated(name, "marks.log"), "{name}");
    }
}

#[test]
fn utf_16_is_found_again_in_the_middle() {
    let mut log = Log::new(false);
    let wide = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(wide("0;ä\r\n"));
    fs::write(log.path("marks.log"), &bytes).unwrap();
    log.look();
    log.kill();
    bytes.extend(wide("1;ö\r\n"));
    fs::write(log.path("marks.log"), &bytes).unwrap();
    log.look();
    assert_eq!(log.seen, ["0;ä", "1;ö"]);
}
