//! Any day of a log: it is written, copied bit by bit, emptied or renamed, looked at, and the gateway is killed, in any order,
//! also between two accesses of one look. Each line is told once.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;

thread_local! {
    static PLANT: RefCell<Option<Plant>> = const { RefCell::new(None) };
}

/// Called before each access to the files: the plant may go on meanwhile.
pub(in super::super) fn meanwhile() {
    PLANT.with_borrow_mut(|plant| {
        if let Some(plant) = plant
            && plant.is_busy
            && plant.random.u8(0..5) == 0
        {
            plant.step();
        }
    });
}

#[derive(Debug, Clone, PartialEq)]
enum Rotation {
    None,
    /// The copy has some of the log.
    Begun(PathBuf),
    /// The copy is whole; what is written from now on until the log is emptied is in no file afterwards.
    Copied,
}

/// Who writes the log and rotates it.
#[derive(Debug)]
struct Plant {
    folder: PathBuf,
    random: fastrand::Rng,
    header: bool,
    /// Length of lines.
    filling: usize,
    cuts: bool,
    /// The copy has the time of change of the log.
    keeps_time: bool,
    /// It goes on while the gateway looks.
    is_busy: bool,
    rotation: Rotation,
    /// The rest of a line that is being written.
    half: Option<String>,
    is_new: bool,
    written: usize,
    rotations: usize,
    seconds: u64,
    /// Lines that the rotation itself may lose.
    between: BTreeSet<usize>,
}

impl Plant {
    fn log(&self) -> PathBuf {
        self.folder.join("marks.log")
    }

    /// The file system's clock ticks too slowly for this test.
    fn touch(&mut self, path: &Path) {
        self.seconds += 1;
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + self.seconds);
        let file = File::options().append(true).open(path).unwrap();
        file.set_modified(at).unwrap();
    }

    fn append(&mut self, text: &str) {
        let path = self.log();
        let mut file = File::options()
            .append(true)
            .create(true)
            .open(&path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
        self.touch(&path);
    }

    fn write(&mut self) {
        if let Some(rest) = self.half.take() {
            self.append(&rest);
            self.written += 1;
            return;
        }
        if std::mem::take(&mut self.is_new) && self.header {
            return self.append("Number;Text\n");
        }
        let len = fs::metadata(self.log()).map_or(0, |it| it.len());
        if self.rotation == Rotation::Copied && len < HEAD as u64 {
            // A copy without its end is known by its beginning, if that is long enough.
            return;
        }
        let filling = format!("{},", self.written).repeat(self.random.usize(0..self.filling));
        let line = format!("{};{filling}\n", self.written);
        if self.rotation == Rotation::None && self.random.bool() {
            let at = self.random.usize(1..line.len());
            self.append(&line[..at]);
            self.half = Some(line[at..].to_owned());
            return;
        }
        if self.rotation == Rotation::Copied {
            self.between.insert(self.written);
        }
        self.append(&line);
        self.written += 1;
    }

    fn rotate(&mut self) {
        if self.half.is_some() || !self.log().exists() {
            return;
        }
        match std::mem::replace(&mut self.rotation, Rotation::None) {
            Rotation::None => {
                self.rotations += 1;
                let to = self.folder.join(format!("marks-{:05}.log", self.rotations));
                if self.cuts {
                    File::create(&to).unwrap();
                    self.touch(&to);
                    self.rotation = Rotation::Begun(to);
                } else {
                    fs::rename(self.log(), to).unwrap();
                    self.is_new = true;
                }
            }
            Rotation::Begun(to) => {
                let bytes = fs::read(self.log()).unwrap();
                let is_whole = self.random.bool();
                let mut copy = File::options().append(true).open(&to).unwrap();
                let copied = usize::try_from(copy.metadata().unwrap().len()).unwrap();
                let part = self.random.usize(copied..=bytes.len());
                let part = if is_whole { bytes.len() } else { part };
                copy.write_all(&bytes[copied..part]).unwrap();
                self.touch(&to);
                if is_whole && self.keeps_time {
                    let at = fs::metadata(self.log()).unwrap().modified().unwrap();
                    let file = File::options().append(true).open(&to).unwrap();
                    file.set_modified(at).unwrap();
                }
                self.rotation = match is_whole {
                    true => Rotation::Copied,
                    false => Rotation::Begun(to),
                };
            }
            Rotation::Copied => {
                let file = File::options().write(true).open(self.log()).unwrap();
                file.set_len(0).unwrap();
                let log = self.log();
                self.touch(&log);
                self.is_new = true;
            }
        }
    }

    fn step(&mut self) {
        match self.random.u8(0..4) {
            0 => self.rotate(),
            _ => self.write(),
        }
    }
}

/// What is stored, by the rule of [`tracegate_pipeline::mark`], with the lines in the order in which they were told.
#[derive(Debug, Default)]
struct Journal {
    place: Option<LogPlace>,
    told: BTreeSet<u64>,
    lines: Vec<usize>,
}

impl Journal {
    fn advance(&mut self, place: LogPlace) {
        if self
            .place
            .is_some_and(|it| it.generation != place.generation)
        {
            self.told.clear();
        }
        self.told = self.told.split_off(&place.resume);
        self.place = Some(place);
    }

    fn tell(&mut self, generation: u32, line: &Line, place: LogPlace) {
        let text = line.text.clone().unwrap();
        let number = text.split(';').next().unwrap().parse();
        let before = self.place.is_some_and(|it| {
            generation < it.generation
                || generation == it.generation
                    && (line.start < it.resume || self.told.contains(&line.start))
        });
        if let (Ok(number), false) = (number, before) {
            self.lines.push(number);
            self.told.insert(line.start);
        }
        self.advance(place);
    }
}

struct Day {
    follower: Follower,
    journal: Journal,
    path: PathBuf,
}

impl Day {
    fn start(&mut self) {
        self.follower = Follower::new(self.path.clone(), Encoding::Auto, false, self.journal.place);
    }

    /// A look as the source makes it; the gateway is killed once so much of it is stored. False: nothing was new.
    fn look(&mut self, mut stored: usize) -> bool {
        let mut may_store = || {
            let may = stored > 0;
            stored = stored.saturating_sub(1);
            may
        };
        let Ok(look) = self.follower.look() else {
            // As the source does.
            self.start();
            return true;
        };
        if let Some(place) = look.moved {
            if !may_store() {
                self.start();
                return true;
            }
            self.journal.advance(place);
        }
        let generation = self.follower.generation();
        for line in &look.lines {
            let place = self.follower.place_at(line.end, None).unwrap();
            let is_mark = !line.text.as_deref().unwrap().starts_with("Number");
            if is_mark && !may_store() {
                self.start();
                return true;
            }
            if is_mark {
                self.journal.tell(generation, line, place);
            }
        }
        if !look.lines.is_empty() {
            self.follower.place(None).unwrap();
        }
        look.more
    }

    fn look_to_the_end(&mut self) {
        for _ in 0..4 {
            while self.look(usize::MAX) {}
        }
    }
}

fn plant<T>(work: impl FnOnce(&mut Plant) -> T) -> T {
    PLANT.with_borrow_mut(|plant| work(plant.as_mut().unwrap()))
}

fn day(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("marks.log");
    let mut random = fastrand::Rng::with_seed(seed);
    let is_busy = seed.is_multiple_of(3);
    PLANT.set(Some(Plant {
        folder: folder.path().to_owned(),
        header: random.bool(),
        filling: if random.bool() { 20 } else { 600 },
        cuts: random.u8(0..4) > 0,
        keeps_time: random.u8(0..4) == 0,
        is_busy,
        rotation: Rotation::None,
        half: None,
        is_new: true,
        written: 0,
        rotations: 0,
        seconds: 0,
        between: BTreeSet::new(),
        random: random.fork(),
    }));
    let info = plant(|plant| {
        format!(
            "header {} cuts {} keeps {} busy {}",
            plant.header, plant.cuts, plant.keeps_time, plant.is_busy
        )
    });
    let mut day = Day {
        follower: Follower::new(path.clone(), Encoding::Auto, false, None),
        journal: Journal::default(),
        path,
    };
    // What was rotated before anybody looked is history.
    day.look(usize::MAX);
    for _ in 0..120 {
        match random.u8(0..8) {
            0..=3 => {
                for _ in 0..random.usize(1..12) {
                    plant(Plant::step);
                }
            }
            4 => {
                day.look(random.usize(0..8));
                day.start();
            }
            5 => day.look_to_the_end(),
            _ => {
                day.look(usize::MAX);
            }
        }
    }
    let (written, between) = plant(|plant| {
        plant.is_busy = false;
        while plant.rotation != Rotation::None || plant.half.is_some() {
            plant.write();
            plant.rotate();
        }
        (plant.written, plant.between.clone())
    });
    day.look_to_the_end();
    PLANT.set(None);
    let told = &day.journal.lines;
    let again: Vec<_> = told.windows(2).filter(|pair| pair[0] >= pair[1]).collect();
    let told: BTreeSet<usize> = told.iter().copied().collect();
    let lost = (0..written).filter(|it| !told.contains(it) && !between.contains(it));
    let lost: Vec<usize> = lost.collect();
    assert!(
        again.is_empty() && lost.is_empty(),
        "seed {seed} {info} of {written} lines: told again {again:?}, not told {lost:?}"
    );
}

#[test]
fn any_day_of_a_log() {
    // More of them by hand: DAYS=0..5000.
    let days = std::env::var("DAYS").unwrap_or_else(|_| "0..120".to_owned());
    let (from, to) = days.split_once("..").unwrap();
    for seed in from.parse().unwrap()..to.parse().unwrap() {
        day(seed);
    }
}
