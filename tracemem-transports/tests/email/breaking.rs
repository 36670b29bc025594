//! Relays that break what SMTP and TLS agree on.

use std::{io, sync::Arc, time::Duration};

use rcgen::{CertificateParams, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufStream},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use tracemem_sdk::integration::DeliveryErrorKind;
use tracemem_transports::email::{EmailSender, SmtpSecurity, SmtpSender};

use super::{
    Tested,
    post::{ALICE, asking, mailing, refused},
    relay::authority,
};

/// TLS for `localhost`, and who has signed its certificate.
fn tls() -> Tested<(TlsAcceptor, String)> {
    let (authority, key) = (authority()?, KeyPair::generate()?);
    let leaf = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    Ok((TlsAcceptor::from(Arc::new(config)), authority.pem()))
}

/// Says a line without end; how much of it was taken.
async fn talk(mut stream: impl AsyncWrite + Unpin) -> usize {
    let mut said = 0;
    while stream.write_all(&[b'x'; 65_536]).await.is_ok() && stream.flush().await.is_ok() {
        said += 65_536;
    }
    said
}

#[tokio::test]
async fn a_greeting_without_end_is_not_kept() -> Tested {
    for security in [
        SmtpSecurity::ImplicitTls,
        SmtpSecurity::StartTls,
        SmtpSecurity::NoneOnLoopback,
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (acceptor, authority) = tls()?;
        let talking = async move {
            let (stream, _) = listener.accept().await?;
            io::Result::Ok(match security {
                SmtpSecurity::ImplicitTls => talk(acceptor.accept(stream).await?).await,
                SmtpSecurity::StartTls | SmtpSecurity::NoneOnLoopback => talk(stream).await,
            })
        };
        let sender = SmtpSender::new("localhost", port, security)?;
        let sender = sender.trusting(authority.as_bytes())?;
        let (said, checked) = tokio::join!(talking, sender.check());
        assert!(checked.is_err());
        // What was taken beyond the limit stands in the buffers of the system.
        let said = said?;
        assert!(said < 32 * 1_024 * 1_024, "{security:?}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn where_tls_breaks_behind_the_content_the_mail_may_have_been_taken() -> Tested {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let (acceptor, authority) = tls()?;
    let serving = async move {
        let (stream, _) = listener.accept().await?;
        let mut stream = BufStream::new(acceptor.accept(stream).await?);
        stream.write_all(b"220 hello\r\n").await?;
        stream.flush().await?;
        let mut line = String::new();
        while stream.read_line(&mut line).await? > 0 && line != ".\r\n" {
            let answer: &[u8] = match line.get(..4) {
                Some("EHLO" | "MAIL" | "RCPT") => b"250 OK\r\n",
                Some("DATA") => b"354 go on\r\n",
                Some(_) | None => b"",
            };
            stream.write_all(answer).await?;
            stream.flush().await?;
            line.clear();
        }
        // What is no TLS at all, where the answer should be.
        stream.get_mut().get_mut().0.write_all(&[b'x'; 64]).await?;
        io::Result::Ok(stream)
    };
    let sender = SmtpSender::new("localhost", port, SmtpSecurity::ImplicitTls)?
        .trusting(authority.as_bytes())?
        .timeout(Duration::from_secs(4))?;
    let (mailing, asking) = (mailing(sender)?, asking(&[ALICE])?);
    let (served, error) = tokio::join!(serving, refused(&mailing, &asking));
    let error = error?;
    drop(served?);
    assert_eq!(error.kind(), DeliveryErrorKind::Ambiguous, "{error:?}");
    Ok(())
}
