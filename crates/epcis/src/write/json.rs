//! JSON text, piece by piece: no white space, fields in the order they are written.

use std::fmt::{Display, Write as _};

use crate::parts::Extensions;

/// Puts the commas in.
pub(super) struct Json {
    out: String,
    needs_comma: bool,
}

impl Json {
    pub(super) fn new() -> Self {
        Self {
            out: String::with_capacity(1024),
            needs_comma: false,
        }
    }

    /// The text as far as it is written.
    pub(super) fn finish(self) -> String {
        self.out
    }

    /// A number or truth value, in its own spelling.
    pub(super) fn bare(&mut self, name: &str, value: impl Display) {
        self.key(name);
        // Writing to a string cannot fail.
        let _ = write!(self.out, "{value}");
    }

    /// Fields of other namespaces, as they are.
    pub(super) fn extensions(&mut self, fields: &Extensions) {
        for (name, value) in fields {
            self.bare(name, value);
        }
    }

    pub(super) fn text_if_given(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    pub(super) fn texts(&mut self, name: &str, entries: &[String]) {
        self.list(name, entries, |json, entry| json.string(entry));
    }

    /// A list; none when it would be empty.
    pub(super) fn list<T>(&mut self, name: &str, entries: &[T], write: impl Fn(&mut Self, &T)) {
        if entries.is_empty() {
            return;
        }
        self.key(name);
        self.open('[');
        for entry in entries {
            self.element();
            write(self, entry);
        }
        self.close(']');
    }

    pub(super) fn object(&mut self, write: impl FnOnce(&mut Self)) {
        self.open('{');
        write(self);
        self.close('}');
    }

    pub(super) fn open(&mut self, bracket: char) {
        self.out.push(bracket);
        self.needs_comma = false;
    }

    pub(super) fn close(&mut self, bracket: char) {
        self.out.push(bracket);
        self.needs_comma = true;
    }

    /// Call before each entry of a list.
    pub(super) fn element(&mut self) {
        if self.needs_comma {
            self.out.push(',');
        }
        self.needs_comma = true;
    }

    pub(super) fn key(&mut self, name: &str) {
        self.element();
        self.string(name);
        self.out.push(':');
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.key(name);
        self.string(text);
    }

    pub(super) fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => self.out.extend(['\\', c]),
                '\0'..='\u{1f}' => self.out.push_str(&format!("\\u{:04x}", u32::from(c))),
                _ => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}
