//! Every parameter and message of LLRP 1.0.1, both ways, from one table.
//!
//! A parameter is a struct of its fields, plus a list of sub-parameters in wire order. That order and everything
//! unknown are kept, so decoding and encoding again gives the same bytes, and a reader's odd order is no error.
//! To add a parameter or message, add a row to the table in `param.rs` or `message.rs`.

#[macro_use]
mod define;
pub mod code;
pub mod field;
pub mod message;
pub mod param;
#[cfg(test)]
pub(crate) mod sample;
pub mod status;
#[cfg(test)]
mod tests;

pub use message::{Frame, Message};
pub use param::{Param, Parameter, UnknownParam};

use crate::wire::{DecodeError, Reader, Writer};

/// Sub-parameters in the order they came in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params(pub Vec<Param>);

impl Params {
    /// The first parameter of a type.
    #[must_use]
    pub fn first<T: Parameter>(&self) -> Option<&T> {
        self.all().next()
    }

    /// All parameters of a type.
    pub fn all<T: Parameter>(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(T::from_param)
    }

    /// Whether there is a parameter of a type.
    #[must_use]
    pub fn has<T: Parameter>(&self) -> bool {
        self.first::<T>().is_some()
    }

    /// Appends a parameter.
    pub fn push(&mut self, param: impl Into<Param>) {
        self.0.push(param.into());
    }

    /// The list with one more parameter at its end.
    #[must_use]
    pub fn with(mut self, param: impl Into<Param>) -> Self {
        self.push(param);
        self
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut params = Vec::new();
        while r.left() > 0 {
            params.push(Param::decode(r)?);
        }
        Ok(Self(params))
    }

    fn encode(&self, w: &mut Writer) {
        for param in &self.0 {
            param.encode(w);
        }
    }
}

impl<P: Into<Param>> FromIterator<P> for Params {
    fn from_iter<I: IntoIterator<Item = P>>(params: I) -> Self {
        Self(params.into_iter().map(Into::into).collect())
    }
}
