//! Whom to trust: the system's certificate store, or the Mozilla roots built in where the system has none.

use reqwest::Certificate;

/// The trust roots. The system's store wins, because an organisation adds its own authority there.
pub(super) fn certificates() -> Vec<Certificate> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "a part of the system's certificate store could not be read");
    }
    let system: Vec<Certificate> =
        found.certs.iter().filter_map(|certificate| Certificate::from_der(certificate).ok()).collect();
    if !system.is_empty() {
        return system;
    }
    tracing::debug!("the system has no certificate store; the built-in roots are used");
    webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .filter_map(|certificate| Certificate::from_der(certificate).ok())
        .collect()
}
