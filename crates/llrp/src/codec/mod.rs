//! Every parameter and message of LLRP 1.0.1, 1.1 and 2.0, both ways, from one table.
//!
//! A parameter is a struct of its fields, plus a list of sub-parameters in wire order. That order and everything
//! unknown are kept, so decoding and encoding again gives the same bytes, and a reader's odd order is no error.
//! To add a parameter or message, add a row to the table in `param.rs` or `message.rs`; of a vendor's, to that in
//! `impinj.rs` or `zebra.rs`. The tables are also there as data, see [`schema`].

#[macro_use]
mod define;
#[macro_use]
pub mod code;
pub mod field;
pub mod impinj;
pub mod message;
pub mod odd;
pub mod param;
#[cfg(test)]
pub(crate) mod sample;
pub mod schema;
pub mod status;
#[cfg(test)]
mod tests;
pub mod vendor;
pub mod zebra;

pub use message::{Frame, Message};
pub use odd::Oddities;
pub use param::{Param, Parameter, UnknownParam};
pub use vendor::VendorParameter;

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

    /// The first vendor parameter of a type, if it decodes as such.
    #[must_use]
    pub fn vendor<T: VendorParameter>(&self) -> Option<T> {
        self.vendor_all().next()
    }

    /// All vendor parameters of a type that decode as such.
    pub fn vendor_all<T: VendorParameter>(&self) -> impl Iterator<Item = T> {
        self.all::<param::Custom>().filter_map(T::from_custom)
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
        // Counted beforehand: a list that doubles as it grows would take several times what it needs.
        let mut params = Vec::with_capacity(param::count(r.clone()));
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

    fn count_odd(&self, odd: &mut Oddities) {
        for param in &self.0 {
            param.count_odd(odd);
            if let Param::Custom(custom) = param {
                vendor::count_odd(custom, odd);
            }
        }
    }
}

impl<P: Into<Param>> FromIterator<P> for Params {
    fn from_iter<I: IntoIterator<Item = P>>(params: I) -> Self {
        Self(params.into_iter().map(Into::into).collect())
    }
}
