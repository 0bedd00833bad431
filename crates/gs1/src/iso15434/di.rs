//! Data identifiers of ASC MH10.8.2: what they mean here.

use std::fmt;

/// A data identifier: up to three digits and a capital letter (ASC MH10.8.2 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataIdentifier {
    bytes: [u8; 4],
    length: u8,
}

/// A data identifier with its data, which is kept as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataElement {
    /// The identifier.
    pub di: DataIdentifier,
    /// The data behind it.
    pub value: String,
}

/// What a data identifier tells about a thing; the part that it plays in its name.
///
/// Orders as the parts of a name do: who, what, which batch, which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Who made, supplied or owns it.
    Party,
    /// What kind of thing it is.
    Item,
    /// The batch, lot or heat it is of.
    Lot,
    /// Which one it is, among those of its party and item.
    Serial,
    /// Which one it is, in the whole world.
    Unique,
    /// A transport unit with its licence plate.
    LogisticUnit,
    /// How many or how much.
    Quantity,
    /// A date.
    Date,
    /// An order, delivery or invoice.
    Order,
    /// A work order or operation.
    Work,
    /// A place.
    Place,
    /// Anything else.
    Other,
}

impl DataIdentifier {
    /// Splits a field into identifier and data; none if it does not start with one.
    pub fn split(field: &[u8]) -> Option<(Self, &[u8])> {
        let digits = field
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let letter = field.get(digits).filter(|byte| byte.is_ascii_uppercase());
        if digits > 3 || letter.is_none() {
            return None;
        }
        let (identifier, value) = field.split_at(digits + 1);
        let mut bytes = [0; 4];
        bytes
            .iter_mut()
            .zip(identifier)
            .for_each(|(place, byte)| *place = *byte);
        let length = u8::try_from(digits + 1).ok()?;
        Some((Self { bytes, length }, value))
    }

    /// The identifier as text, `"1T"`.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length));
        std::str::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
    }

    /// What it means, in a few words; none if it is not in the table (ASC MH10.8.2 annex).
    pub fn meaning(&self) -> Option<&'static str> {
        self.row().map(|(_, _, meaning)| *meaning)
    }

    /// The part it plays (ASC MH10.8.2 annex); [`Role::Other`] if it is not in the table.
    pub fn role(&self) -> Role {
        self.row().map_or(Role::Other, |(_, role, _)| *role)
    }

    fn row(&self) -> Option<&'static Row> {
        let identifier = self.as_str();
        TABLE.iter().find(|(di, _, _)| *di == identifier)
    }
}

impl fmt::Display for DataIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

type Row = (&'static str, Role, &'static str);

/// The identifiers that are common on manufacturing labels, by what they tell.
#[rustfmt::skip]
static TABLE: &[Row] = &[
    ("V", Role::Party, "supplier, code of the customer"),
    ("1V", Role::Party, "supplier, own code"),
    ("6V", Role::Party, "manufacturer"),
    ("12V", Role::Party, "manufacturer, DUNS"),
    ("13V", Role::Party, "supplier, DUNS"),
    ("17V", Role::Party, "CAGE code"),
    ("18V", Role::Party, "company with issuing agency"),
    ("20V", Role::Party, "company with issuing agency and its role"),
    ("P", Role::Item, "part number of the customer"),
    ("1P", Role::Item, "part number of the supplier"),
    ("2P", Role::Other, "revision level"),
    ("26P", Role::Other, "part number of the next higher assembly"),
    ("30P", Role::Item, "part number of the supplier, first level"),
    ("33P", Role::Other, "bin code"),
    ("I", Role::Unique, "vehicle identification number"),
    ("N", Role::Item, "NATO stock number"),
    ("9N", Role::Item, "pharmacy product number"),
    ("T", Role::Lot, "lot of the customer"),
    ("1T", Role::Lot, "lot of the supplier"),
    ("20T", Role::Lot, "lot of the customer, first level"),
    ("25T", Role::Lot, "lot with issuing agency and company"),
    ("30T", Role::Lot, "lot of the supplier, first level"),
    ("S", Role::Serial, "serial number"),
    ("1S", Role::Other, "additional code of the supplier"),
    ("3S", Role::Serial, "package, lowest level"),
    ("4S", Role::Serial, "package, master of like items"),
    ("5S", Role::Serial, "package, master of mixed items"),
    ("9S", Role::Serial, "package"),
    ("10S", Role::Serial, "machine, cell or tool"),
    ("11S", Role::Serial, "fixed asset"),
    ("15S", Role::Serial, "serial number, unique with the supplier's DUNS"),
    ("16S", Role::Other, "version"),
    ("18S", Role::Unique, "CAGE code and serial number"),
    ("20S", Role::Other, "traceability code of the customer"),
    ("25S", Role::Unique, "unique item identifier"),
    ("26S", Role::Unique, "equipment identifier"),
    ("30S", Role::Other, "additional traceability code of the supplier"),
    ("31S", Role::Other, "first serial number of a sequence"),
    ("32S", Role::Other, "last serial number of a sequence"),
    ("33S", Role::Other, "serial number of the next higher assembly"),
    ("37S", Role::Unique, "unique item identifier with part number"),
    ("J", Role::LogisticUnit, "licence plate"),
    ("1J", Role::LogisticUnit, "licence plate, lowest level"),
    ("2J", Role::LogisticUnit, "licence plate, several packages"),
    ("3J", Role::LogisticUnit, "licence plate, lowest level, with EDI"),
    ("4J", Role::LogisticUnit, "licence plate, several packages, with EDI"),
    ("5J", Role::LogisticUnit, "licence plate, mixed transport unit"),
    ("6J", Role::LogisticUnit, "licence plate, master of like items"),
    ("B", Role::Other, "container type"),
    ("1B", Role::Unique, "returnable container of its owner"),
    ("25B", Role::Unique, "returnable container with issuing agency and owner"),
    ("26B", Role::Unique, "returnable container with owner and serial number"),
    ("27B", Role::Unique, "large load carrier"),
    ("28B", Role::Unique, "small load carrier"),
    ("55B", Role::Unique, "returnable packaging"),
    ("Q", Role::Quantity, "quantity"),
    ("2Q", Role::Quantity, "weight"),
    ("3Q", Role::Other, "unit of measure"),
    ("7Q", Role::Quantity, "quantity with its unit"),
    ("13Q", Role::Other, "package count, n/x"),
    ("D", Role::Date, "date, YYMMDD"),
    ("6D", Role::Date, "date, YYYYMMDD with qualifier"),
    ("8D", Role::Date, "date and time with qualifier"),
    ("9D", Role::Date, "date code"),
    ("10D", Role::Date, "date, YYWW"),
    ("11D", Role::Date, "date, YYYYWW"),
    ("12D", Role::Date, "date, YYYYMMDD"),
    ("14D", Role::Date, "expiry date, YYYYMMDD"),
    ("16D", Role::Date, "production date, YYYYMMDD"),
    ("K", Role::Order, "order number of the customer"),
    ("1K", Role::Order, "order number of the supplier"),
    ("2K", Role::Order, "shipment number"),
    ("4K", Role::Order, "order line"),
    ("10K", Role::Order, "invoice number"),
    ("11K", Role::Order, "packing list number"),
    ("14K", Role::Order, "order number and line"),
    ("15K", Role::Order, "kanban number"),
    ("16K", Role::Order, "delivery document number"),
    ("W", Role::Work, "work order"),
    ("1W", Role::Work, "operation sequence"),
    ("2W", Role::Work, "operation code"),
    ("3W", Role::Work, "work order and operation sequence"),
    ("L", Role::Place, "storage location"),
    ("1L", Role::Place, "location"),
    ("2L", Role::Place, "ship-to location"),
    ("3L", Role::Place, "ship-from location"),
    ("4L", Role::Other, "country of origin"),
    ("20L", Role::Place, "location, first level"),
    ("25L", Role::Place, "location with issuing agency and company"),
    ("33L", Role::Other, "web address"),
    ("34L", Role::Other, "web address of a process"),
    ("E", Role::Other, "restricted substances class"),
    ("H", Role::Other, "name of a party"),
    ("1H", Role::Other, "employee"),
    ("Z", Role::Other, "mutually defined"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_split_off() {
        for (field, di, value) in [
            ("PA70XE", "P", "A70XE"),
            ("1T7", "1T", "7"),
            ("55D9.FUH", "55D", "9.FUH"),
            ("125SX", "125S", "X"),
            ("Q", "Q", ""),
        ] {
            let (found, rest) = DataIdentifier::split(field.as_bytes()).unwrap();
            assert_eq!((found.as_str(), rest), (di, value.as_bytes()), "{field}");
        }
        for none in ["", "12", "1234P1", "p1", "-P", "12p"] {
            assert_eq!(DataIdentifier::split(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn meanings_and_roles() {
        let role = |di: &str| DataIdentifier::split(di.as_bytes()).unwrap().0.role();
        assert_eq!(role("1T"), Role::Lot);
        assert_eq!(role("25S"), Role::Unique);
        assert_eq!(role("31P"), Role::Other);
        let (di, _) = DataIdentifier::split(b"4L").unwrap();
        assert_eq!(di.meaning(), Some("country of origin"));
        let mut names: Vec<&str> = TABLE.iter().map(|(di, _, _)| *di).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len(), "each once");
    }
}
