//! The HTTPS client: one TLS stack, and nothing that the host did not ask for.
//!
//! No proxy is taken from the environment, no redirect is followed, no body is decompressed and no cookie is kept. What may be called is left to
//! whoever calls.

use rustls::pki_types::CertificateDer;

use crate::tls;

/// A client could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// TLS cannot be set up: a certificate of the host's is none, say.
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
    let tls = tls::trusting(extra_roots).map_err(ClientError::Tls)?;
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
