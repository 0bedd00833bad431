//! What the configuration takes, asked of the code that reads it.
//!
//! serde knows the fields of every struct and the words of every enum, and each visitor knows whether it takes a text, a
//! number, a list. So the types are asked, a setting at a time: [`Config`] is deserialized along one path, and what stands
//! at its end is offered a value of each kind. Nothing is written down twice, and nothing can be forgotten.
//!
//! **Invariant**: what a [`Shape`] says is what [`load`](super::super::load) takes, as far as kinds of values go.

use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

use super::super::model::Config;

/// What may stand at one place of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Shape {
    /// In words, as a message says it: "a time with its unit".
    pub(super) expected: String,
    pub(super) boolean: bool,
    pub(super) whole: bool,
    /// Whole numbers below zero, too.
    pub(super) negative: bool,
    pub(super) fraction: bool,
    pub(super) text: bool,
    /// The words of an enum.
    pub(super) words: Vec<&'static str>,
    /// What a list holds.
    pub(super) list: Option<Box<Shape>>,
    /// What a table with names of one's own holds: its names, its values.
    pub(super) table: Option<Box<(Shape, Shape)>>,
    /// A table of settings.
    pub(super) section: Option<Section>,
}

/// A table of settings: a struct of the model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Section {
    /// Name of the struct.
    pub(super) name: &'static str,
    pub(super) fields: Vec<(&'static str, Shape)>,
}

impl Shape {
    /// The table of settings that this is, or that each entry of it is.
    pub(super) fn settings(&self) -> Option<&Section> {
        let entry = self.table.as_ref().map(|table| &table.1);
        self.section
            .as_ref()
            .or_else(|| entry?.section.as_ref())
            .or_else(|| self.list.as_ref()?.section.as_ref())
    }

    /// The shape below a step of a path: a field, or any name of a table.
    pub(super) fn below(&self, name: &str) -> Option<&Shape> {
        if let Some(section) = &self.section {
            let field = section.fields.iter().find(|(field, _)| *field == name);
            return field.map(|(_, shape)| shape);
        }
        self.table.as_ref().map(|table| &table.1)
    }
}

/// The shape of the whole configuration.
pub(super) fn shape() -> Shape {
    at(&mut Vec::new())
}

fn at(path: &mut Vec<Step>) -> Shape {
    let expected = match ask(path, Kind::Any) {
        Answer::Section(name, fields) => {
            let fields = fields.iter();
            let fields = fields.map(|field| (*field, below(path, Step::Field(field))));
            return Shape {
                section: Some(Section {
                    name,
                    fields: fields.collect(),
                }),
                ..Shape::default()
            };
        }
        Answer::Words(words) => {
            return Shape {
                words: words.to_vec(),
                ..Shape::default()
            };
        }
        Answer::Expects(expected) => expected,
        Answer::Yes | Answer::No => String::new(),
    };
    let takes = |kind| ask(path, kind) == Answer::Yes;
    let (boolean, whole, fraction) = (
        takes(Kind::Boolean),
        takes(Kind::Whole),
        takes(Kind::Fraction),
    );
    let (text, list, table) = (takes(Kind::Text), takes(Kind::List), takes(Kind::Table));
    Shape {
        expected,
        boolean,
        whole,
        negative: takes(Kind::Negative),
        fraction,
        text,
        words: Vec::new(),
        list: list.then(|| Box::new(below(path, Step::Entry))),
        table: table.then(|| {
            let values = NAMES.map(|name| below(path, Step::Value(name)));
            let value = values.into_iter().find(|it| *it != Shape::default());
            Box::new((below(path, Step::Name), value.unwrap_or_default()))
        }),
        section: None,
    }
}

fn below(path: &mut Vec<Step>, step: Step) -> Shape {
    path.push(step);
    let shape = at(path);
    path.pop();
    shape
}

/// Names that tables take, each some: a device, a port, a party, a document, master data.
const NAMES: [&str; 4] = ["a", "location", "po", "countryOfOrigin"];

/// A step into the configuration.
#[derive(Debug, Clone, Copy)]
enum Step {
    Field(&'static str),
    /// An entry of a list.
    Entry,
    /// A name in a table.
    Name,
    /// The value under such a name.
    Value(&'static str),
}

/// What is offered at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing; it is to say what it wants.
    Any,
    Boolean,
    Whole,
    Negative,
    Fraction,
    Text,
    List,
    Table,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    No,
    Yes,
    Expects(String),
    Section(&'static str, &'static [&'static str]),
    Words(&'static [&'static str]),
}

fn ask(path: &[Step], kind: Kind) -> Answer {
    let answer = RefCell::new(Answer::No);
    let probe = Probe {
        path,
        kind,
        answer: &answer,
    };
    // Every walk ends with a refusal, as there are no values.
    drop(Config::deserialize(probe));
    answer.into_inner()
}

/// Why a value is not taken, as far as that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// Values of this kind never are.
    Kind,
    /// This one is not, another may be.
    Value,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Refused::Value
    }

    fn invalid_type(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Refused::Kind
    }
}

/// What is to be asked, and how far away it still is.
#[derive(Debug, Clone, Copy)]
struct Probe<'a> {
    path: &'a [Step],
    kind: Kind,
    answer: &'a RefCell<Answer>,
}

impl Probe<'_> {
    fn say(&self, answer: Answer) -> Refused {
        *self.answer.borrow_mut() = answer;
        Refused::Value
    }

    fn walk<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        if let Some((step, rest)) = self.path.split_first() {
            let further = Probe { path: rest, ..self };
            return match *step {
                Step::Entry => visitor.visit_seq(Walk(further, Step::Entry)),
                step => visitor.visit_map(Walk(further, step)),
            };
        }
        let is_taken = match self.kind {
            Kind::Any => {
                let expected = Expected(&visitor).to_string();
                return Err(self.say(Answer::Expects(expected)));
            }
            Kind::Boolean => visitor.visit_bool::<Refused>(true).is_ok(),
            // Text that is a number is refused as well, but for what it lacks.
            Kind::Whole => visitor.visit_i64::<Refused>(1).is_ok(),
            Kind::Negative => visitor.visit_i64::<Refused>(-1).is_ok(),
            Kind::Fraction => visitor.visit_f64::<Refused>(0.5).is_ok(),
            Kind::Text => !matches!(visitor.visit_str(""), Err(Refused::Kind)),
            // Who takes one asks for its first entry, and says so there.
            Kind::List => visitor.visit_seq(Offer(self)).is_ok(),
            Kind::Table => visitor.visit_map(Offer(self)).is_ok(),
        };
        if is_taken {
            self.say(Answer::Yes);
        }
        Err(Refused::Value)
    }
}

/// What a visitor expects, in its own words.
struct Expected<'a, V>(&'a V);

impl<'de, V: Visitor<'de>> fmt::Display for Expected<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }
}

/// A list or table that is there to see whether one is taken.
struct Offer<'a>(Probe<'a>);

impl<'de> de::SeqAccess<'de> for Offer<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        _: T,
    ) -> Result<Option<T::Value>, Refused> {
        Err(self.0.say(Answer::Yes))
    }
}

impl<'de> de::MapAccess<'de> for Offer<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        _: K,
    ) -> Result<Option<K::Value>, Refused> {
        Err(self.0.say(Answer::Yes))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, _: V) -> Result<V::Value, Refused> {
        Err(Refused::Value)
    }
}

/// A list or table with the one entry that the path leads through.
struct Walk<'a>(Probe<'a>, Step);

impl<'de> de::SeqAccess<'de> for Walk<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        seed.deserialize(self.0).map(Some)
    }
}

impl<'de> de::MapAccess<'de> for Walk<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        match self.1 {
            Step::Field(name) => seed.deserialize(name.into_deserializer()).map(Some),
            Step::Value(name) => seed.deserialize(Name(name)).map(Some),
            Step::Name | Step::Entry => seed.deserialize(self.0).map(Some),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        seed.deserialize(self.0)
    }
}

/// A name in a table; where numbers are names, 1.
struct Name(&'static str);

impl<'de> Deserializer<'de> for Name {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_str(self.0)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_i64(1)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.walk(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        match self.path {
            [] => Err(self.say(Answer::Section(name, fields))),
            _ => self.walk(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Refused> {
        Err(self.say(Answer::Words(words)))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}
