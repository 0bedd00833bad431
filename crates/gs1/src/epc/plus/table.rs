//! How TDS 2.0 encodes the value of each application identifier (TDS 2.3 table F).

use super::method::Method::{
    self, Alphanumeric, Bcd, Bit, Country, Date, DateOrRange, DateTime, Delimited, Integer, Minus,
    Numeric, PreciseTime, Sequence,
};
use crate::Ai;

/// The parts of a value, each with its encoding; `None` if tags cannot carry the identifier.
pub(super) fn methods(ai: Ai) -> Option<&'static [Method]> {
    let at = TABLE.partition_point(|row| row.first <= ai.as_str());
    let row = TABLE.get(at.checked_sub(1)?)?;
    (ai.as_str() <= row.last).then_some(row.methods)
}

/// Identifiers from `first` to `last`, in the order of text. A range may hold numbers that are not
/// assigned: the rules of the identifiers tell.
struct Row {
    first: &'static str,
    last: &'static str,
    methods: &'static [Method],
}

const fn one(ai: &'static str, methods: &'static [Method]) -> Row {
    many(ai, ai, methods)
}

const fn many(first: &'static str, last: &'static str, methods: &'static [Method]) -> Row {
    Row {
        first,
        last,
        methods,
    }
}

static TABLE: &[Row] = &[
    one("00", &[Bcd(18)]),
    many("01", "02", &[Bcd(14)]),
    one("10", &[Alphanumeric(20)]),
    many("11", "17", &[Date]),
    one("20", &[Integer(2)]),
    many("21", "22", &[Alphanumeric(20)]),
    one("235", &[Alphanumeric(28)]),
    many("240", "241", &[Alphanumeric(30)]),
    one("242", &[Numeric(6)]),
    one("243", &[Alphanumeric(20)]),
    many("250", "251", &[Alphanumeric(30)]),
    one("253", &[Bcd(13), Alphanumeric(17)]),
    one("254", &[Alphanumeric(20)]),
    one("255", &[Bcd(13), Numeric(12)]),
    one("30", &[Numeric(8)]),
    many("3100", "3695", &[Integer(6)]),
    one("37", &[Numeric(8)]),
    many("3900", "3909", &[Numeric(15)]),
    many("3910", "3919", &[Integer(3), Numeric(15)]),
    many("3920", "3929", &[Numeric(15)]),
    many("3930", "3939", &[Integer(3), Numeric(15)]),
    many("3940", "3943", &[Integer(4)]),
    many("3950", "3953", &[Integer(6)]),
    many("400", "401", &[Alphanumeric(30)]),
    one("402", &[Integer(17)]),
    one("403", &[Alphanumeric(30)]),
    many("410", "417", &[Bcd(13)]),
    one("420", &[Alphanumeric(20)]),
    one("421", &[Integer(3), Alphanumeric(9)]),
    one("422", &[Integer(3)]),
    one("423", &[Numeric(15)]),
    one("424", &[Integer(3)]),
    one("425", &[Numeric(15)]),
    one("426", &[Integer(3)]),
    one("427", &[Alphanumeric(3)]),
    many("4300", "4301", &[Alphanumeric(35)]),
    many("4302", "4306", &[Alphanumeric(70)]),
    one("4307", &[Country]),
    one("4308", &[Alphanumeric(30)]),
    one("4309", &[Integer(20)]),
    many("4310", "4311", &[Alphanumeric(35)]),
    many("4312", "4316", &[Alphanumeric(70)]),
    one("4317", &[Country]),
    one("4318", &[Alphanumeric(20)]),
    one("4319", &[Alphanumeric(30)]),
    one("4320", &[Alphanumeric(35)]),
    many("4321", "4323", &[Bit]),
    many("4324", "4325", &[DateTime]),
    one("4326", &[Date]),
    many("4330", "4333", &[Integer(6), Minus]),
    one("7001", &[Integer(13)]),
    one("7002", &[Alphanumeric(30)]),
    one("7003", &[DateTime]),
    one("7004", &[Numeric(4)]),
    one("7005", &[Alphanumeric(12)]),
    one("7006", &[Date]),
    one("7007", &[DateOrRange]),
    one("7008", &[Alphanumeric(3)]),
    one("7009", &[Alphanumeric(10)]),
    one("7010", &[Alphanumeric(2)]),
    one("7011", &[PreciseTime]),
    many("7020", "7022", &[Alphanumeric(20)]),
    one("7023", &[Delimited(30)]),
    many("7030", "7039", &[Integer(3), Alphanumeric(27)]),
    many("7040", "7041", &[Alphanumeric(4)]),
    many("710", "716", &[Alphanumeric(20)]),
    many("7230", "7239", &[Alphanumeric(30)]),
    one("7240", &[Alphanumeric(20)]),
    one("7241", &[Bcd(2)]),
    one("7242", &[Alphanumeric(25)]),
    one("7250", &[Integer(8)]),
    one("7251", &[Integer(12)]),
    one("7252", &[Integer(1)]),
    many("7253", "7254", &[Alphanumeric(40)]),
    one("7255", &[Alphanumeric(10)]),
    one("7256", &[Alphanumeric(90)]),
    one("7257", &[Alphanumeric(70)]),
    one("7258", &[Sequence]),
    one("7259", &[Alphanumeric(40)]),
    one("8001", &[Integer(14)]),
    one("8002", &[Alphanumeric(20)]),
    one("8003", &[Bcd(14), Alphanumeric(16)]),
    one("8004", &[Delimited(30)]),
    one("8005", &[Integer(6)]),
    one("8006", &[Bcd(18)]),
    one("8007", &[Alphanumeric(24)]),
    one("8008", &[PreciseTime]),
    one("8009", &[Alphanumeric(50)]),
    one("8010", &[Delimited(30)]),
    one("8011", &[Numeric(12)]),
    one("8012", &[Alphanumeric(20)]),
    one("8013", &[Alphanumeric(25)]),
    many("8017", "8018", &[Bcd(18)]),
    one("8019", &[Numeric(10)]),
    one("8020", &[Alphanumeric(25)]),
    one("8026", &[Bcd(18)]),
    one("8030", &[Alphanumeric(90)]),
    one("8110", &[Alphanumeric(70)]),
    one("8111", &[Integer(4)]),
    one("8112", &[Alphanumeric(70)]),
    one("8200", &[Alphanumeric(70)]),
    one("90", &[Alphanumeric(30)]),
    many("91", "99", &[Alphanumeric(90)]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_finds_its_rows() {
        assert!(TABLE.is_sorted_by(|a, b| a.last < b.first && a.first <= a.last));
        for (ai, rows) in [
            ("00", 1),
            ("253", 2),
            ("3103", 1),
            ("4331", 2),
            ("8200", 1),
            ("99", 1),
        ] {
            let ai = Ai::from_digits(ai.as_bytes()).unwrap();
            assert_eq!(methods(ai).unwrap().len(), rows, "{ai}");
        }
        for ai in ["03", "18", "717", "8014", "8043", "3954"] {
            assert!(methods(Ai::from_digits(ai.as_bytes()).unwrap()).is_none());
        }
    }
}
