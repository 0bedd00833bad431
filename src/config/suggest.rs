//! "Did you mean": the nearest of the names that would have been right.

/// The candidate nearest to `word`, when it is near enough to be a slip of the finger, or `word` is its beginning.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Distance is quadratic in length; nothing that long is a misspelt name.
    if word.len() > 80 {
        return None;
    }
    let lower = word.to_lowercase();
    let allowed = (lower.chars().count() / 3).max(1);
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let longer = |candidate: &&str| {
        lower.len() > 3
            && candidate
                .strip_prefix(&lower)
                .is_some_and(|rest| rest.starts_with('_'))
    };
    candidates
        .iter()
        .copied()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
        .or_else(|| candidates.iter().copied().find(longer))
}

/// What people call settings that have another name here, where both are in question.
const SETTINGS: &[(&str, &[&str])] = &[
    (
        "host",
        &["ip", "ip_address", "addr", "address", "hostname", "server"],
    ),
    ("url", &["broker", "host", "server", "address", "uri"]),
    (
        "tcp",
        &["ip", "ip_address", "addr", "address", "host", "hostname"],
    ),
    (
        "serial",
        &["device", "dev", "com", "com_port", "tty", "port", "path"],
    ),
    ("username", &["user", "login"]),
    ("password_file", &["pass", "passwd", "secret"]),
    ("sgln", &["gln", "location", "place"]),
    ("mode", &["type", "kind"]),
    ("min_rssi", &["rssi", "rssi_min", "rssi_limit", "threshold"]),
    ("dedup", &["dedupe", "dedupe_window", "window", "debounce"]),
    ("antennas", POWER),
    ("antennas", &["ports", "antenna_ports"]),
    ("baud", &["speed", "baudrate", "baud_rate", "rate"]),
    ("biz_step", &["step", "bizstep", "business_step"]),
    ("directory", &["path", "dir", "folder"]),
    ("max_size", &["size", "limit"]),
];

const POWER: &[&str] = &[
    "power",
    "tx_power",
    "antenna_power",
    "transmit_power",
    "gain",
];

/// The setting that is probably meant by another name.
pub(super) fn setting_meant(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let lower = name.to_lowercase().replace('-', "_");
    let mut named = SETTINGS
        .iter()
        .filter(|(_, names)| names.contains(&lower.as_str()));
    // `mode` is something else at a reader.
    let here = |it: &str| known.contains(&it) && (it != "mode" || known.contains(&"sgln"));
    let (setting, _) = named.find(|(setting, _)| here(setting))?;
    Some(setting)
}

/// What to say to somebody who looks for a reader's power.
pub(super) fn power_per_antenna(name: &str, known: &[&str]) -> Option<&'static str> {
    let asked = POWER.contains(&name) && known.contains(&"antennas") && known.contains(&"host");
    asked.then_some("power is set for each antenna: antennas = { 1 = \"30 dBm\", 2 = \"27 dBm\" }")
}

/// Kinds of sections that have a setting of this name, when it is the name of few.
pub(super) fn owners(name: &str) -> Vec<&'static str> {
    let owners = super::schema::owners(name);
    if owners.len() <= 2 {
        owners
    } else {
        Vec::new()
    }
}

/// What people call words that are others here.
const CHOICES: &[(&str, &[&str])] = &[
    ("dock", &["door", "portal", "gate"]),
    ("belt", &["conveyor", "tunnel"]),
    (
        "presence",
        &["zone", "area", "room", "shelf", "cabinet", "cage"],
    ),
    ("station", &["scanner", "line", "desk", "workplace"]),
    ("debug", &["verbose"]),
    ("info", &["notice", "normal"]),
];

/// The word that is probably meant: the nearest, the only one that begins like it, or the one that others call so.
pub(super) fn choice_meant(word: &str, allowed: &[&'static str]) -> Option<&'static str> {
    let lower = word.to_lowercase();
    let begins = || {
        let alike = |it: &&&str| it.starts_with(&lower) || lower.starts_with(**it);
        let mut alike = allowed.iter().filter(alike);
        let first = alike.next().filter(|_| !lower.is_empty())?;
        alike.next().is_none().then_some(*first)
    };
    let called = || {
        let called = |(word, names): &&(&str, &[&str])| {
            allowed.contains(word) && names.contains(&lower.as_str())
        };
        CHOICES.iter().find(called).map(|(word, _)| *word)
    };
    let near = (lower.len() > 1).then(|| nearest(word, allowed.iter().copied()));
    near.flatten().or_else(begins).or_else(called)
}

/// Completes a label: `did you mean "dock_2"?`, or the text given when nothing is near.
pub(super) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    otherwise: &str,
) -> String {
    match nearest(word, candidates) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => otherwise.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let names = ["host", "port", "antennas", "keepalive"];
        assert_eq!(nearest("hots", names), Some("host"));
        assert_eq!(nearest("Antenna", names), Some("antennas"));
        assert_eq!(nearest("keep_alive", names), Some("keepalive"));
        assert_eq!(nearest("colour", names), None);
        assert_eq!(
            nearest("password", ["username", "password_file"]),
            Some("password_file")
        );
    }
}
