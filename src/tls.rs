//! TLS to brokers and readers, and of the status page: whom to trust, what to show, and what went wrong in words. TLS 1.2 and 1.3.

#[cfg(test)]
pub(crate) mod certificates;
mod files;
mod server;
mod validity;
mod words;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use sha2::{Digest, Sha256};

pub use files::{Files, exposure};
pub use server::{Server, ServerSetup};
pub use validity::{Validity, day};

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
    /// Certificate and key do not belong together.
    #[error(
        "the key in {section} client_key_file {key} does not belong to the certificate in client_certificate_file {certificate}; install both of one pair"
    )]
    Pair {
        /// The section of the configuration.
        section: String,
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
    /// The same of the certificate that we show to those who connect.
    #[error(
        "the key in {section} tls_key_file {key} does not belong to the certificate in tls_certificate_file {certificate}; install both of one pair"
    )]
    OwnPair {
        /// The section of the configuration.
        section: String,
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
    /// The library refused the set-up.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// TLS for one connection: remembers the certificate it was shown.
#[derive(Debug, Clone)]
pub struct Client {
    /// For the TLS library.
    pub config: Arc<ClientConfig>,
    /// From when to when our own certificate is valid, if there is one.
    pub own: Option<Validity>,
    /// The same for the certificate in `ca_file` that holds longest.
    pub authority: Option<Validity>,
    seen: Arc<OnceLock<Seen>>,
}

/// What is remembered of the certificate that the other side showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// From when to when it is valid, if that can be read.
    pub validity: Option<Validity>,
}

impl Setup {
    /// Reads the files and makes a configuration for TLS 1.2 and 1.3. Made anew for every connection, so that renewed
    /// files need no restart.
    ///
    /// # Errors
    /// A file cannot be read, holds no certificate, or one that is damaged: none is skipped in silence.
    pub fn client(&self) -> Result<Client, TlsError> {
        self.client_with(&self.read()?)
    }

    /// As [`Setup::client`], with files that were read already.
    ///
    /// # Errors
    /// As [`Setup::client`].
    pub fn client_with(&self, files: &Files) -> Result<Client, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let seen = Arc::new(OnceLock::new());
        let mut authority: Option<Validity> = None;
        let rule = match &self.trust {
            Trust::Pinned(pin) => Rule::Pinned(*pin),
            Trust::File(path) => {
                let mut roots = RootCertStore::empty();
                let pem = files.ca.as_deref().unwrap_or_default();
                for certificate in self.certificates("ca_file", path, pem)? {
                    let both = [authority, Validity::of(&certificate)].into_iter();
                    authority = both.flatten().max_by_key(|validity| validity.not_after);
                    roots
                        .add(certificate)
                        .map_err(|error| self.refuse_ca(path, error.to_string()))?;
                }
                self.chain(roots, &provider)?
            }
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
        let mut own = None;
        let config = match &self.identity {
            None => config.with_no_client_auth(),
            Some(Identity { certificate, key }) => {
                let pem = files.certificate.as_deref().unwrap_or_default();
                let certificates =
                    self.certificates("client_certificate_file", certificate, pem)?;
                own = certificates.first().and_then(|first| Validity::of(first));
                let secret = self.key(key, files.key.as_deref().unwrap_or_default())?;
                let made = config.with_client_auth_cert(certificates, secret);
                made.map_err(|error| match error {
                    rustls::Error::InconsistentKeys(_) => TlsError::Pair {
                        section: self.section.clone(),
                        certificate: certificate.clone(),
                        key: key.clone(),
                    },
                    error => TlsError::Setup(error),
                })?
            }
        };
        Ok(Client {
            config: Arc::new(config),
            own,
            authority,
            seen,
        })
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
}

impl Client {
    /// The certificate that the other side showed, if the handshake came so far.
    #[must_use]
    pub fn seen(&self) -> Option<Seen> {
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
    seen: Arc<OnceLock<Seen>>,
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
        let seen = || Seen {
            fingerprint: Fingerprint::of(end_entity),
            validity: Validity::of(end_entity),
        };
        let shown = self.seen.get_or_init(seen).fingerprint;
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
mod tests;
