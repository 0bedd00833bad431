//! What came of a reload, for programs and for people.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

use super::Changes;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The file is in force.
    Applied,
    /// It was in force already.
    Unchanged,
    /// It has errors; nothing was changed.
    Rejected,
    /// It cannot be taken into use at this moment; nothing was changed.
    Busy,
}

/// The answer to a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What came of it.
    pub verdict: Verdict,
    /// The configuration file.
    pub file: String,
    /// Errors or warnings as `tracegate check` prints them, or why not at this moment.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub report: String,
    /// What is different.
    #[serde(default)]
    pub changes: Changes,
}

impl Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, changes, .. } = self;
        match self.verdict {
            Verdict::Applied => writeln!(f, "{file} is in force.")?,
            Verdict::Unchanged => writeln!(f, "{file} is in force already.")?,
            Verdict::Rejected => {
                return writeln!(f, "{file} was rejected; what was in force stays.");
            }
            Verdict::Busy => return writeln!(f, "{file} was not taken into use: {}", self.report),
        }
        if self.verdict == Verdict::Applied && changes.is_empty() && changes.waits.is_empty() {
            writeln!(f, "It means the same as before.")?;
        }
        for section in &changes.added {
            writeln!(f, "  added    {section}")?;
        }
        for section in &changes.removed {
            writeln!(f, "  removed  {section}")?;
        }
        for changed in &changes.changed {
            write!(f, "  changed  {}", changed.section)?;
            if !changed.settings.is_empty() {
                write!(f, ": {}", changed.settings.join(", "))?;
            }
            match changed.connects_anew {
                true => writeln!(f, " (connects anew)")?,
                false => writeln!(f)?,
            }
        }
        for setting in &changes.waits {
            writeln!(f, "  `{setting}` waits for a restart")?;
        }
        Ok(())
    }
}
