//! How a device is reached: one way of several, and what says nothing with it.

use super::check::Checker;
use super::diagnostic::Diagnostic;
use super::units::shown;

impl Checker<'_> {
    /// Settings of a section that say nothing because of `why`.
    pub(super) fn no_effect(&mut self, [kind, name]: [&str; 2], settings: &[&str], why: &str) {
        for key in settings {
            let path = [kind, name, key];
            if self.tree.has(&path) {
                let title = format!("`{key}` has no effect {why}");
                let place = self.tree.at_key(&path);
                self.error("no-effect", title, place, "", "delete it");
            }
        }
    }

    /// Those of the ways to reach a device that are written; two of them are a mistake.
    pub(super) fn ways<'w>(
        &mut self,
        [kind, name]: [&str; 2],
        ways: impl Iterator<Item = &'w str>,
    ) -> Vec<&'w str> {
        let set: Vec<&str> = ways
            .filter(|way| self.tree.has(&[kind, name, way]))
            .collect();
        if let [one, other, ..] = set.as_slice() {
            let title = format!("{kind} `{}` has both `{one}` and `{other}`", shown(name));
            let first = self.tree.at_key(&[kind, name, one]);
            let second = self.tree.at_key(&[kind, name, other]);
            let place = first.clone().max(second.clone());
            let problem = Diagnostic::error("conflict", title, place, "")
                .context(first.min(second), "the other is here")
                .help("keep the one that is used, delete the other");
            self.problems.push(problem);
        }
        set
    }

    /// As [`Self::ways`], each with an example; none of them is a mistake, too.
    pub(super) fn one_way<'w>(
        &mut self,
        section: [&str; 2],
        ways: &[(&'w str, &str)],
    ) -> Vec<&'w str> {
        let [kind, name] = section;
        let set = self.ways(section, ways.iter().map(|(way, _)| *way));
        if ways
            .iter()
            .all(|(way, _)| self.is_missing(&[kind, name, way]))
        {
            let keys: Vec<String> = ways.iter().map(|(way, _)| format!("`{way}`")).collect();
            let examples: Vec<&str> = ways.iter().map(|(_, example)| *example).collect();
            let title = format!("{kind} `{}` has none of {}", shown(name), keys.join(", "));
            let help = format!("add: {}", examples.join(", or "));
            self.error("missing", title, self.tree.at(&section), "", &help);
        }
        set
    }
}
