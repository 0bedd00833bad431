//! TLS where others connect to us: what we show, and whose certificates we ask for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::{Files, Identity, Setup, TlsError, Trust, Validity};

/// TLS for those who connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSetup {
    /// The section of the configuration, for messages: `[status]`.
    pub section: String,
    /// Our certificate and key.
    pub identity: Identity,
    /// Whoever connects must show a certificate that one of those in this file has signed.
    pub client_ca: Option<PathBuf>,
}

/// Made of the files as they were at one moment.
#[derive(Debug, Clone)]
pub struct Server {
    /// For the TLS library.
    pub config: Arc<ServerConfig>,
    /// From when to when our certificate is valid.
    pub own: Option<Validity>,
    files: Files,
}

impl ServerSetup {
    /// A configuration for TLS 1.2 and 1.3 from the files as they are now, unless they are still those of `before`. Asked for
    /// each connection, so that renewed files need no restart.
    ///
    /// # Errors
    /// A file cannot be read, holds no certificate or key, or certificate and key do not belong together.
    pub fn server(&self, before: Option<&Server>) -> Result<Server, TlsError> {
        let setup = self.setup();
        let files = setup.read().map_err(in_our_words)?;
        match before {
            Some(before) if before.files == files => Ok(before.clone()),
            _ => self.made_of(&setup, files).map_err(in_our_words),
        }
    }

    fn made_of(&self, setup: &Setup, files: Files) -> Result<Server, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let Identity { certificate, key } = &self.identity;
        let pem = files.certificate.as_deref().unwrap_or_default();
        let certificates = setup.certificates("client_certificate_file", certificate, pem)?;
        let own = certificates.first().and_then(|first| Validity::of(first));
        let secret = setup.key(key, files.key.as_deref().unwrap_or_default())?;
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?;
        let config = match &self.client_ca {
            None => config.with_no_client_auth(),
            Some(path) => {
                let roots = authorities(setup, path, files.ca.as_deref().unwrap_or_default())?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                    .build()
                    .map_err(|error| setup.refuse_ca(path, error.to_string()))?;
                config.with_client_cert_verifier(verifier)
            }
        };
        let made = config.with_single_cert(certificates, secret);
        let mut config = made.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsError::OwnPair {
                section: self.section.clone(),
                certificate: certificate.clone(),
                key: key.clone(),
            },
            error => TlsError::Setup(error),
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Server {
            config: Arc::new(config),
            own,
            files,
        })
    }

    /// The files, as they are read for the other direction.
    fn setup(&self) -> Setup {
        Setup {
            section: self.section.clone(),
            peer: "browser",
            trust: match &self.client_ca {
                Some(path) => Trust::File(path.clone()),
                None => Trust::System,
            },
            identity: Some(self.identity.clone()),
        }
    }
}

fn authorities(setup: &Setup, path: &Path, pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in setup.certificates("ca_file", path, pem)? {
        roots
            .add(certificate)
            .map_err(|error| setup.refuse_ca(path, error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(setup.refuse_ca(path, "it holds no certificate".to_owned()));
    }
    Ok(roots)
}

/// With the names that the settings have here.
fn in_our_words(error: TlsError) -> TlsError {
    match error {
        TlsError::File {
            section,
            key,
            path,
            reason,
        } => TlsError::File {
            section,
            key: match key {
                "client_certificate_file" => "tls_certificate_file",
                "client_key_file" => "tls_key_file",
                "ca_file" => "client_ca_file",
                other => other,
            },
            path,
            reason,
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::certificates::{authority, certificate};

    #[test]
    fn renewed_files_are_taken_and_what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        authority(folder.path(), "ca");
        certificate(folder.path(), "one", "IP:127.0.0.1");
        certificate(folder.path(), "two", "IP:127.0.0.1");
        std::fs::write(file("empty"), "").unwrap();
        let setup = |certificate: &str, key: &str, ca: &str| ServerSetup {
            section: "[status]".to_owned(),
            identity: Identity {
                certificate: file(certificate),
                key: file(key),
            },
            client_ca: Some(file(ca)),
        };
        let good = setup("one.pem", "one.key", "ca.pem");
        let first = good.server(None).unwrap();
        assert!(first.own.is_some());
        let again = good.server(Some(&first)).unwrap();
        assert!(Arc::ptr_eq(&first.config, &again.config));
        for kind in ["pem", "key"] {
            std::fs::copy(file(&format!("two.{kind}")), file(&format!("one.{kind}"))).unwrap();
        }
        let renewed = good.server(Some(&first)).unwrap();
        assert!(!Arc::ptr_eq(&first.config, &renewed.config));
        certificate(folder.path(), "one", "IP:127.0.0.1");
        let error = |setup: ServerSetup| {
            let error = setup.server(None).map(drop).unwrap_err();
            crate::error_chain(&error)
        };
        for (setup, expected) in [
            (
                setup("x.pem", "one.key", "ca.pem"),
                "[status] tls_certificate_file",
            ),
            (
                setup("one.pem", "one.pem", "ca.pem"),
                "[status] tls_key_file",
            ),
            (setup("one.pem", "two.key", "ca.pem"), "does not belong to"),
            (
                setup("one.pem", "one.key", "empty"),
                "[status] client_ca_file",
            ),
        ] {
            let text = error(setup);
            assert!(text.contains(expected), "{text}");
        }
    }
}
