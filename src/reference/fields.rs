//! The fields of a JSON object, taken one by one; a mistake says where it is (RFC 6901) and what to write instead.

use serde_json::{Map, Value};

/// What is wrong with a message, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", place(pointer))]
pub struct Mistake {
    /// JSON pointer to the value; empty for the whole message.
    pub pointer: String,
    /// What is wrong with it, and what to do.
    pub problem: String,
}

fn place(pointer: &str) -> String {
    match pointer {
        "" => String::new(),
        pointer => format!("{pointer}: "),
    }
}

/// An object whose fields are taken.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    map: &'a Map<String, Value>,
    pointer: String,
    taken: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The fields of `value`, which stands at `pointer`.
    pub(super) fn of(value: &'a Value, pointer: String) -> Result<Self, Mistake> {
        match value {
            Value::Object(map) => Ok(Self {
                map,
                pointer,
                taken: Vec::new(),
            }),
            other => Err(Mistake {
                pointer,
                problem: format!("an object is expected, {{…}}, not {}", kind(other)),
            }),
        }
    }

    /// A value that need not be there; `null` counts as not there.
    fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.taken.push(name);
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// A mistake of this field.
    pub(super) fn mistake(&self, name: &str, problem: impl Into<String>) -> Mistake {
        Mistake {
            pointer: format!("{}/{name}", self.pointer),
            problem: problem.into(),
        }
    }

    fn other(&self, name: &str, expected: &str, value: &Value) -> Mistake {
        self.mistake(name, format!("{expected} is expected, not {}", kind(value)))
    }

    /// A text, as `read` makes it; an empty one counts as not there.
    pub(super) fn text<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Mistake> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => match read(text) {
                Ok(read) => Ok(Some(read)),
                Err(problem) => Err(self.mistake(name, problem)),
            },
            Some(other) => Err(self.other(name, "a text", other)),
        }
    }

    /// A number, or a text that is one, as it is written.
    pub(super) fn amount(&mut self, name: &'static str) -> Result<Option<String>, Mistake> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.other(name, "a number", other)),
        }
    }

    /// A whole number of at least `least`.
    pub(super) fn whole(&mut self, name: &'static str, least: u64) -> Result<Option<u64>, Mistake> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let number = value.as_u64().filter(|number| *number >= least);
        match number.filter(|number| i64::try_from(*number).is_ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(self.mistake(
                name,
                format!(
                    "a whole number of at least {least} is expected, below 2^63, not {}",
                    short(value)
                ),
            )),
        }
    }

    /// A list of at most `most`, each of which `read` makes something of; empty if it is not there.
    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        most: usize,
        read: impl Fn(&'a Value, String) -> Result<T, Mistake>,
    ) -> Result<Vec<T>, Mistake> {
        let values = match self.value(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(values)) => values,
            Some(other) => return Err(self.other(name, "a list", other)),
        };
        if values.len() > most {
            let problem = format!("{} entries; at most {most} are taken", values.len());
            return Err(self.mistake(name, problem));
        }
        let place = |index| format!("{}/{name}/{index}", self.pointer);
        let values = values.iter().enumerate();
        values
            .map(|(index, value)| read(value, place(index)))
            .collect()
    }

    /// What has to be there.
    pub(super) fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, Mistake> {
        value.ok_or_else(|| Mistake {
            pointer: self.pointer.clone(),
            problem: format!("\"{name}\" is missing"),
        })
    }

    /// Every field was taken: what is not known may be a mistake in writing, and is not passed over.
    pub(super) fn end(self) -> Result<(), Mistake> {
        let unknown = self
            .map
            .keys()
            .find(|key| !self.taken.contains(&key.as_str()));
        match unknown {
            None => Ok(()),
            Some(key) => {
                let key: String = key.chars().take(40).collect();
                let known = self.taken.join(", ");
                Err(self.mistake(
                    &key.replace('~', "~0").replace('/', "~1"),
                    format!("no such field; fields here are {known}"),
                ))
            }
        }
    }
}

/// A value as it is written, cut.
fn short(value: &Value) -> String {
    const MOST: usize = 40;
    let text = value.to_string();
    let cut: String = text.chars().take(MOST).collect();
    match text.chars().nth(MOST) {
        Some(_) => cut + "…",
        None => cut,
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
