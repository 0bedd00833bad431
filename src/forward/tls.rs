//! TLS to the broker: whom to trust.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Whose signature on the broker's certificate counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The certificates in this PEM file.
    File(PathBuf),
    /// Those the system trusts.
    System,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file is not there, or is not PEM.
    #[error("cannot read [mqtt] ca_file {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Nothing to trust.
    #[error(
        "there is no certificate to trust {0}; give the broker's CA certificate as [mqtt] ca_file"
    )]
    Nothing(String),
    /// The library refused the set-up.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// Reads the trusted certificates and makes a configuration for TLS 1.2 and 1.3.
///
/// # Errors
/// The file cannot be read, holds no certificate, or one that is damaged: none is skipped in silence.
pub fn client_config(trust: &Trust) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::File(path) => {
            let failed = |reason: String| TlsError::File {
                path: path.clone(),
                reason,
            };
            for certificate in
                CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?
            {
                let certificate = certificate.map_err(|error| failed(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| failed(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(TlsError::Nothing(format!("in {}", path.display())));
            }
        }
        Trust::System => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(TlsError::Nothing("on this system".to_owned()));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_empty_or_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let error = |path: &PathBuf| {
            client_config(&Trust::File(path.clone()))
                .unwrap_err()
                .to_string()
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
}
