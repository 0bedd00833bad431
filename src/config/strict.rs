//! A serde deserializer over merged values that ignores nothing and coerces nothing.
//!
//! serde hands over the facts: the list of fields when a struct is asked for, the allowed words of an enum, what was
//! expected and what was found. They are kept as facts ([`Fact`]) with the path where they arose; no message is parsed.
//! Values from the file are taken as the type they have. Values from variables are text, and are read as the type the
//! field wants.

use std::cell::RefCell;

use ::config::{Value, ValueKind};
use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Unexpected, Visitor};

use super::mistake::{Fact, Mistake};
use super::source::{FROM_ENVIRONMENT, Path, Seg, inline_value};

/// More unknown settings than this are not collected: the file is something else altogether.
const MAX_UNKNOWN: usize = 100;

/// A setting that does not exist, with those that do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unknown {
    pub(super) path: Path,
    pub(super) is_table: bool,
    pub(super) known: &'static [&'static str],
}

/// A value in the form the deserializer walks over.
#[derive(Debug, Clone)]
pub(super) enum Raw {
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Text from the file.
    Text(String),
    /// Text from a variable, or the name of an entry of a map: read as what is wanted.
    Untyped(String),
    Date,
    List(Vec<Raw>),
    Table(Vec<(String, Raw)>),
}

impl Raw {
    /// Tables are sorted by name, because a hash map has no order of its own.
    pub(super) fn new(value: &Value) -> Self {
        match &value.kind {
            ValueKind::Nil => Raw::Date,
            ValueKind::Boolean(value) => Raw::Bool(*value),
            ValueKind::I64(number) => Raw::Int(*number),
            ValueKind::Float(number) => Raw::Float(*number),
            ValueKind::String(text) if value.origin() == Some(FROM_ENVIRONMENT) => {
                Raw::Untyped(text.clone())
            }
            ValueKind::String(text) => Raw::Text(text.clone()),
            ValueKind::Array(list) => Raw::List(list.iter().map(Raw::new).collect()),
            ValueKind::Table(table) => {
                let mut entries: Vec<_> = table
                    .iter()
                    .map(|(key, value)| (key.clone(), Raw::new(value)))
                    .collect();
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                Raw::Table(entries)
            }
            // Our sources make no other kinds.
            other => Raw::Text(other.to_string()),
        }
    }

    /// Reads text as a list, if one is wanted: TOML in brackets, or entries between commas.
    fn opened(self) -> Self {
        let Raw::Untyped(text) = self else {
            return self;
        };
        if text.trim_start().starts_with('[') {
            return inline_value(&text, "").map_or(Raw::Untyped(text), |value| Raw::new(&value));
        }
        Raw::List(
            text.split(',')
                .map(|entry| Raw::Untyped(entry.trim().to_owned()))
                .collect(),
        )
    }
}

impl Raw {
    fn unexpected(&self) -> Unexpected<'_> {
        match self {
            Raw::Bool(value) => Unexpected::Bool(*value),
            Raw::Int(number) => Unexpected::Signed(*number),
            Raw::Float(number) => Unexpected::Float(*number),
            Raw::Text(text) | Raw::Untyped(text) => Unexpected::Str(text),
            Raw::Date => Unexpected::Other("a date or time"),
            Raw::List(_) => Unexpected::Seq,
            Raw::Table(_) => Unexpected::Map,
        }
    }
}

/// A value on its way into a type.
pub(super) struct Node<'a> {
    pub(super) raw: Raw,
    pub(super) path: Path,
    pub(super) on_key: bool,
    pub(super) unknown: &'a RefCell<Vec<Unknown>>,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &Value, unknown: &'a RefCell<Vec<Unknown>>) -> Self {
        Node {
            raw: Raw::new(value),
            path: Path::new(),
            on_key: false,
            unknown,
        }
    }

    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let Node {
            raw,
            path,
            on_key,
            unknown,
        } = self;
        let result = match raw {
            Raw::Bool(value) => visitor.visit_bool(value),
            Raw::Int(number) => visitor.visit_i64(number),
            Raw::Float(number) => visitor.visit_f64(number),
            Raw::Text(text) | Raw::Untyped(text) => visitor.visit_str(&text),
            Raw::Date => Err(de::Error::invalid_type(
                Unexpected::Other("a date or time"),
                &visitor,
            )),
            Raw::List(list) => visitor.visit_seq(Entries {
                rest: list.into_iter().enumerate(),
                path: &path,
                unknown,
            }),
            Raw::Table(table) => visitor.visit_map(Fields {
                rest: table.into_iter(),
                path: &path,
                unknown,
                value: None,
            }),
        };
        result.map_err(|mistake| mistake.at(&path, on_key))
    }

    /// For a scalar: text from a variable is parsed, anything else is taken as it is.
    fn visit_parsed<'de, V: Visitor<'de>>(
        self,
        visitor: V,
        parse: impl FnOnce(&str) -> Option<Raw>,
    ) -> Result<V::Value, Mistake> {
        let Raw::Untyped(text) = &self.raw else {
            return self.visit(visitor);
        };
        match parse(text.trim()) {
            Some(raw) => Node { raw, ..self }.visit(visitor),
            None => {
                let mistake: Mistake = de::Error::invalid_type(Unexpected::Str(text), &visitor);
                Err(mistake.at(&self.path, self.on_key))
            }
        }
    }
}

/// A path with one more step.
fn below(path: &Path, seg: Seg) -> Path {
    let mut path = path.clone();
    path.push(seg);
    path
}

struct Entries<'a, 'p> {
    rest: std::iter::Enumerate<std::vec::IntoIter<Raw>>,
    path: &'p Path,
    unknown: &'a RefCell<Vec<Unknown>>,
}

impl<'de> de::SeqAccess<'de> for Entries<'_, '_> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistake> {
        let Some((at, raw)) = self.rest.next() else {
            return Ok(None);
        };
        let path = below(self.path, Seg::Index(at));
        seed.deserialize(Node {
            raw,
            path,
            on_key: false,
            unknown: self.unknown,
        })
        .map(Some)
    }
}

struct Fields<'a, 'p> {
    rest: std::vec::IntoIter<(String, Raw)>,
    path: &'p Path,
    unknown: &'a RefCell<Vec<Unknown>>,
    value: Option<Node<'a>>,
}

impl<'de> de::MapAccess<'de> for Fields<'_, '_> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        let Some((key, raw)) = self.rest.next() else {
            return Ok(None);
        };
        let path = below(self.path, Seg::Key(key.clone()));
        self.value = Some(Node {
            raw,
            path: path.clone(),
            on_key: false,
            unknown: self.unknown,
        });
        seed.deserialize(Node {
            raw: Raw::Untyped(key),
            path,
            on_key: true,
            unknown: self.unknown,
        })
        .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        match self.value.take() {
            Some(value) => seed.deserialize(value),
            None => Err(de::Error::custom("value asked for before its name")),
        }
    }
}

struct Word<'a>(StrDeserializer<'a, Mistake>);

impl<'de> de::EnumAccess<'de> for Word<'_> {
    type Error = Mistake;
    type Variant = UnitOnly;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, UnitOnly), Mistake> {
        seed.deserialize(self.0).map(|value| (value, UnitOnly))
    }
}

/// Enums of the configuration are words; a variant with content would lose positions.
struct UnitOnly;

impl<'de> de::VariantAccess<'de> for UnitOnly {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Mistake> {
        Err(de::Error::custom("expected a word"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Mistake> {
        Err(de::Error::custom("expected a word"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Mistake> {
        Err(de::Error::custom("expected a word"))
    }
}

macro_rules! whole_numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
            self.visit_parsed(visitor, |text| text.parse().ok().map(Raw::Int))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Node<'_> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.visit(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.visit_parsed(visitor, |text| text.parse().ok().map(Raw::Bool))
    }

    whole_numbers! { deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
    deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.visit_parsed(visitor, |text| {
            text.parse()
                .ok()
                .filter(|n: &f64| n.is_finite())
                .map(Raw::Float)
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let Node {
            raw,
            path,
            on_key,
            unknown,
        } = self;
        Node {
            raw: raw.opened(),
            path,
            on_key,
            unknown,
        }
        .visit(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let Node {
            raw,
            path,
            on_key,
            unknown,
        } = self;
        // Derived code would take a list for the fields in their order.
        let Raw::Table(mut table) = raw else {
            let unexpected = raw.unexpected();
            let mistake: Mistake = de::Error::invalid_type(unexpected, &visitor);
            return Err(mistake.at(&path, on_key));
        };
        table.retain(|(key, value)| {
            let known = fields.contains(&key.as_str());
            if !known {
                let mut path = path.clone();
                path.push(Seg::Key(key.clone()));
                let found = Unknown {
                    path,
                    is_table: matches!(value, Raw::Table(_)),
                    known: fields,
                };
                // The same struct is read again after each mistake.
                if unknown.borrow().len() < MAX_UNKNOWN && !unknown.borrow().contains(&found) {
                    unknown.borrow_mut().push(found);
                }
            }
            known
        });
        Node {
            raw: Raw::Table(table),
            path,
            on_key,
            unknown,
        }
        .visit(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match &self.raw {
            Raw::Text(text) | Raw::Untyped(text) => visitor
                .visit_enum(Word(text.as_str().into_deserializer()))
                .map_err(|mistake| mistake.at(&self.path, self.on_key)),
            _ => self.visit(visitor).map_err(|mut mistake| {
                if let Fact::WrongType { expected, .. } = &mut mistake.fact {
                    *expected = format!("one of \"{}\"", words.join("\", \""));
                }
                mistake
            }),
        }
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct map identifier ignored_any
    }
}
