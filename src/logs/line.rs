//! One line of the log: taken from an event of `tracing`, written as text, as JSON or as the journal's fields.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::code;

/// Characters of a value that are logged.
const MAX_TEXT: usize = 2_000;

/// Fields that name a configured device.
const DEVICES: [&str; 6] = ["device", "reader", "scanner", "receiver", "marker", "light"];
/// Fields, beside devices, that tell what a line is about. Never what a wire may choose: each subject is counted by itself.
const SUBJECTS: [&str; 4] = ["read_point", "broker", "file", "subject"];

/// Fields that tell which part of a device it is.
const PORTS: [&str; 2] = ["antenna", "input"];

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) level: Level,
    /// Empty on lines below a warning that have none.
    pub(super) code: String,
    pub(super) message: String,
    pub(super) fields: Vec<(&'static str, Value)>,
    /// Lines with this code about the same that were left out before it.
    pub(super) left_out: u64,
}

impl Line {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut line = Self {
            at: Timestamp::now(),
            level: *event.metadata().level(),
            code: String::new(),
            message: String::new(),
            fields: Vec::new(),
            left_out: 0,
        };
        event.record(&mut line);
        // Our own lines have one, which a test sees to.
        if line.code.is_empty() && line.level <= Level::WARN {
            code::LIBRARY.clone_into(&mut line.code);
            line.fields
                .push(("target", Value::from(event.metadata().target())));
        }
        line
    }

    /// The configured device that it is about.
    pub(super) fn device(&self) -> Option<&str> {
        DEVICES.iter().find_map(|name| self.text_of(name))
    }

    /// What it is about, of what the configuration names: `dock_1/3` for an antenna or input of a device; empty if nothing of
    /// that.
    pub(super) fn subject(&self) -> String {
        let other = || SUBJECTS.iter().find_map(|name| self.text_of(name));
        let subject = self.device().or_else(other).unwrap_or("");
        let is_port = |name: &str| PORTS.contains(&name);
        let port = self.fields.iter().find(|(name, _)| is_port(name));
        match port {
            Some((_, port)) => format!("{subject}/{port}"),
            None => subject.to_owned(),
        }
    }

    fn text_of(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(known, _)| *known == name);
        field.and_then(|(_, value)| value.as_str())
    }

    pub(super) const fn level(&self) -> &'static str {
        match self.level {
            Level::ERROR => "ERROR",
            Level::WARN => "WARN",
            Level::INFO => "INFO",
            Level::DEBUG => "DEBUG",
            _ => "TRACE",
        }
    }

    /// As syslog and the journal count it.
    pub(super) const fn priority(&self) -> u8 {
        match self.level {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        }
    }

    /// Code, message and fields.
    pub(super) fn words(&self) -> String {
        let mut text = String::new();
        if !self.code.is_empty() {
            text = format!("{} ", self.code);
        }
        text += &self.message;
        // Writing to a String cannot fail.
        for (name, value) in &self.fields {
            let _ = write!(text, " {name}={value}");
        }
        if self.left_out > 0 {
            let _ = write!(text, " left_out={}", self.left_out);
        }
        text
    }

    /// One line for people and for grep.
    pub(super) fn text(&self, colours: bool) -> String {
        let at = self.at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ");
        let (before, after) = match (colours, self.level) {
            (true, Level::ERROR) => ("\x1b[31m", "\x1b[0m"),
            (true, Level::WARN) => ("\x1b[33m", "\x1b[0m"),
            _ => ("", ""),
        };
        let level = self.level();
        format!("{at} {before}{level:>5}{after} {}\n", self.words())
    }

    /// One line for systemd, which knows the time and takes the level off.
    pub(super) fn prefixed(&self) -> String {
        format!("<{}>{}\n", self.priority(), self.words())
    }

    /// One object.
    pub(super) fn json(&self) -> String {
        let mut all = Map::new();
        all.insert("time".to_owned(), Value::from(self.at.to_string()));
        all.insert("level".to_owned(), Value::from(self.level()));
        let mut put = |name: &str, value: Value| {
            all.entry(name).or_insert(value);
        };
        if !self.code.is_empty() {
            put("code", Value::from(&*self.code));
        }
        put("message", Value::from(&*self.message));
        if let Some(device) = self.device() {
            put("device", Value::from(device));
        }
        for (name, value) in &self.fields {
            put(name, value.clone());
        }
        if self.left_out > 0 {
            put("left_out", Value::from(self.left_out));
        }
        format!("{}\n", Value::Object(all))
    }

    /// A datagram of the journal's protocol: `NAME=value` lines. No value has a line end in it.
    pub(super) fn journal(&self) -> Vec<u8> {
        let mut text = format!(
            "MESSAGE={}\nPRIORITY={}\nSYSLOG_IDENTIFIER=tracegate\n",
            self.words(),
            self.priority()
        );
        let mut put = |name: &str, value: &str| {
            let _ = writeln!(text, "{}={value}", name.to_ascii_uppercase());
        };
        if !self.code.is_empty() {
            put("code", &self.code);
        }
        if let Some(device) = self.device() {
            put("device", device);
        }
        for (name, value) in &self.fields {
            if *name != "device" {
                match value {
                    Value::String(text) => put(name, text),
                    other => put(name, &other.to_string()),
                }
            }
        }
        if self.left_out > 0 {
            put("left_out", &self.left_out.to_string());
        }
        text.into_bytes()
    }

    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            ("code", Value::String(text)) => self.code = text,
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::from(tame(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::from(tame(&format!("{value:?}"))));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }

    /// Milliseconds, mostly.
    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put(field, Value::from(u64::try_from(value).unwrap_or(u64::MAX)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }
}

/// Without control characters, which could begin a line of their own or colour a terminal; not without end; and without
/// user and password of an address, wherever one may come from.
fn tame(text: &str) -> String {
    let mut tamed = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        if at == MAX_TEXT {
            tamed.push('…');
            break;
        }
        match c.is_control() {
            true => tamed.extend(c.escape_default()),
            false => tamed.push(c),
        }
    }
    match tamed.contains("://") {
        true => without_user(&tamed),
        false => tamed,
    }
}

fn without_user(text: &str) -> String {
    let mut parts = text.split("://");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out += "://";
        let end = part
            .find(|c: char| c.is_whitespace() || "/\"'?#".contains(c))
            .unwrap_or(part.len());
        let (authority, rest) = part.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => out += &format!("***@{host}"),
            None => out += authority,
        }
        out += rest;
    }
    out
}
