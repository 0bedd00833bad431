//! Sparkplug B payloads, as far as an edge node needs them: protocol buffers written and read by hand (Sparkplug 3.0 §6.4).

/// What a metric's value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `Int64`.
    Int64(i64),
    /// `UInt64`.
    UInt64(u64),
    /// `Boolean`.
    Boolean(bool),
    /// `String`.
    Text(String),
    /// `String`, with no value now.
    NoText,
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Levels are parted by `/`.
    pub name: String,
    /// The value.
    pub value: Value,
}

impl Metric {
    /// A metric.
    #[must_use]
    pub fn new(name: &str, value: Value) -> Self {
        Self {
            name: name.to_owned(),
            value,
        }
    }
}

/// A payload; all metrics are of the same time. Without `seq` it is that of NDEATH.
#[must_use]
pub fn encode(time_ms: u64, seq: Option<u8>, metrics: &[Metric]) -> Vec<u8> {
    let mut out = Vec::new();
    number(&mut out, 1, time_ms);
    for metric in metrics {
        bytes(&mut out, 2, &encode_metric(time_ms, metric));
    }
    if let Some(seq) = seq {
        number(&mut out, 3, u64::from(seq));
    }
    out
}

fn encode_metric(time_ms: u64, metric: &Metric) -> Vec<u8> {
    let mut out = Vec::new();
    bytes(&mut out, 1, metric.name.as_bytes());
    number(&mut out, 3, time_ms);
    // Data types of §6.4.16.
    match &metric.value {
        Value::Int64(value) => {
            number(&mut out, 4, 4);
            number(&mut out, 11, value.cast_unsigned());
        }
        Value::UInt64(value) => {
            number(&mut out, 4, 8);
            number(&mut out, 11, *value);
        }
        Value::Boolean(value) => {
            number(&mut out, 4, 11);
            number(&mut out, 14, u64::from(*value));
        }
        Value::Text(text) => {
            number(&mut out, 4, 12);
            bytes(&mut out, 15, text.as_bytes());
        }
        Value::NoText => {
            number(&mut out, 4, 12);
            number(&mut out, 7, 1);
        }
    }
    out
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(0x80 | (value & 0x7f) as u8);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Whether a command asks for the births again: a metric `Node Control/Rebirth` that is true (§6.4.19). Everything else in
/// it is stepped over.
#[must_use]
pub fn asks_for_rebirth(payload: &[u8]) -> bool {
    fields(payload).any(|(field, value)| {
        let Field::Bytes(metric) = value else {
            return false;
        };
        let has = |wanted| fields(metric).any(|it| it == wanted);
        field == 2 && has((1, Field::Bytes(REBIRTH.as_bytes()))) && has((14, Field::Number(1)))
    })
}

/// The metric that every birth has and a command sets.
pub const REBIRTH: &str = "Node Control/Rebirth";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

/// Fields in order, up to the first that cannot be read.
fn fields(mut input: &[u8]) -> impl Iterator<Item = (u64, Field<'_>)> {
    std::iter::from_fn(move || {
        let key = take_varint(&mut input)?;
        let value = match key & 7 {
            0 => Field::Number(take_varint(&mut input)?),
            2 => {
                let length = usize::try_from(take_varint(&mut input)?).ok()?;
                Field::Bytes(take(&mut input, length)?)
            }
            1 => take(&mut input, 8).map(|_| Field::Other)?,
            5 => take(&mut input, 4).map(|_| Field::Other)?,
            _ => return None,
        };
        Some((key >> 3, value))
    })
}

fn take<'a>(input: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = input.split_at_checked(length)?;
    *input = rest;
    Some(taken)
}

fn take_varint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    /// The same, as a decoder by others reads it.
    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Payload {
        #[prost(uint64, optional, tag = "1")]
        pub(crate) timestamp: Option<u64>,
        #[prost(message, repeated, tag = "2")]
        pub(crate) metrics: Vec<Read>,
        #[prost(uint64, optional, tag = "3")]
        pub(crate) seq: Option<u64>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Read {
        #[prost(string, optional, tag = "1")]
        pub(crate) name: Option<String>,
        #[prost(uint64, optional, tag = "3")]
        pub(crate) timestamp: Option<u64>,
        #[prost(uint32, optional, tag = "4")]
        pub(crate) datatype: Option<u32>,
        #[prost(bool, optional, tag = "7")]
        pub(crate) is_null: Option<bool>,
        #[prost(uint64, optional, tag = "11")]
        pub(crate) long_value: Option<u64>,
        #[prost(bool, optional, tag = "14")]
        pub(crate) boolean_value: Option<bool>,
        #[prost(string, optional, tag = "15")]
        pub(crate) string_value: Option<String>,
    }

    impl Payload {
        pub(crate) fn metric(&self, name: &str) -> Option<&Read> {
            self.metrics
                .iter()
                .find(|it| it.name.as_deref() == Some(name))
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::Int64),
            any::<u64>().prop_map(Value::UInt64),
            any::<bool>().prop_map(Value::Boolean),
            any::<String>().prop_map(Value::Text),
            Just(Value::NoText),
        ]
    }

    proptest! {
        #[test]
        fn another_decoder_reads_what_was_written(time: u64, seq: Option<u8>, values in prop::collection::vec((any::<String>(), value()), 0..5)) {
            let metrics: Vec<Metric> = values.iter().map(|(name, value)| Metric::new(name, value.clone())).collect();
            let read = Payload::decode(encode(time, seq, &metrics).as_slice()).unwrap();
            prop_assert_eq!((read.timestamp, read.seq), (Some(time), seq.map(u64::from)));
            prop_assert_eq!(read.metrics.len(), metrics.len());
            for (read, metric) in read.metrics.iter().zip(&metrics) {
                prop_assert_eq!(read.name.as_ref(), Some(&metric.name));
                let (datatype, found) = match &metric.value {
                    Value::Int64(value) => (4, read.long_value == Some(value.cast_unsigned())),
                    Value::UInt64(value) => (8, read.long_value == Some(*value)),
                    Value::Boolean(value) => (11, read.boolean_value == Some(*value)),
                    Value::Text(text) => (12, read.string_value.as_ref() == Some(text)),
                    Value::NoText => (12, read.is_null == Some(true) && read.string_value.is_none()),
                };
                prop_assert!(found && read.datatype == Some(datatype), "{:?} {:?}", read, metric);
            }
        }

        #[test]
        fn wild_commands_are_none(payload: Vec<u8>) {
            prop_assert!(!asks_for_rebirth(&payload));
        }
    }

    #[test]
    fn a_rebirth_is_asked_for_by_name_and_true() {
        let command = |name: &str, value| {
            let others = Metric::new("Node Control/Next Server", Value::Boolean(true));
            encode(
                1,
                Some(0),
                &[others, Metric::new(name, Value::Boolean(value))],
            )
        };
        let whole = command(REBIRTH, true);
        assert!(asks_for_rebirth(&whole));
        assert!(!asks_for_rebirth(&command(REBIRTH, false)));
        assert!(!asks_for_rebirth(&command("Rebirth", true)));
        for length in 0..whole.len() - 2 {
            assert!(!asks_for_rebirth(&whole[..length]), "{length}");
        }
    }
}
