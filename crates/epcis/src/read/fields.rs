//! The fields of a JSON object, each taken as the kind it should be.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::ReadError;
use crate::parts::Extensions;
use crate::time::{self, EventTime};
use crate::uri::is_uri;

/// An object and where it stands, for the error.
pub(super) struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Fields<'a> {
    pub(super) fn of_event(value: &'a Value) -> Result<Self, ReadError> {
        Ok(Self {
            map: object("event", value)?,
            path: String::new(),
        })
    }

    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name)
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ReadError> {
        match self.map.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.kind(name, "a text")),
        }
    }

    pub(super) fn needed(&self, name: &str) -> Result<String, ReadError> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, ReadError> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let texts: Option<Vec<_>> = self.array(name)?.iter().map(text).collect();
        texts.ok_or_else(|| self.kind(name, "a list of texts"))
    }

    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, ReadError> {
        match self.map.get(name) {
            None => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(*truth)),
            Some(_) => Err(self.kind(name, "true or false")),
        }
    }

    pub(super) fn number<N: FromStr>(&self, name: &str) -> Result<Option<N>, ReadError> {
        match self.map.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => {
                // Display of a double never uses an exponent, so this is decimal text.
                let text = match number.as_f64() {
                    Some(float) if number.is_f64() => float.to_string(),
                    _ => number.to_string(),
                };
                let number = text.parse();
                number
                    .map(Some)
                    .map_err(|_| self.kind(name, "a decimal of at most 15 digits"))
            }
            Some(_) => Err(self.kind(name, "a number")),
        }
    }

    /// An RFC 3339 time, with the offset it is written in.
    pub(super) fn time(&self, name: &str) -> Result<Option<EventTime>, ReadError> {
        self.time_at(name, None)
    }

    /// An RFC 3339 time, with the offset that stands elsewhere; rounded as the event hash rounds it.
    pub(super) fn time_at(
        &self,
        name: &str,
        offset: Option<i16>,
    ) -> Result<Option<EventTime>, ReadError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let (micros, written) =
            time::parse_rfc3339(&text).ok_or_else(|| self.kind(name, "an RFC 3339 time"))?;
        let rounded = time::rounded_ms(micros).map_or(micros, |ms| ms.saturating_mul(1000));
        match EventTime::new(rounded, offset.unwrap_or(written)) {
            Ok(time) => Ok(Some(time)),
            Err(source) => Err(ReadError::Time {
                field: format!("{}{name}", self.path),
                source,
            }),
        }
    }

    pub(super) fn list<T>(
        &self,
        name: &str,
        read: impl Fn(&Fields<'_>) -> Result<T, ReadError>,
    ) -> Result<Vec<T>, ReadError> {
        let entries = self.array(name)?.iter().enumerate();
        entries
            .map(|(at, entry)| {
                let place = format!("{}{name}[{at}]", self.path);
                read(&Fields {
                    map: object(&place, entry)?,
                    path: format!("{place}."),
                })
            })
            .collect()
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<Fields<'a>>, ReadError> {
        let Some(value) = self.map.get(name) else {
            return Ok(None);
        };
        let place = format!("{}{name}", self.path);
        Ok(Some(Fields {
            map: object(&place, value)?,
            path: format!("{place}."),
        }))
    }

    /// The fields of other namespaces: EPCIS has no name that is a URI.
    pub(super) fn extensions(&self) -> Extensions {
        let foreign = self.map.iter().filter(|(name, _)| is_uri(name));
        foreign
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    pub(super) fn kind(&self, name: &str, wanted: &'static str) -> ReadError {
        kind(&format!("{}{name}", self.path), wanted)
    }

    pub(super) fn missing(&self, name: &str) -> ReadError {
        ReadError::Missing(format!("{}{name}", self.path))
    }

    fn array(&self, name: &str) -> Result<&'a [Value], ReadError> {
        match self.map.get(name) {
            None => Ok(&[]),
            Some(Value::Array(entries)) => Ok(entries),
            Some(_) => Err(self.kind(name, "a list")),
        }
    }
}

fn object<'a>(field: &str, value: &'a Value) -> Result<&'a Map<String, Value>, ReadError> {
    value.as_object().ok_or_else(|| kind(field, "an object"))
}

pub(super) fn kind(field: &str, wanted: &'static str) -> ReadError {
    ReadError::Kind {
        field: field.to_owned(),
        wanted,
    }
}
