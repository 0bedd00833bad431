//! From when to when a certificate is valid.
//!
//! The TLS library checks this and does not tell it. So the few fields before it in the DER form are stepped over here
//! (RFC 5280 §4.1); nothing is trusted because of what is found.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0] EXPLICIT Version`, left out by certificates of version 1.
const VERSION: u8 = 0xa0;

/// From when to when a certificate is valid, both ends included (RFC 5280 §4.1.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub not_before: Timestamp,
    /// Last second.
    pub not_after: Timestamp,
}

impl Validity {
    /// Of a certificate in DER form; `None` when it is not readable as one.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let (certificate, _) = element(certificate, SEQUENCE)?;
        let (signed, _) = element(certificate, SEQUENCE)?;
        let signed = element(signed, VERSION).map_or(signed, |(_, rest)| rest);
        let (_serial, rest) = element(signed, INTEGER)?;
        let (_algorithm, rest) = element(rest, SEQUENCE)?;
        let (_issuer, rest) = element(rest, SEQUENCE)?;
        let (validity, _) = element(rest, SEQUENCE)?;
        let (not_before, rest) = time(validity)?;
        let (not_after, _) = time(rest)?;
        Some(Self {
            not_before,
            not_after,
        })
    }

    /// Whole days until it ends, rounded down: 0 within the last day, negative once it has ended.
    #[must_use]
    pub fn days_left(&self, now: Timestamp) -> i64 {
        let left: SignedDuration = self.not_after.duration_since(now);
        left.as_secs().div_euclid(24 * 60 * 60)
    }
}

/// A day as people write it, in UTC.
#[must_use]
pub fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// The content of the element that `input` begins with, if it has this tag, and what comes after it (X.690 §8.1).
fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        // More than four digits would be a certificate of more than 4 GiB.
        let length = (1..=4).contains(&digits.len()).then(|| {
            let shift = |length: usize, digit: &u8| length << 8 | usize::from(*digit);
            digits.iter().fold(0, shift)
        });
        (length?, rest)
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

/// A time in one of the two forms that RFC 5280 allows, and what comes after it.
fn time(input: &[u8]) -> Option<(Timestamp, &[u8])> {
    if let Some((text, rest)) = element(input, UTC_TIME) {
        let text = std::str::from_utf8(text).ok()?;
        let year: u8 = text.get(..2)?.parse().ok()?;
        let century = if year >= 50 { "19" } else { "20" };
        return Some((moment(&format!("{century}{text}"))?, rest));
    }
    let (text, rest) = element(input, GENERALIZED_TIME)?;
    Some((moment(std::str::from_utf8(text).ok()?)?, rest))
}

fn moment(text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix('Z')?;
    // A year's last hours of 9999 mean "never" (RFC 5280 §4.1.2.5) and are beyond what a timestamp can hold.
    if digits.starts_with("999912") {
        return Some(Timestamp::MAX);
    }
    let at = DateTime::strptime("%Y%m%d%H%M%S", digits).ok()?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;
    use crate::tls::certificates::{authority, until};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn der(folder: &tempfile::TempDir, name: &str) -> Vec<u8> {
        let file = folder.path().join(name);
        CertificateDer::from_pem_file(file).unwrap().to_vec()
    }

    #[test]
    fn it_is_what_openssl_says() {
        let folder = tempfile::tempdir().unwrap();
        authority(folder.path(), "ca");
        for (from, to, last) in [
            ("20260102030405Z", "20491231235959Z", "2049-12-31T23:59:59Z"),
            ("19510102030405Z", "20500101000000Z", "2050-01-01T00:00:00Z"),
            ("20260102030405Z", "99991231235959Z", "9999-12-30T22:00:00Z"),
        ] {
            until(folder.path(), "device", "IP:127.0.0.1", from, to);
            let validity = Validity::of(&der(&folder, "device.pem")).unwrap();
            assert_eq!(validity.not_after.as_second(), at(last).as_second());
            let year = validity.not_before.strftime("%Y%m%d%H%M%SZ").to_string();
            assert_eq!(year, from);
        }
    }

    #[test]
    fn days_are_rounded_down() {
        let validity = Validity {
            not_before: at("2026-01-01T00:00:00Z"),
            not_after: at("2026-03-01T12:00:00Z"),
        };
        for (now, days) in [
            ("2026-02-28T12:00:00Z", 1),
            ("2026-02-28T12:00:01Z", 0),
            ("2026-03-01T12:00:00Z", 0),
            ("2026-03-01T12:00:01Z", -1),
        ] {
            assert_eq!(validity.days_left(at(now)), days, "{now}");
        }
        assert_eq!(day(validity.not_after), "2026-03-01");
    }

    #[test]
    fn a_damaged_certificate_is_none_at_every_byte() {
        let folder = tempfile::tempdir().unwrap();
        authority(folder.path(), "ca");
        let whole = der(&folder, "ca.pem");
        assert!(Validity::of(&whole).is_some());
        for length in 0..whole.len() {
            assert_eq!(Validity::of(&whole[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn wild_bytes_are_no_certificate(mut bytes: Vec<u8>, tags in prop::collection::vec(prop::sample::select(vec![SEQUENCE, VERSION, INTEGER, UTC_TIME]), 0..12)) {
            for (place, tag) in tags.into_iter().enumerate() {
                if let Some(byte) = bytes.get_mut(place * 2) {
                    *byte = tag;
                }
            }
            let _ = Validity::of(&bytes);
        }
    }
}
