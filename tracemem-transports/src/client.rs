//! The HTTPS client: one TLS stack, and nothing that the host did not ask for.
//!
//! TLS is rustls with ring, which is passed and not looked up, so that a host that has other providers cannot make us panic. No proxy is
//! taken from the environment, no redirect is followed, no body is decompressed and no cookie is kept. What may be called is left to
//! whoever calls.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};

/// A client could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// A certificate of the host's is none.
    #[error("a root certificate cannot be read")]
    Root(#[source] rustls::Error),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The client cannot be set up.
    #[error("the HTTPS client cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// A builder of clients that trust the roots of Mozilla's programme and these.
pub(crate) fn builder(
    extra_roots: &[CertificateDer<'_>],
) -> Result<reqwest::ClientBuilder, ClientError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for root in extra_roots {
        roots
            .add(root.clone().into_owned())
            .map_err(ClientError::Root)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ClientError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What reqwest takes for a configuration of TLS is checked at run time: this is where another version of rustls shows.
    #[test]
    fn the_client_takes_the_configuration_of_tls_that_it_is_given() -> Result<(), ClientError> {
        builder(&[])?.build().map_err(ClientError::Client)?;
        Ok(())
    }
}
