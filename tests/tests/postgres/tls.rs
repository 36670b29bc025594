//! TLS to the server: what the URL asks for is what happens.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tracemem_sdk::store::Store;
use tracemem_store::{PostgresStore, postgres::PostgresOptions};
use tracemem_tests::cluster::Cluster;

use crate::{
    material::{Failure, Tested, step, version, write},
    outside::column,
};

/// A server that takes connections over TLS only, under a certificate for `localhost` of an authority of its own.
struct Secured {
    cluster: Cluster,
    folder: TempDir,
}

impl Secured {
    fn start() -> Result<Self, Failure> {
        let authority = authority()?;
        let key = KeyPair::generate()?;
        let server = CertificateParams::new(vec!["localhost".to_owned()])?;
        let server = server.signed_by(&key, &authority)?;
        let mut cluster = Cluster::start(&[])?;
        cluster.reconfigure(
            &[
                ("tls.crt", &server.pem()),
                ("tls.key", &key.serialize_pem()),
                (
                    "pg_hba.conf",
                    "hostssl all all 127.0.0.1/32 trust\nhostssl all all ::1/128 trust\n",
                ),
            ],
            &["ssl=on", "ssl_cert_file=tls.crt", "ssl_key_file=tls.key"],
        )?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("ours.pem"), authority.pem())?;
        std::fs::write(folder.path().join("another.pem"), self::authority()?.pem())?;
        Ok(Self { cluster, folder })
    }

    fn url(&self, host: &str, mode: &str, authority: &str) -> Result<String, Failure> {
        let root = self.folder.path().join(authority);
        let root = root.to_str().ok_or("the path is no text")?;
        let url = self.cluster.url().replace("127.0.0.1", host);
        Ok(format!("{url}?sslmode={mode}&sslrootcert={root}"))
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, Failure> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_verified_as_the_url_asks() -> Tested {
    let secured = Secured::start()?;
    for (host, mode) in [
        ("localhost", "verify-full"),
        ("localhost", "verify-ca"),
        ("127.0.0.1", "verify-ca"),
        ("127.0.0.1", "require"),
    ] {
        let url = secured.url(host, mode, "ours.pem")?;
        let store = PostgresStore::connect(&url).await?;
        store.health().await?;
        store.close().await?;
    }
    let store =
        PostgresStore::connect(&secured.url("localhost", "verify-full", "ours.pem")?).await?;
    write(&store, step(0, 0, 1)?).await?;
    assert_eq!(version(&store, 0).await?, 1);
    let operator =
        sea_orm::Database::connect(secured.url("127.0.0.1", "require", "ours.pem")?).await?;
    let plain = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE NOT ssl AND client_addr IS NOT NULL";
    assert_eq!(column::<i64>(&operator, plain).await?, [0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_who_it_should_be_is_refused() -> Tested {
    let secured = Secured::start()?;
    for (host, mode, authority) in [
        ("localhost", "verify-full", "another.pem"),
        ("localhost", "verify-ca", "another.pem"),
        // The certificate does not name this address.
        ("127.0.0.1", "verify-full", "ours.pem"),
        ("127.0.0.1", "disable", "ours.pem"),
    ] {
        let options = PostgresOptions::new().acquire_timeout(std::time::Duration::from_secs(2));
        let url = secured.url(host, mode, authority)?;
        assert!(
            options.connect(&url).await.is_err(),
            "{host} {mode} {authority}"
        );
    }
    Ok(())
}
