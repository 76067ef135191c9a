//! Certificates and keys of a source, read from PEM and checked: whom TLS trusts there, and who Ficus is.
//! Not for reading files, nor for connections.

use std::{fmt, sync::Arc};

use rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{Error as PemError, PemObject as _},
    },
    sign::CertifiedKey,
};

/// Whom TLS to a source trusts, and who Ficus is there (`tls` in a connector file).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tls {
    /// The certificate authorities that are trusted, and no others; none: those of the system.
    pub authorities: Option<Authorities>,
    /// What Ficus shows where it is asked for a client certificate.
    pub identity: Option<Identity>,
}

/// Certificate authorities.
#[derive(Debug, Clone, PartialEq)]
pub struct Authorities(pub Vec<CertificateDer<'static>>);

/// A client certificate with its chain, and its key.
#[derive(Clone, PartialEq)]
pub struct Identity {
    /// The certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Of the first certificate.
    pub key: Arc<PrivateKeyDer<'static>>,
}

/// Why a file is not what TLS needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// PEM that breaks off, or none at all.
    #[error("it is not PEM")]
    NotPem,
    /// No block of certificates.
    #[error("it holds no certificate (`-----BEGIN CERTIFICATE-----`)")]
    NoCertificate,
    /// A block that is no certificate.
    #[error("its certificate number {0} cannot be read")]
    Certificate(usize),
    /// No block of a key.
    #[error("it holds no private key (`-----BEGIN PRIVATE KEY-----`)")]
    NoKey,
    /// A key behind a passphrase.
    #[error("its private key is encrypted, and there is nobody to ask for the passphrase")]
    EncryptedKey,
    /// A key of a kind that is not known, or of another certificate.
    #[error("its private key is not the key of the certificate, or of a kind that TLS does not use")]
    KeyMismatch,
}

impl Authorities {
    /// Reads certificates from PEM.
    ///
    /// # Errors
    /// When there is none, or one of them cannot be read.
    pub fn read(pem: &[u8]) -> Result<Self, TlsError> {
        let certificates = certificates(pem)?;
        let mut roots = RootCertStore::empty();
        for (position, certificate) in certificates.iter().enumerate() {
            roots.add(certificate.clone()).map_err(|_| TlsError::Certificate(position + 1))?;
        }
        Ok(Authorities(certificates))
    }
}

impl Identity {
    /// Reads a certificate with its chain.
    ///
    /// # Errors
    /// When there is none.
    pub fn read_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        certificates(pem)
    }

    /// Reads the key of a certificate.
    ///
    /// # Errors
    /// When there is none, it is encrypted, or belongs to another certificate.
    pub fn read_key(chain: Vec<CertificateDer<'static>>, pem: &[u8]) -> Result<Self, TlsError> {
        let key = match PrivateKeyDer::from_pem_slice(pem) {
            Ok(key) => key,
            Err(_) if contains(pem, b"ENCRYPTED") => return Err(TlsError::EncryptedKey),
            Err(PemError::NoItemsFound) => return Err(TlsError::NoKey),
            Err(_) => return Err(TlsError::NotPem),
        };
        let provider = rustls::crypto::ring::default_provider();
        match CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider) {
            Ok(_) => Ok(Identity { chain, key: Arc::new(key) }),
            Err(_) => Err(TlsError::KeyMismatch),
        }
    }
}

/// Shows that there is a key, never the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({} certificates, …)", self.chain.len())
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = read.map_err(|_| TlsError::NotPem)?;
    if certificates.is_empty() { Err(TlsError::NoCertificate) } else { Ok(certificates) }
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certified() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["ficus".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_certificate_and_its_key_are_read() {
        let ((cert, key), (other, _)) = (certified(), certified());
        assert_eq!(Authorities::read(format!("{cert}{other}").as_bytes()).unwrap().0.len(), 2);
        let chain = Identity::read_chain(cert.as_bytes()).unwrap();
        let identity = Identity::read_key(chain, key.as_bytes()).unwrap();
        assert_eq!(format!("{identity:?}"), "Identity(1 certificates, …)");
        let chain = Identity::read_chain(other.as_bytes()).unwrap();
        assert_eq!(Identity::read_key(chain, key.as_bytes()), Err(TlsError::KeyMismatch));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let (cert, key) = certified();
        let chain = || Identity::read_chain(cert.as_bytes()).unwrap();
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let cut = &cert[..cert.len() / 2];
        assert_eq!(Authorities::read(b""), Err(TlsError::NoCertificate));
        assert_eq!(Authorities::read(key.as_bytes()), Err(TlsError::NoCertificate));
        assert_eq!(Authorities::read(broken.as_bytes()), Err(TlsError::Certificate(1)));
        assert_eq!(Authorities::read(cut.as_bytes()), Err(TlsError::NotPem));
        assert_eq!(Identity::read_key(chain(), cert.as_bytes()), Err(TlsError::NoKey));
        assert_eq!(Identity::read_key(chain(), locked.as_bytes()), Err(TlsError::EncryptedKey));
        assert_eq!(Identity::read_key(chain(), b""), Err(TlsError::NoKey));
    }
}
