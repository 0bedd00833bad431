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
