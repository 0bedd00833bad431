//! What the connections to broker and readers are secured with: for how long certificates hold, and what is wrong with
//! renewed ones.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::Health;
use crate::tls::{Validity, day};

/// Whose certificate. Those of readers are noted when a connection to the reader stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// The gateway's own, `[mqtt] client_certificate_file`.
    Gateway,
    /// The broker's, as seen in the handshake.
    Broker,
    /// That of the reader with this name, as seen in the handshake.
    Reader(String),
    /// The gateway's own for this reader, `[llrp.*] client_certificate_file`.
    ForReader(String),
    /// Of those in this reader's `ca_file` the one that holds longest.
    ReaderAuthority(String),
    /// That of the status page, `[status] tls_certificate_file`.
    StatusPage,
}

/// Something that is wrong with the files of the broker's connection; of each kind there is one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileProblem {
    /// They were changed and cannot be used.
    Unusable,
    /// Others may read them.
    Exposed,
}

/// A certificate in the status message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateStatus {
    /// Last second of its validity, RFC 3339.
    pub not_after: String,
    /// Whole days until then, rounded down; negative once it has expired.
    pub days_left: i64,
}

/// How near the end is; each is told of once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Less than 30 days are left.
    Month,
    /// Less than 7 days are left.
    Week,
    /// Less than a day is left.
    Day,
    /// It has expired, or is not valid yet.
    Invalid,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    validity: BTreeMap<Holder, Validity>,
    told: BTreeMap<Holder, Stage>,
    problems: BTreeMap<FileProblem, String>,
}

impl Holder {
    /// The word in the status message, which tells of the connection to the broker.
    #[must_use]
    pub const fn word(&self) -> Option<&'static str> {
        match self {
            Self::Gateway => Some("gateway"),
            Self::Broker => Some("broker"),
            Self::Reader(_) | Self::ForReader(_) | Self::ReaderAuthority(_) | Self::StatusPage => {
                None
            }
        }
    }

    /// The reader, if it is about one.
    fn reader(&self) -> Option<&str> {
        match self {
            Self::Reader(name) | Self::ForReader(name) | Self::ReaderAuthority(name) => Some(name),
            Self::Gateway | Self::Broker | Self::StatusPage => None,
        }
    }

    /// Whose it is, what to do before its end, and what happens otherwise.
    fn texts(&self) -> (String, String, &'static str) {
        match self {
            Self::Gateway => (
                "the gateway's certificate for the broker".to_owned(),
                "renew [mqtt] client_certificate_file".to_owned(),
                "nothing is delivered any more",
            ),
            Self::Broker => (
                "the broker's certificate".to_owned(),
                "have it renewed at the broker".to_owned(),
                "nothing is delivered any more",
            ),
            Self::Reader(name) => (
                format!("the certificate of reader {name}"),
                "have it renewed at the reader".to_owned(),
                "the reader cannot be connected any more",
            ),
            Self::ForReader(name) => (
                format!("the gateway's certificate for reader {name}"),
                format!("renew [llrp.{name}] client_certificate_file and restart the gateway"),
                "the reader cannot be connected any more",
            ),
            Self::ReaderAuthority(name) => (
                format!("the newest certificate in [llrp.{name}] ca_file"),
                "have a new one from whoever signs the reader's".to_owned(),
                "the reader's next certificate may not be trusted",
            ),
            Self::StatusPage => (
                "the status page's certificate".to_owned(),
                "renew [status] tls_certificate_file".to_owned(),
                "browsers refuse the page",
            ),
        }
    }
}

impl Certificates {
    /// Forgets what secured the connections to other readers.
    pub(super) fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        let stays = |holder: &Holder| holder.reader().is_none_or(&is_there);
        self.validity.retain(|holder, _| stays(holder));
        self.told.retain(|holder, _| stays(holder));
    }

    /// What is wrong with files, for people.
    pub(super) fn file_problems(&self) -> impl Iterator<Item = (FileProblem, &str)> {
        let problems = self.problems.iter();
        problems.map(|(problem, text)| (*problem, text.as_str()))
    }

    /// Certificates that are near their end at `now`, for people.
    pub(super) fn ending(&self, now: Timestamp) -> impl Iterator<Item = (Stage, String)> {
        let all = self.validity.iter();
        all.filter_map(move |(holder, validity)| words(holder, *validity, now))
    }

    pub(super) fn status(&self, now: Timestamp) -> BTreeMap<&'static str, CertificateStatus> {
        let status = |(holder, validity): (&Holder, &Validity)| {
            let status = CertificateStatus {
                not_after: validity.not_after.to_string(),
                days_left: validity.days_left(now),
            };
            Some((holder.word()?, status))
        };
        self.validity.iter().filter_map(status).collect()
    }

    /// What has come nearer its end since the last call.
    fn news(&mut self, now: Timestamp) -> Vec<(Stage, String)> {
        let mut news = Vec::new();
        for (holder, validity) in &self.validity {
            let Some((stage, text)) = words(holder, *validity, now) else {
                self.told.remove(holder);
                continue;
            };
            if self.told.insert(holder.clone(), stage) != Some(stage) {
                news.push((stage, text));
            }
        }
        news
    }
}

impl Health {
    /// Notes from when to when a certificate is valid; `None`: there is none any more.
    pub fn certificate(&self, holder: Holder, validity: Option<Validity>) {
        let known = &mut self.links().certificates.validity;
        match validity {
            Some(validity) => known.insert(holder, validity),
            None => known.remove(&holder),
        };
    }

    /// Notes what is wrong with the files of the broker's connection, or that it is no more; returns whether that is news.
    pub fn file_problem(&self, problem: FileProblem, text: Option<String>) -> bool {
        let news = {
            let problems = &mut self.links().certificates.problems;
            let before = match text.clone() {
                Some(text) => problems.insert(problem, text),
                None => problems.remove(&problem),
            };
            before != text
        };
        self.announce(news)
    }

    /// Certificates that have come nearer their end since the last call, for the log.
    #[must_use]
    pub fn expiring(&self) -> Vec<(Stage, String)> {
        let news = self.links().certificates.news(Timestamp::now());
        self.announce(!news.is_empty());
        news
    }
}

/// What there is to say about a certificate's validity, and what to do.
fn words(holder: &Holder, validity: Validity, now: Timestamp) -> Option<(Stage, String)> {
    let (whose, renew, or) = holder.texts();
    let (from, to, today) = (day(validity.not_before), day(validity.not_after), day(now));
    let days = validity.days_left(now);
    let s = if days == 1 { "" } else { "s" };
    let told = if now < validity.not_before {
        let text = format!(
            "{whose} is valid only from {from}, and this gateway's clock says {today}: set the clock, or wait"
        );
        (Stage::Invalid, text)
    } else if days < 0 {
        let text = format!(
            "{whose} has expired, on {to}, if this gateway's clock is right, which says {today}: {renew}, or set the clock"
        );
        (Stage::Invalid, text)
    } else if days < 1 {
        let text = format!("{whose} expires within a day, on {to}: {renew} now, or {or}");
        (Stage::Day, text)
    } else if days < 30 {
        let stage = if days < 7 { Stage::Week } else { Stage::Month };
        (
            stage,
            format!("{whose} expires in {days} day{s}, on {to}: {renew}"),
        )
    } else {
        return None;
    };
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const UNTIL: &str = "2026-12-31T12:00:00Z";

    fn validity() -> Validity {
        Validity {
            not_before: at("2026-01-01T00:00:00Z"),
            not_after: at(UNTIL),
        }
    }

    #[test]
    fn the_nearer_the_end_the_louder() {
        let says = |holder, now| words(&holder, validity(), at(now));
        assert_eq!(says(Holder::Gateway, "2026-12-01T12:00:00Z"), None);
        for (now, stage, text) in [
            (
                "2026-12-01T12:00:01Z",
                Stage::Month,
                "in 29 days, on 2026-12-31",
            ),
            ("2026-12-24T12:00:00Z", Stage::Month, "in 7 days"),
            ("2026-12-24T12:00:01Z", Stage::Week, "in 6 days"),
            ("2026-12-30T12:00:00Z", Stage::Week, "in 1 day,"),
            ("2026-12-30T12:00:01Z", Stage::Day, "within a day"),
            (UNTIL, Stage::Day, "within a day"),
            (
                "2026-12-31T12:00:01Z",
                Stage::Invalid,
                "has expired, on 2026-12-31",
            ),
            (
                "2025-12-31T00:00:00Z",
                Stage::Invalid,
                "clock says 2025-12-31: set the clock",
            ),
        ] {
            let (found, says) = says(Holder::Gateway, now).unwrap();
            assert_eq!(found, stage, "{now}: {says}");
            assert!(says.contains(text), "{now}: {says}");
        }
        let (_, ours) = says(Holder::Gateway, "2026-12-20T00:00:00Z").unwrap();
        assert!(
            ours.ends_with("renew [mqtt] client_certificate_file"),
            "{ours}"
        );
        let (_, theirs) = says(Holder::Broker, "2026-12-20T00:00:00Z").unwrap();
        assert!(
            theirs.ends_with("have it renewed at the broker"),
            "{theirs}"
        );
    }

    #[test]
    fn readers_have_their_own_words_and_no_place_in_the_status() {
        let day = "2026-12-31T00:00:00Z";
        let name = || "dock_1".to_owned();
        for (holder, text) in [
            (
                Holder::Reader(name()),
                "the certificate of reader dock_1 expires within a day, on 2026-12-31: have it renewed at the reader now, or the reader cannot be connected any more",
            ),
            (
                Holder::ForReader(name()),
                "the gateway's certificate for reader dock_1 expires within a day, on 2026-12-31: renew [llrp.dock_1] client_certificate_file and restart the gateway now, or",
            ),
            (
                Holder::ReaderAuthority(name()),
                "the newest certificate in [llrp.dock_1] ca_file expires within a day",
            ),
        ] {
            let (stage, says) = words(&holder, validity(), at(day)).unwrap();
            assert_eq!(stage, Stage::Day);
            assert!(says.starts_with(text), "{says}");
            let mut certificates = Certificates::default();
            certificates.validity.insert(holder, validity());
            assert_eq!(certificates.ending(at(day)).count(), 1);
            assert_eq!(certificates.status(at(day)).len(), 0);
        }
    }

    #[test]
    fn each_stage_is_told_once_and_a_new_certificate_begins_anew() {
        let mut certificates = Certificates::default();
        certificates.validity.insert(Holder::Broker, validity());
        let news = |now, certificates: &mut Certificates| {
            let news = certificates.news(at(now));
            news.into_iter().map(|(stage, _)| stage).collect::<Vec<_>>()
        };
        assert_eq!(news("2026-11-01T00:00:00Z", &mut certificates), []);
        assert_eq!(
            news("2026-12-10T00:00:00Z", &mut certificates),
            [Stage::Month]
        );
        assert_eq!(news("2026-12-11T00:00:00Z", &mut certificates), []);
        assert_eq!(
            news("2026-12-28T00:00:00Z", &mut certificates),
            [Stage::Week]
        );
        let renewed = Validity {
            not_after: at("2027-12-31T00:00:00Z"),
            ..validity()
        };
        certificates.validity.insert(Holder::Broker, renewed);
        assert_eq!(news("2026-12-29T00:00:00Z", &mut certificates), []);
        assert_eq!(
            news("2027-12-29T00:00:00Z", &mut certificates),
            [Stage::Week]
        );
    }

    #[test]
    fn the_status_has_the_days_and_the_conditions_the_words() {
        let health = Health::new("plant-3", "e");
        health.broker(super::super::BrokerState::Up);
        health.certificate(Holder::Gateway, Some(validity()));
        let links = health.links();
        let status = links.certificates.status(at("2026-12-20T00:00:00Z"));
        assert_eq!(status["gateway"].days_left, 11);
        assert_eq!(status["gateway"].not_after, UNTIL);
        let texts: Vec<_> = links
            .certificates
            .ending(at("2026-12-20T00:00:00Z"))
            .map(|(_, text)| text)
            .collect();
        assert!(texts[0].contains("in 11 days"), "{texts:?}");
        drop(links);
        let exposed = Some("x".to_owned());
        assert!(health.file_problem(FileProblem::Exposed, exposed.clone()));
        assert!(!health.file_problem(FileProblem::Exposed, exposed));
        assert_eq!(health.conditions()[0], "x");
        assert!(health.file_problem(FileProblem::Exposed, None));
        health.certificate(Holder::Gateway, None);
        assert_eq!(health.conditions(), [""; 0]);
    }
}
