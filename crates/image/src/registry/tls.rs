//! TLS to one registry: whom we trust, and who we are. Made when the first request is, so that
//! nobody who does not speak to a registry reads certificates.

use std::path::Path;
use std::sync::Arc;

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use super::Error;
use super::endpoint::Endpoint;

/// The rules for a registry.
pub(super) fn config(endpoint: &Endpoint) -> Result<TlsConfig, Error> {
    let mut builder = TlsConfig::builder()
        .root_certs(roots(endpoint)?)
        .disable_verification(endpoint.insecure && endpoint.certificates.is_empty());
    if let Some((certificate, key)) = endpoint.client.first() {
        let chain = certificates(certificate)?;
        builder = builder.client_cert(Some(ClientCert::new_with_certs(&chain, private_key(key)?)));
    }
    Ok(builder.build())
}

/// The system's certificates and the registry's own; Mozilla's list on a machine that has none.
fn roots(endpoint: &Endpoint) -> Result<RootCerts, Error> {
    if endpoint.insecure && endpoint.certificates.is_empty() {
        return Ok(RootCerts::WebPki);
    }
    // A damaged file of the system's among good ones is no reason to trust nobody.
    let system = rustls_native_certs::load_native_certs().certs;
    let mut all: Vec<Certificate<'static>> = system
        .iter()
        .map(|certificate| Certificate::from_der(certificate.as_ref()).to_owned())
        .collect();
    for path in &endpoint.certificates {
        all.extend(certificates(path)?);
    }
    Ok(match all.is_empty() {
        true => RootCerts::WebPki,
        false => RootCerts::Specific(Arc::new(all)),
    })
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, Error> {
    let text = std::fs::read(path).map_err(Error::file("reading", path))?;
    let mut found = Vec::new();
    for item in parse_pem(&text) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(Error::settings(path, error)),
        }
    }
    match found.is_empty() {
        true => Err(Error::settings(path, "there is no certificate in it")),
        false => Ok(found),
    }
}

fn private_key(path: &Path) -> Result<PrivateKey<'static>, Error> {
    let text = std::fs::read(path).map_err(Error::file("reading", path))?;
    for item in parse_pem(&text) {
        if let Ok(PemItem::PrivateKey(key)) = item {
            return Ok(key);
        }
    }
    Err(Error::settings(path, "there is no private key in it"))
}
