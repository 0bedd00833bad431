//! What application identifiers demand of each other (GenSpecs 4.13, "data relationships").
//!
//! The rules hold for everything that marks one item, and a label may spread over several symbols.
//! So a breach in a single scan is a warning, and the scan stays valid.

use std::fmt;

use super::Element;
use crate::{
    Ai,
    ai::{Need, Pattern},
};

/// A relationship that the elements at hand do not keep.
#[derive(Clone, Copy)]
pub struct Association {
    ai: Ai,
    breach: Breach,
}

#[derive(Clone, Copy)]
enum Breach {
    Needs(&'static Need),
    Excludes(Ai),
}

impl Association {
    /// The identifier whose rule is broken.
    pub fn ai(&self) -> Ai {
        self.ai
    }

    /// The identifier that must not be there; none if one that must be there is missing
    /// (GenSpecs 4.13.1 and 4.13.2).
    pub fn excluded(&self) -> Option<Ai> {
        match self.breach {
            Breach::Excludes(ai) => Some(ai),
            Breach::Needs(_) => None,
        }
    }
}

impl fmt::Display for Association {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.breach {
            Breach::Excludes(ai) => write!(f, "({}) must not stand beside ({ai})", self.ai),
            Breach::Needs(need) => {
                write!(f, "({}) needs ", self.ai)?;
                for (index, all) in need.alternatives().enumerate() {
                    f.write_str(if index > 0 { " or " } else { "" })?;
                    for (part, pattern) in all.enumerate() {
                        f.write_str(if part > 0 { " with " } else { "" })?;
                        write!(f, "({pattern})")?;
                    }
                }
                f.write_str(", which is not in this scan")
            }
        }
    }
}

impl fmt::Debug for Association {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Association {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Association {}

/// Every relationship that `elements` do not keep, in their order (GenSpecs 4.13).
///
/// Meant for the elements of all symbols of an item together; for one scan they are warnings. An
/// exclusion is named once for each pair.
pub fn associations(elements: &[Element]) -> Vec<Association> {
    let mut breaches = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        let (ai, earlier) = (element.ai(), elements.get(..index).unwrap_or_default());
        let Some(spec) = ai.spec() else { continue };
        if earlier.iter().any(|other| other.ai() == ai) {
            continue;
        }
        let matching = |pattern: Pattern| {
            elements
                .iter()
                .map(Element::ai)
                .find(|&other| other != ai && pattern.matches(other))
        };
        for &pattern in spec.excludes {
            let Some(other) = matching(pattern) else {
                continue;
            };
            let named = breaches
                .iter()
                .any(|breach: &Association| breach.ai == other && breach.excluded() == Some(ai));
            if !named {
                let breach = Breach::Excludes(other);
                breaches.push(Association { ai, breach });
            }
        }
        for need in spec.needs {
            if !need.is_met(|pattern| matching(pattern).is_some()) {
                let breach = Breach::Needs(need);
                breaches.push(Association { ai, breach });
            }
        }
    }
    breaches
}
