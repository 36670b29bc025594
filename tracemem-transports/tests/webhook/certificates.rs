//! TLS: names and roots.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tracemem_transports::egress::{Egress, EgressErrorKind, Judge};

use super::{
    Tested,
    calling::{LIMIT, get},
    receiver::{Receiver, respond},
    stage::Names,
};

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: Vec<u8>,
}

fn authority() -> Tested<Authority> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let der = params.self_signed(&key)?.der().to_vec();
    Ok(Authority {
        issuer: Issuer::new(params, key),
        der,
    })
}

fn serving(authority: &Authority, name: &str) -> Tested<Arc<ServerConfig>> {
    let key = KeyPair::generate()?;
    let params = CertificateParams::new([name.to_owned()])?;
    let certificate = params.signed_by(&key, &authority.issuer)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok(Arc::new(config))
}

#[tokio::test]
async fn a_certificate_must_be_of_that_name_and_of_a_trusted_root() -> Tested {
    let authority = authority()?;
    for (name, trusted, expected) in [
        ("hooks.example.com", &authority.der[..], Ok(200)),
        (
            "other.example.com",
            &authority.der,
            Err(EgressErrorKind::Unreachable),
        ),
        ("hooks.example.com", &[], Err(EgressErrorKind::Unreachable)),
    ] {
        let config = serving(&authority, name)?;
        let receiver = Receiver::with("127.0.0.1", Some(config), |_, out| respond(out, 200, &[]))?;
        let port = receiver.address.port();
        let judge = Judge::new().allow_port(port).open("127.0.0.0/8".parse()?);
        let mut egress = Egress::new(judge).resolver(Names::answering(&[&["127.0.0.1"]])?);
        if !trusted.is_empty() {
            egress = egress.trust(trusted)?;
        }
        let called = get(
            &egress,
            &format!("https://hooks.example.com:{port}/"),
            LIMIT,
        )
        .await?;
        let status = called
            .map(|reply| reply.status.as_u16())
            .map_err(|error| error.kind());
        assert_eq!(status, expected, "{name}");
    }
    assert!(Egress::new(Judge::new()).trust(b"CANARY").is_err());
    Ok(())
}
