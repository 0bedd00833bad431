//! The macros that turn the tables into types.
//!
//! A row names a parameter, its number, its fields in wire order and, in brackets, the sub-parameters it must
//! have (`A|B` means one of them). Brackets, also empty ones, say that it may have sub-parameters at all; they
//! are kept in the order they came in, known or not. `| n` after a field stands for n reserved bits, `(n)` before
//! the first field for n reserved bits at the start. Rows stand under the version of LLRP they came with.

/// The type of the `params` field of rows with brackets; its arguments only drive the repetition.
macro_rules! params_type {
    ($($ignored:tt)*) => {
        $crate::codec::Params
    };
}

macro_rules! is_tv {
    (tv) => {
        true
    };
    (tlv) => {
        false
    };
}

/// The mandatory sub-parameters of a row, as names.
macro_rules! mandatory {
    ($( $($need:ident)|+ ),*) => {
        &[ $( &[ $( stringify!($need) ),+ ] ),* ]
    };
}

macro_rules! has_params {
    () => {
        false
    };
    ([ $($ignored:tt)* ]) => {
        true
    };
}

/// One struct of fields and sub-parameters with its decoding and encoding, common to parameters and messages.
macro_rules! body {
    ($doc:expr, $label:expr, $name:ident
     { $( ($lead:literal) )? $( $field:ident: $ty:ty $(| $pad:literal)? ),* } $( [ $( $($need:ident)|+ ),* ] )?) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct $name {
            $(
                #[doc = concat!("Field `", stringify!($field), "`, as in the standard.")]
                pub $field: $ty,
            )*
            $(
                /// Sub-parameters in the order they came in.
                pub params: params_type!($( $($need)+ )*),
            )?
        }

        impl $name {
            pub(crate) const ROW: $crate::codec::schema::Body = $crate::codec::schema::Body {
                leading_reserved: 0 $( + $lead )?,
                fields: &[ $(
                    $crate::codec::schema::FieldRow {
                        name: stringify!($field),
                        kind: <$ty as $crate::codec::field::Field>::KIND,
                        codes: <$ty as $crate::codec::field::Field>::CODES,
                        reserved_after: 0 $( + $pad )?,
                    },
                )* ],
                mandatory: mandatory!( $( $( $($need)|+ ),* )? ),
                has_params: has_params!( $( [ $( $($need)|+ ),* ] )? ),
            };

            #[allow(unused_variables, reason = "rows without fields or sub-parameters use none of them")]
            fn decode_body(r: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::wire::DecodeError> {
                $( r.skip_bits($lead)?; )?
                let body = Self {
                    $( $field: {
                        let value = <$ty as $crate::codec::field::Field>::get(r)?;
                        $( r.skip_bits($pad)?; )?
                        value
                    }, )*
                    $( params: <params_type!($( $($need)+ )*)>::decode(r)?, )?
                };
                if r.is_strict() {
                    $( $(
                        if !( $( body.params.has::<$crate::codec::param::$need>() )||+ ) {
                            return Err($crate::wire::DecodeError::Missing {
                                name: $label,
                                missing: stringify!($($need)|+),
                            });
                        }
                    )* )?
                }
                Ok(body)
            }

            #[allow(unused_variables, reason = "rows without fields or sub-parameters use none of them")]
            fn encode_body(&self, w: &mut $crate::wire::Writer) {
                $( w.skip_bits($lead); )?
                $(
                    $crate::codec::field::Field::put(&self.$field, w);
                    $( w.skip_bits($pad); )?
                )*
                $( <params_type!($( $($need)+ )*)>::encode(&self.params, w); )?
            }

            #[allow(unused_variables, reason = "rows without fields or sub-parameters use none of them")]
            fn count_odd(&self, odd: &mut $crate::codec::odd::Oddities) {
                $( $crate::codec::field::Field::count_odd(&self.$field, odd); )*
                $( <params_type!($( $($need)+ )*)>::count_odd(&self.params, odd); )?
            }
        }

        #[cfg(test)]
        impl $crate::codec::sample::Sample for $name {
            #[allow(unused_variables, reason = "rows without fields or sub-parameters use none of them")]
            fn sample(g: &mut $crate::codec::sample::Sampler<'_>) -> Self {
                Self {
                    $( $field: <$ty as $crate::codec::sample::Sample>::sample(g), )*
                    $( params: {
                        #[allow(unused_mut, reason = "rows without mandatory sub-parameters add none here")]
                        let mut params: params_type!($( $($need)+ )*) = Default::default();
                        $( params.push(g.one_of(&[ $( |g| <$crate::codec::param::$need as $crate::codec::sample::Sample>::sample(g).into() ),+ ])); )*
                        g.more(&mut params);
                        params
                    }, )?
                }
            }
        }
    };
}
