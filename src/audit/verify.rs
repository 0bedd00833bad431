//! Whether an exported record is whole.

use serde::Deserialize;

use super::{Row, Seal, chain};

/// What was found in a record that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it goes on from.
    pub seal: Seal,
    /// Rows.
    pub rows: u64,
    /// Number of the last row, and its hash: to be compared with one that was kept elsewhere.
    pub last: Seal,
}

/// The first row that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct Broken {
    /// Line of the file, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    seal: Seal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    hash: String,
    row: Row,
}

/// Verifies an export in JSON line by line: one with the seal, then one per row.
#[derive(Debug, Default)]
pub struct Verifier {
    line: usize,
    found: Option<Verified>,
}

impl Verifier {
    /// Takes the next line, without its end.
    ///
    /// # Errors
    /// It is the first that was changed, removed, added or moved.
    pub fn take(&mut self, line: &str) -> Result<(), Broken> {
        self.line += 1;
        let number = self.line;
        let broken = |problem: String| Broken {
            line: number,
            problem,
        };
        let Some(found) = &mut self.found else {
            let Head { seal } = serde_json::from_str(line)
                .map_err(|error| broken(format!("it is no seal: {error}")))?;
            self.found = Some(Verified {
                last: seal.clone(),
                seal,
                rows: 0,
            });
            return Ok(());
        };
        let Line { hash, row } = serde_json::from_str(line)
            .map_err(|error| broken(format!("it is no row of a record: {error}")))?;
        let last = &found.last;
        if row.n != last.n.saturating_add(1) {
            return Err(broken(format!(
                "row {} follows row {}: rows are missing, or were moved or added",
                row.n, last.n
            )));
        }
        if chain(&last.hash, &row.text()) != hash {
            return Err(broken(format!(
                "row {} is not as it was written, or one before it is not",
                row.n
            )));
        }
        found.last = Seal { n: row.n, hash };
        found.rows += 1;
        Ok(())
    }

    /// What was found once every line was taken.
    ///
    /// # Errors
    /// There was none.
    pub fn finish(self) -> Result<Verified, Broken> {
        self.found.ok_or_else(|| Broken {
            line: 1,
            problem: "the file is empty".to_owned(),
        })
    }
}

/// Verifies a whole export.
#[cfg(test)]
pub(crate) fn verify(text: &str) -> Result<Verified, Broken> {
    let mut verifier = Verifier::default();
    text.lines().try_for_each(|line| verifier.take(line))?;
    verifier.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Vec<String> {
        let seal = Seal::default();
        let mut lines = vec![format!(
            "{{\"seal\":{}}}",
            serde_json::to_string(&seal).unwrap()
        )];
        let mut before = seal.hash;
        for n in 1..=4 {
            let row = Row {
                n,
                what: "refused".to_owned(),
                text: Some("lot \"L1\" is on hold\n".to_owned()),
                data_version: Some(7),
                ..Row::default()
            };
            let hash = chain(&before, &row.text());
            lines.push(
                super::super::Sealed {
                    hash: hash.clone(),
                    row,
                }
                .json(),
            );
            before = hash;
        }
        lines
    }

    #[test]
    fn every_change_is_found_and_its_row_named() {
        let lines = record();
        let whole = verify(&lines.join("\n")).unwrap();
        assert_eq!((whole.rows, whole.last.n), (4, 4));
        let changed = lines[2].replace("refused", "accepted");
        let told = |lines: Vec<&str>| verify(&lines.join("\n")).unwrap_err().to_string();
        let [head, a, b, c, d] = [0, 1, 2, 3, 4].map(|index: usize| lines[index].as_str());
        assert_eq!(
            told(vec![head, a, &changed, c, d]),
            "line 3: row 2 is not as it was written, or one before it is not"
        );
        assert!(told(vec![head, a, c, d]).starts_with("line 3: row 3 follows row 1"));
        assert!(told(vec![head, a, c, b, d]).starts_with("line 3: row 3 follows row 1"));
        assert!(told(vec![head, a, b, b, c, d]).starts_with("line 4: row 2 follows row 2"));
        assert!(told(vec![a, b]).starts_with("line 1: it is no seal"));
        assert!(told(vec![head, a, "x"]).starts_with("line 3: it is no row"));
        assert_eq!(told(vec![]), "line 1: the file is empty");
        // A record that is cut at its end is whole by itself: its last hash tells.
        assert_ne!(verify(&[head, a, b].join("\n")).unwrap().last, whole.last);
        // Every byte counts.
        for at in 0..b.len() {
            let mut bytes = b.as_bytes().to_vec();
            bytes[at] ^= 1;
            let Ok(other) = String::from_utf8(bytes) else {
                continue;
            };
            assert!(
                verify(&[head, a, &other, c].join("\n")).is_err(),
                "byte {at}"
            );
        }
    }
}
