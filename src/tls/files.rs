//! The files of TLS, read once and whole: what is compared with later is what was used.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Setup, TlsError, Trust};

/// A larger file is none of certificates; a system's whole collection has a quarter of that.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What the files of a [`Setup`] held at one moment. Prints nothing of it: there is a key in it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Files {
    pub(super) ca: Option<Vec<u8>>,
    pub(super) certificate: Option<Vec<u8>>,
    pub(super) key: Option<Vec<u8>>,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Files(***)")
    }
}

impl Setup {
    /// Reads the files that are named, whatever is in them.
    ///
    /// # Errors
    /// One cannot be read, or is too large.
    pub fn read(&self) -> Result<Files, TlsError> {
        let ca = match &self.trust {
            Trust::File(path) => Some(self.bytes("ca_file", path)?),
            Trust::System | Trust::Pinned(_) => None,
        };
        let (mut certificate, mut key) = (None, None);
        if let Some(identity) = &self.identity {
            certificate = Some(self.bytes("client_certificate_file", &identity.certificate)?);
            key = Some(self.bytes("client_key_file", &identity.key)?);
        }
        Ok(Files {
            ca,
            certificate,
            key,
        })
    }

    fn bytes(&self, setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
        whole(path).map_err(|error| self.unreadable(setting, path, error.to_string()))
    }

    pub(super) fn certificates(
        &self,
        setting: &'static str,
        path: &Path,
        pem: &[u8],
    ) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let found = found.map_err(|error| self.unreadable(setting, path, error.to_string()))?;
        if found.is_empty() && setting != "ca_file" {
            return Err(self.unreadable(setting, path, "it holds no certificate".to_owned()));
        }
        Ok(found)
    }

    pub(super) fn key(&self, path: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
        PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
            let has = |text: &[u8]| pem.windows(text.len()).any(|part| part == text);
            let why = if has(b"ENCRYPTED") {
                "it is protected by a passphrase, which nobody can type here; remove it with openssl pkey".to_owned()
            } else if has(b"PRIVATE KEY-----") {
                error.to_string()
            } else {
                "it holds no private key".to_owned()
            };
            self.unreadable("client_key_file", path, why)
        })
    }

    fn unreadable(&self, setting: &'static str, path: &Path, reason: String) -> TlsError {
        TlsError::File {
            section: self.section.clone(),
            key: setting,
            path: path.to_owned(),
            reason,
        }
    }

    pub(super) fn refuse_ca(&self, path: &Path, reason: String) -> TlsError {
        self.unreadable("ca_file", path, reason)
    }
}

fn whole(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = File::open(path)?.take(MAX_FILE_BYTES + 1);
    if file.read_to_end(&mut bytes)? as u64 > MAX_FILE_BYTES {
        return Err(std::io::Error::other("it is larger than 1 MiB"));
    }
    Ok(bytes)
}

/// Says so when every user of the machine may read or replace a file with a secret. Its group may: so are keys shared with
/// other services.
#[must_use]
pub fn exposure(path: &Path) -> Option<String> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o006 != 0).then(|| {
        format!(
            "every user of this machine may read or change {} (mode {mode:o}); do: chmod o-rw {}",
            path.display(),
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;
    use crate::tls::Identity;
    use crate::tls::certificates::{authority, certificate};

    #[test]
    fn what_is_wrong_with_certificate_and_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        authority(folder.path(), "ca");
        certificate(folder.path(), "one", "IP:127.0.0.1");
        certificate(folder.path(), "two", "IP:127.0.0.1");
        let error = |certificate: &str, key: &str| {
            let setup = Setup {
                section: "[mqtt]".to_owned(),
                peer: "broker",
                trust: Trust::File(file("ca.pem")),
                identity: Some(Identity {
                    certificate: file(certificate),
                    key: file(key),
                }),
            };
            setup
                .client()
                .map_or_else(|error| crate::error_chain(&error), |_| String::new())
        };
        assert_eq!(error("one.pem", "one.key"), "");
        let text = error("one.pem", "two.key");
        assert!(
            text.contains("does not belong to the certificate"),
            "{text}"
        );
        assert!(
            text.contains("two.key") && text.contains("[mqtt]"),
            "{text}"
        );
        let text = error("one.key", "one.key");
        assert!(text.contains("it holds no certificate"), "{text}");
        let text = error("one.pem", "one.pem");
        assert!(text.contains("it holds no private key"), "{text}");
        std::fs::write(
            file("locked"),
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        )
        .unwrap();
        let text = error("one.pem", "locked");
        assert!(text.contains("passphrase"), "{text}");
        let large = File::create(file("large")).unwrap();
        large.set_len(MAX_FILE_BYTES + 1).unwrap();
        let text = error("large", "one.key");
        assert!(text.contains("larger than 1 MiB"), "{text}");
    }

    #[test]
    fn a_secret_that_all_may_read_is_told_of_and_its_group_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "").unwrap();
        for (mode, told) in [(0o600, false), (0o640, false), (0o644, true), (0o602, true)] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let text = exposure(&path);
            assert_eq!(text.is_some(), told, "{mode:o}: {text:?}");
        }
        assert_eq!(exposure(&folder.path().join("absent")), None);
    }
}
