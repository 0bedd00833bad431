//! TLS to brokers and readers: whom to trust, what to show, and what went wrong in words. TLS 1.2 and 1.3.

#[cfg(test)]
pub(crate) mod certificates;

use std::error::Error as _;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore,
    SignatureScheme,
};
use sha2::{Digest, Sha256};

/// SHA-256 of a certificate's DER form. Printed as `openssl x509 -fingerprint -sha256` does, so that it can be compared
/// and pasted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Of a certificate.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut colon = "";
        for byte in self.0 {
            write!(f, "{colon}{byte:02X}")?;
            colon = ":";
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Whose signature on the other side's certificate counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The certificates in this PEM file.
    File(PathBuf),
    /// Those the system trusts.
    System,
    /// Nobody's: it must be this certificate, whoever signed it, for whatever name and time.
    Pinned(Fingerprint),
}

/// What we show to a side that asks who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// PEM file with our certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// PEM file with its private key.
    pub key: PathBuf,
}

/// TLS to one other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// The section of the configuration, for messages: `[mqtt]`.
    pub section: String,
    /// The other side, for messages: `broker`.
    pub peer: &'static str,
    /// Whom to trust.
    pub trust: Trust,
    /// Our own certificate, if one is wanted.
    pub identity: Option<Identity>,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file is not there, or is not PEM.
    #[error("cannot read {section} {key} {path}: {reason}")]
    File {
        /// The section of the configuration.
        section: String,
        /// The setting that names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Nothing to trust.
    #[error(
        "there is no certificate to trust {place}; give the {peer}'s CA certificate as {section} ca_file"
    )]
    Nothing {
        /// Where none was found.
        place: String,
        /// The other side.
        peer: &'static str,
        /// The section of the configuration.
        section: String,
    },
    /// Certificate and key do not belong together, or the library refused the set-up.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// TLS for one connection: remembers the certificate it was shown.
#[derive(Debug, Clone)]
pub struct Client {
    /// For the TLS library.
    pub config: Arc<ClientConfig>,
    seen: Arc<OnceLock<Fingerprint>>,
}

impl Setup {
    /// Reads the files and makes a configuration for TLS 1.2 and 1.3. Made anew for every connection, so that renewed
    /// files need no restart.
    ///
    /// # Errors
    /// A file cannot be read, holds no certificate, or one that is damaged: none is skipped in silence.
    pub fn client(&self) -> Result<Client, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let seen = Arc::new(OnceLock::new());
        let rule = match &self.trust {
            Trust::Pinned(pin) => Rule::Pinned(*pin),
            Trust::File(path) => self.chain(self.roots_in(path)?, &provider)?,
            Trust::System => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                self.chain(roots, &provider)?
            }
        };
        let verifier = Verifier {
            rule,
            provider: provider.clone(),
            seen: seen.clone(),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match &self.identity {
            None => config.with_no_client_auth(),
            Some(identity) => {
                let certificates =
                    self.certificates("client_certificate_file", &identity.certificate)?;
                let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(|error| {
                    self.unreadable("client_key_file", &identity.key, error.to_string())
                })?;
                config.with_client_auth_cert(certificates, key)?
            }
        };
        Ok(Client {
            config: Arc::new(config),
            seen,
        })
    }

    fn roots_in(&self, path: &Path) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates("ca_file", path)? {
            roots
                .add(certificate)
                .map_err(|error| self.unreadable("ca_file", path, error.to_string()))?;
        }
        Ok(roots)
    }

    fn certificates(
        &self,
        key: &'static str,
        path: &Path,
    ) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| self.unreadable(key, path, error.to_string()));
        let found = found?;
        if found.is_empty() && key != "ca_file" {
            return Err(self.unreadable(key, path, "it holds no certificate".to_owned()));
        }
        Ok(found)
    }

    fn chain(
        &self,
        roots: RootCertStore,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Rule, TlsError> {
        if roots.is_empty() {
            return Err(TlsError::Nothing {
                place: match &self.trust {
                    Trust::File(path) => format!("in {}", path.display()),
                    _ => "on this system".to_owned(),
                },
                peer: self.peer,
                section: self.section.clone(),
            });
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map(Rule::Chain)
            .map_err(|error| rustls::Error::General(error.to_string()).into())
    }

    fn unreadable(&self, key: &'static str, path: &Path, reason: String) -> TlsError {
        TlsError::File {
            section: self.section.clone(),
            key,
            path: path.to_owned(),
            reason,
        }
    }

    /// What went wrong with `host`, in words that say what to do.
    #[must_use]
    pub fn explain(&self, host: &str, error: &rustls::Error) -> String {
        let Self { section, peer, .. } = self;
        match error {
            rustls::Error::InvalidCertificate(problem) => self.certificate(host, problem, error),
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
                "it wants a certificate from the gateway, which has none".to_owned()
            }
            rustls::Error::AlertReceived(
                alert @ (AlertDescription::UnknownCA
                | AlertDescription::BadCertificate
                | AlertDescription::CertificateUnknown
                | AlertDescription::AccessDenied),
            ) if self.identity.is_some() => format!(
                "the {peer} does not accept the gateway's certificate ({alert:?}); check {section} client_certificate_file"
            ),
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
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired, or this gateway's clock is wrong".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet, or this gateway's clock is wrong".to_owned()
            }
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

impl Client {
    /// The certificate that the other side showed, if the handshake came so far.
    #[must_use]
    pub fn seen(&self) -> Option<Fingerprint> {
        self.seen.get().copied()
    }
}

#[derive(Debug)]
enum Rule {
    Chain(Arc<WebPkiServerVerifier>),
    Pinned(Fingerprint),
}

#[derive(Debug)]
struct Verifier {
    rule: Rule,
    provider: Arc<CryptoProvider>,
    seen: Arc<OnceLock<Fingerprint>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = *self.seen.get_or_init(|| Fingerprint::of(end_entity));
        match &self.rule {
            Rule::Chain(verifier) => verifier.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
            Rule::Pinned(pin) if *pin == shown => Ok(ServerCertVerified::assertion()),
            Rule::Pinned(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_empty_or_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let error = |path: &PathBuf| {
            let setup = Setup {
                section: "[mqtt]".to_owned(),
                peer: "broker",
                trust: Trust::File(path.clone()),
                identity: None,
            };
            setup.client().unwrap_err().to_string()
        };
        assert!(error(&path).contains("ca.pem"), "{}", error(&path));
        std::fs::write(&path, "no certificate here\n").unwrap();
        assert!(
            error(&path).contains("no certificate to trust in"),
            "{}",
            error(&path)
        );
        std::fs::write(
            &path,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        assert!(error(&path).contains("ca.pem"), "{}", error(&path));
    }

    #[test]
    fn fingerprints_print_like_those_of_openssl() {
        let shown = Fingerprint::of(b"").to_string();
        assert!(shown.starts_with("E3:B0:C4:42:98:FC"), "{shown}");
        assert_eq!(shown.len(), 95);
    }
}
