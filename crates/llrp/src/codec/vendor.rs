//! Vendor parameters: typed views of [`Custom`].
//!
//! The tree holds every vendor parameter as [`Custom`], with the bytes it came with, so it survives decoding and
//! encoding whatever firmware made of it. A typed view is asked for ([`crate::codec::Params::vendor`]) and made
//! (`Into<Param>`). It reads the fields it knows by their lengths; what a newer firmware appended is in `extra`.

use crate::codec::field::Rest;
use crate::codec::message::CustomMessage;
use crate::codec::odd::Oddities;
use crate::codec::param::Custom;
use crate::codec::schema::Row;
use crate::codec::{Param, impinj, zebra};
use crate::wire::Writer;

/// A vendor parameter with a known layout.
pub trait VendorParameter: Into<Param> {
    /// Vendor, by its IANA enterprise number.
    const VENDOR: u32;
    /// Subtype within the vendor's.
    const SUBTYPE: u32;

    /// The parameter, if `custom` is one and not shorter than known.
    fn from_custom(custom: &Custom) -> Option<Self>;
}

/// One struct per vendor parameter. Fields as in the tables of the standard; brackets say that sub-parameters
/// follow. Without them, what follows the last field is kept in `extra`.
macro_rules! vendor_params {
    ($vendor:literal $number:literal; $(
        $subtype:literal $name:ident { $( $field:ident: $ty:ty $(| $pad:literal)? ),* } $([ $($none:tt)* ])? $text:literal;
    )*) => {
        /// Vendor, by its IANA enterprise number.
        pub const VENDOR: u32 = $number;

        $(
            vendor_params!(@body $vendor, $subtype, $name, { $( $field: $ty $(| $pad)? ),* }, $([ $($none)* ])?, $text);

            impl crate::codec::VendorParameter for $name {
                const VENDOR: u32 = $number;
                const SUBTYPE: u32 = $subtype;

                fn from_custom(custom: &crate::codec::param::Custom) -> Option<Self> {
                    if (custom.vendor, custom.subtype) != (Self::VENDOR, Self::SUBTYPE) {
                        return None;
                    }
                    Self::decode_body(&mut crate::wire::Reader::lenient(&custom.data.0)).ok()
                }
            }

            impl From<$name> for crate::codec::Param {
                fn from(value: $name) -> Self {
                    crate::codec::vendor::custom(VENDOR, $subtype, |w| value.encode_body(w)).into()
                }
            }
        )*

        /// The table as data; the numbers are subtypes.
        pub(crate) const ROWS: &[crate::codec::schema::Row] = &[ $(
            crate::codec::schema::Row {
                number: $subtype,
                name: stringify!($name),
                since: $vendor,
                tv: false,
                body: $name::ROW,
            },
        )* ];

        /// Counts what is odd about a parameter of this vendor; `None` if it is unknown or too short.
        pub(crate) fn count_odd(custom: &crate::codec::param::Custom, odd: &mut crate::codec::Oddities) -> Option<()> {
            use crate::codec::VendorParameter;
            match custom.subtype {
                $( $subtype => $name::from_custom(custom)?.count_own(odd), )*
                _ => return None,
            }
            Some(())
        }

        #[cfg(test)]
        pub(crate) const SAMPLES: &[crate::codec::vendor::SampleRow] = &[ $( (
            |g| <$name as crate::codec::sample::Sample>::sample(g).into(),
            |custom| <$name as crate::codec::VendorParameter>::from_custom(custom).map(Into::into),
        ) ),* ];
    };
    (@body $vendor:literal, $subtype:literal, $name:ident, { $($fields:tt)* }, [ ], $text:literal) => {
        body! {
            concat!($text, "; ", $vendor, " parameter ", $subtype, "."), stringify!($name), $name { $($fields)* } []
        }

        impl $name {
            fn count_own(mut self, odd: &mut crate::codec::Oddities) {
                // Parameters within are not looked at: vendors' in vendors' could nest without limit.
                self.params = crate::codec::Params::default();
                self.count_odd(odd);
            }
        }
    };
    (@body $vendor:literal, $subtype:literal, $name:ident, { $( $field:ident: $ty:ty $(| $pad:literal)? ),* }, , $text:literal) => {
        body! {
            concat!($text, "; ", $vendor, " parameter ", $subtype, "."),
            stringify!($name), $name { $( $field: $ty $(| $pad)?, )* extra: crate::codec::field::Rest }
        }

        impl $name {
            fn count_own(self, odd: &mut crate::codec::Oddities) {
                self.count_odd(odd);
                odd.grown_vendor += u64::from(!self.extra.0.is_empty());
            }
        }
    };
}
pub(crate) use vendor_params;

#[cfg(test)]
pub(crate) type SampleRow = (
    fn(&mut crate::codec::sample::Sampler<'_>) -> Param,
    fn(&Custom) -> Option<Param>,
);

/// A vendor parameter with the content that `content` writes.
pub(crate) fn custom(vendor: u32, subtype: u32, content: impl FnOnce(&mut Writer)) -> Custom {
    let mut w = Writer::new();
    content(&mut w);
    Custom {
        vendor,
        subtype,
        // A part that does not fit its length field cannot be said at all; the whole then gives no better answer.
        data: Rest(w.finish().unwrap_or_default()),
    }
}

/// Every vendor parameter with a typed view; [`Row::since`] is the vendor, [`Row::number`] the subtype.
pub fn parameters() -> impl Iterator<Item = &'static Row> {
    impinj::ROWS.iter().chain(zebra::ROWS)
}

pub(crate) fn count_odd(custom: &Custom, odd: &mut Oddities) {
    let known = match custom.vendor {
        impinj::VENDOR => impinj::count_odd(custom, odd),
        zebra::VENDOR => zebra::count_odd(custom, odd),
        _ => None,
    };
    odd.unknown_vendor += u64::from(known.is_none());
}

pub(crate) fn count_odd_message(message: &CustomMessage, odd: &mut Oddities) {
    if impinj::EnableExtensions::from_message(message).is_none()
        && impinj::EnableExtensionsResponse::from_message(message).is_none()
    {
        odd.unknown_vendor += 1;
    }
}
