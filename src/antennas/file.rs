//! What was learned about antennas, beside the buffer. Losing it costs some days of learning, and nothing else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{MAX_ANTENNAS, Tracks};

use crate::logs;

/// A larger file is not one that we wrote.
const MAX_BYTES: u64 = 8 << 20;
/// Of the file's form.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Noted {
    version: u32,
    antennas: Vec<(String, u16, Tracks)>,
}

pub(super) fn load(path: &Path) -> BTreeMap<(String, u16), Tracks> {
    let file = path.display();
    let noted = match read(path) {
        Ok(noted) if noted.version == VERSION => noted,
        Ok(noted) => {
            let version = noted.version;
            warn!(code = logs::ANTENNA_HISTORY, %file, version, "Another version wrote down how antennas read; it is learned anew");
            return BTreeMap::new();
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return BTreeMap::new(),
        Err(error) => {
            warn!(code = logs::ANTENNA_HISTORY, %file, %error, "How antennas used to read is not known; it is learned anew");
            return BTreeMap::new();
        }
    };
    let all = noted.antennas.into_iter().take(MAX_ANTENNAS);
    let sound = all.filter(|(_, _, it)| {
        let Tracks {
            tags,
            rate,
            rssi,
            reference,
        } = it;
        [tags, rate, rssi, reference].iter().all(|it| it.is_sound())
    });
    sound.map(|(name, port, it)| ((name, port), it)).collect()
}

fn read(path: &Path) -> io::Result<Noted> {
    let mut text = Vec::new();
    let mut file = File::open(path)?.take(MAX_BYTES);
    file.read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

pub(super) fn save(path: &Path, all: &BTreeMap<(String, u16), Tracks>) {
    let all = all.iter().take(MAX_ANTENNAS);
    let noted = Noted {
        version: VERSION,
        antennas: all
            .map(|((name, port), it)| (name.clone(), *port, it.clone()))
            .collect(),
    };
    if let Err(error) = write(path, &noted) {
        let file = path.display();
        warn!(code = logs::ANTENNA_HISTORY, %file, %error, "How antennas read is not noted; a restart forgets it");
    }
}

/// All or nothing, also in a power cut.
fn write(path: &Path, noted: &Noted) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(&serde_json::to_vec(noted)?)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}
