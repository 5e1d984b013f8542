//! The certificate: one that the administrator put into the data folder, or a self-signed one made at the first start.
//!
//! `tls/certificate.pem` and `tls/key.pem`, both mode 0600. A self-signed one names this machine and loopback, so that
//! a browser that was told once to trust it complains about nothing else.

use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Years for which a self-signed certificate is good: nobody renews what nobody signed.
const YEARS: i32 = 10;
/// Where Linux tells this machine's name.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// Why https cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{0}: {1}")]
    File(PathBuf, #[source] std::io::Error),
    #[error("{0} does not hold {1} in PEM: {2}")]
    Pem(PathBuf, &'static str, rustls::pki_types::pem::Error),
    #[error("a certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error("the certificate and key in {0} cannot be used: {1}")]
    Refused(PathBuf, rustls::Error),
}

/// What a listener needs to speak https, from the files in `folder`; they are made if neither is there.
pub fn server_config(folder: &Path) -> Result<ServerConfig, TlsError> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    if !certificate.exists() && !key.exists() {
        make(folder)?;
    }
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| TlsError::Pem(certificate.clone(), "certificates", error))?;
    let private = PrivateKeyDer::from_pem_file(&key).map_err(|error| TlsError::Pem(key, "a private key", error))?;
    let refused = |error| TlsError::Refused(folder.to_owned(), error);
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(refused)
}

/// Makes a self-signed certificate. It and its key come into `folder` together or, if power fails, not at all.
fn make(folder: &Path) -> Result<(), TlsError> {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    let host = fs::read_to_string(HOST_NAME).unwrap_or_default().trim().to_owned();
    if !host.is_empty()
        && let Ok(name) = host.as_str().try_into()
    {
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    for loopback in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
        params.subject_alt_names.push(SanType::IpAddress(loopback));
    }
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Nosia on {host}"));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let today = time::OffsetDateTime::from_unix_timestamp(crate::clock::now_ms() / 1000)
        .expect("the clock is within the years that a date can have");
    params.not_before = today - time::Duration::DAY;
    params.not_after = today + time::Duration::DAY * 365 * YEARS;
    let pair = KeyPair::generate()?;
    let made = params.self_signed(&pair)?;
    let incoming = folder.with_extension("incoming");
    let failed = |error| TlsError::File(folder.to_owned(), error);
    if incoming.exists() {
        fs::remove_dir_all(&incoming).map_err(failed)?;
    }
    fs::create_dir_all(&incoming).map_err(failed)?;
    write_private(&incoming.join("key.pem"), &pair.serialize_pem())?;
    write_private(&incoming.join("certificate.pem"), &made.pem())?;
    fs::rename(&incoming, folder).map_err(failed)
}

/// Writes a file that only its owner may read, durably.
fn write_private(path: &Path, text: &str) -> Result<(), TlsError> {
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| TlsError::File(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{TlsError, server_config};

    #[test]
    fn a_certificate_is_made_once_and_kept_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // What a start that was cut off has left is in nobody's way.
        let left = folder.path().with_extension("incoming");
        std::fs::create_dir(&left).and_then(|()| std::fs::write(left.join("key.pem"), "half a ke")).expect("written");
        server_config(folder.path()).expect("it is made");
        assert!(!left.exists());
        let first = std::fs::read(folder.path().join("certificate.pem")).expect("it is there");
        server_config(folder.path()).expect("it is read");
        assert_eq!(first, std::fs::read(folder.path().join("certificate.pem")).expect("it is there"));
        for name in ["certificate.pem", "key.pem"] {
            let mode = std::fs::metadata(folder.path().join(name)).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("certificate.pem"), "no certificate").expect("it is written");
        std::fs::write(folder.path().join("key.pem"), "no key").expect("it is written");
        let error = server_config(folder.path()).expect_err("neither can be used");
        assert!(matches!(error, TlsError::Refused(..) | TlsError::Pem(..)), "{error}");
        assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
    }
}
