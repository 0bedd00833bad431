//! One source for what is said about settings.
//!
//! Which settings there are, and what they take, is asked of the code ([`shape`]). What they mean, and their defaults, stand
//! in `config/gateway.toml`, the sample ([`reference`](self::reference)). Both together are the JSON Schema and `docs/settings.md`. Tests fail when
//! a setting of the code has no text, and when a default there is not that of the code.

mod applies;
mod json;
mod markdown;
mod reference;
mod shape;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use self::reference::Reference;
use self::shape::Shape;

pub(crate) use self::reference::{REFERENCE, settings};

/// The JSON Schema (draft 2020-12) of a configuration file.
#[must_use]
pub fn schema() -> serde_json::Value {
    json::schema(&Settings::read())
}

/// Every setting in Markdown, as in `docs/settings.md`.
#[must_use]
pub fn settings_table() -> String {
    markdown::markdown(&Settings::read())
}

/// The kinds of sections that have a setting of this name directly in them.
pub(super) fn owners(name: &str) -> Vec<&'static str> {
    // Asking every type takes a while; a file may have many settings that do not exist.
    static SHAPE: LazyLock<Shape> = LazyLock::new(shape::shape);
    let kinds = SHAPE.section.iter().flat_map(|root| &root.fields);
    let has = |shape: &Shape| {
        let fields = shape.settings().into_iter().flat_map(|it| &it.fields);
        fields.into_iter().any(|(field, _)| *field == name)
    };
    kinds
        .filter(|(_, shape)| has(shape))
        .map(|(kind, _)| *kind)
        .collect()
}

/// Everything that is known of settings.
struct Settings {
    shape: Shape,
    reference: Reference,
}

impl Settings {
    fn read() -> Self {
        let shape = shape::shape();
        Settings {
            reference: Reference::read(&shape),
            shape,
        }
    }

    /// The kinds of sections with what they take, in the order of the reference.
    fn kinds(&self) -> impl Iterator<Item = (&'static str, &Shape)> {
        let fields = self.shape.section.iter().flat_map(|root| &root.fields);
        fields.map(|(kind, shape)| (*kind, shape))
    }

    /// In how many places a struct is used.
    fn uses(&self, name: &str) -> usize {
        fn count(shape: &Shape, name: &str) -> usize {
            let Some(section) = shape.settings() else {
                return 0;
            };
            let below: usize = section.fields.iter().map(|(_, it)| count(it, name)).sum();
            below + usize::from(section.name == name)
        }
        count(&self.shape, name)
    }
}
