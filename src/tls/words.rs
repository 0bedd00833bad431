//! What went wrong in TLS, in words that say what to do.

use std::error::Error as _;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};

use super::validity::day;
use super::{Setup, Trust};

impl Setup {
    /// What went wrong with `host`, in words that say what to do.
    #[must_use]
    pub fn explain(&self, host: &str, error: &rustls::Error) -> String {
        let Self { section, peer, .. } = self;
        match error {
            rustls::Error::InvalidCertificate(problem) => self.certificate(host, problem, error),
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
                format!(
                    "it wants a certificate from the gateway, which has none; give {section} client_certificate_file and client_key_file"
                )
            }
            rustls::Error::AlertReceived(
                alert @ (AlertDescription::UnknownCA
                | AlertDescription::BadCertificate
                | AlertDescription::CertificateUnknown
                | AlertDescription::AccessDenied),
            ) if self.identity.is_some() => format!(
                "the {peer} does not accept the gateway's certificate ({alert:?}); check {section} client_certificate_file"
            ),
            rustls::Error::AlertReceived(AlertDescription::CertificateExpired)
                if self.identity.is_some() =>
            {
                format!(
                    "the {peer} says that the gateway's certificate has expired; renew {section} client_certificate_file, or look at both clocks"
                )
            }
            rustls::Error::AlertReceived(alert) => {
                format!("it ended TLS with the alert {alert:?}")
            }
            other => format!("TLS: {other}"),
        }
    }

    fn certificate(&self, host: &str, problem: &CertificateError, error: &rustls::Error) -> String {
        let Self { section, peer, .. } = self;
        let trusted = match &self.trust {
            Trust::File(path) => format!("that {section} ca_file {} holds", path.display()),
            _ => format!(
                "that this system trusts; give the {peer}'s CA certificate as {section} ca_file"
            ),
        };
        match problem {
            CertificateError::UnknownIssuer => {
                format!("its certificate has an unknown issuer, none {trusted}")
            }
            CertificateError::Expired => {
                "its certificate has expired, or this gateway's clock is wrong".to_owned()
            }
            CertificateError::ExpiredContext { time, not_after } => format!(
                "its certificate has expired, on {}, or this gateway's clock is wrong, which says {}; renew it at the {peer}, or set the clock",
                moment(*not_after),
                moment(*time)
            ),
            CertificateError::NotValidYet => {
                "its certificate is not valid yet, or this gateway's clock is wrong".to_owned()
            }
            CertificateError::NotValidYetContext { time, not_before } => format!(
                "its certificate is not valid yet, only from {}, or this gateway's clock is wrong, which says {}: set the clock",
                moment(*not_before),
                moment(*time)
            ),
            CertificateError::NotValidForName => {
                format!("its certificate is not made for {host}")
            }
            CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
                format!("its certificate names no host as subjectAltName; it needs {host}")
            }
            CertificateError::NotValidForNameContext { presented, .. } => format!(
                "its certificate is not made for {host} but for {}",
                presented.join(", ")
            ),
            CertificateError::ApplicationVerificationFailure => {
                "its certificate is not the one that certificate_sha256 names".to_owned()
            }
            // webpki's word for it, which rustls hands on as it is.
            other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                "its certificate is that of a CA (basicConstraints CA:TRUE), which may not stand for a host".to_owned()
            }
            other => {
                let cause = error
                    .source()
                    .map_or_else(String::new, |cause| format!(": {cause}"));
                format!("its certificate is not accepted: {other}{cause}")
            }
        }
    }
}

fn moment(at: UnixTime) -> String {
    let seconds = i64::try_from(at.as_secs()).ok();
    let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.map_or_else(|| "an unknown day".to_owned(), day)
}
