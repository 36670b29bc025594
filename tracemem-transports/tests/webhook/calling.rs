//! Calls against endpoints that rebind, redirect, stay silent, talk for ever, or are not there.

use std::{net::TcpListener, process::Command, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method};
use tracemem_transports::egress::{Egress, EgressError, EgressErrorKind, Judge, Reply};

use super::{
    Tested,
    receiver::{Receiver, respond},
    stage::{Names, local},
};

pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// Calls a URL that the judge allows.
pub(crate) async fn get(
    egress: &Egress,
    url: &str,
    limit: Duration,
) -> Tested<Result<Reply, EgressError>> {
    let target = egress.judge().target(url)?;
    Ok(egress
        .call(&target, Method::GET, HeaderMap::new(), Bytes::new(), limit)
        .await)
}

/// Threat 24: the name is public when it is judged, and private right after.
#[tokio::test]
async fn a_name_is_resolved_once_and_what_was_judged_is_what_is_called() -> Tested {
    let public = Receiver::answering(200)?;
    let port = public.address.port();
    // On the same port of another address of this machine, which is not opened: the private one.
    let private = TcpListener::bind(("127.0.0.2", port))?;
    private.set_nonblocking(true)?;
    let judge = Judge::new()
        .allow_http()
        .allow_port(port)
        .open("127.0.0.1/32".parse()?);
    let names = Names::answering(&[&["127.0.0.1"], &["127.0.0.2"]])?;
    let egress = Egress::new(judge).resolver(names.clone());
    let url = format!("http://hooks.example.com:{port}/");
    assert_eq!(get(&egress, &url, LIMIT).await??.status, 200);
    assert_eq!(names.asked(), 1);
    // The next call asks again, and is told the private address.
    let called = get(&egress, &url, LIMIT).await?;
    assert_eq!(
        called.map_err(|error| error.kind()).map(drop),
        Err(EgressErrorKind::Refused)
    );
    assert_eq!((names.asked(), public.accepted()), (2, 1));
    assert!(private.accept().is_err());
    Ok(())
}

#[tokio::test]
async fn the_name_stays_in_the_request_while_the_address_is_pinned() -> Tested {
    let receiver = Receiver::answering(200)?;
    let port = receiver.address.port();
    let names = Names::answering(&[&["127.0.0.1"]])?;
    let egress = Egress::new(local(&receiver)?).resolver(names);
    let url = format!("http://hooks.example.com.:{port}/path");
    get(&egress, &url, LIMIT).await??;
    let seen = receiver.seen();
    let request = seen.first().ok_or("nothing came")?;
    assert_eq!(request.header("host"), format!("hooks.example.com:{port}"));
    assert_eq!(request.path, "/path");
    assert_eq!(request.header("accept-encoding"), "");
    assert_eq!(request.header("cookie"), "");
    Ok(())
}

/// Threat 25.
#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() -> Tested {
    let metadata = Receiver::answering(200)?;
    for status in [301, 302, 303, 307, 308] {
        let to = metadata.url("/latest/meta-data/");
        let redirector =
            Receiver::scripted(move |_, out| respond(out, status, &[("location", &to)]))?;
        let judge = local(&redirector)?.allow_port(metadata.address.port());
        let egress = Egress::new(judge);
        let reply = get(&egress, &redirector.url("/"), LIMIT).await??;
        assert_eq!(reply.status, status);
    }
    assert_eq!(metadata.accepted(), 0);
    Ok(())
}

const PROXIED: &str = "TRACEMEM_TEST_PROXIED";

/// Threat 26: this binary runs the next test once more as a child process, with proxies in its environment.
#[test]
fn a_proxy_of_the_environment_is_not_used() -> Tested {
    let proxy = Receiver::answering(200)?;
    let url = proxy.url("");
    let mut child = Command::new(std::env::current_exe()?);
    child.args([
        "--exact",
        "calling::a_call_goes_to_its_target",
        "--nocapture",
    ]);
    child.env(PROXIED, "yes");
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        child.env(name, &url);
    }
    let output = child
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("called with a proxy in the environment"),
        "{said}"
    );
    assert_eq!(proxy.accepted(), 0);
    Ok(())
}

#[tokio::test]
async fn a_call_goes_to_its_target() -> Tested {
    let receiver = Receiver::answering(200)?;
    let names = Names::answering(&[&["127.0.0.1"]])?;
    let egress = Egress::new(local(&receiver)?).resolver(names);
    let url = format!("http://hooks.example.com:{}/", receiver.address.port());
    assert_eq!(get(&egress, &url, LIMIT).await??.status, 200);
    assert_eq!(receiver.accepted(), 1);
    if std::env::var(PROXIED).is_ok() {
        println!("called with a proxy in the environment");
    }
    Ok(())
}

#[tokio::test]
async fn a_proxy_of_the_hosts_is_used_and_literal_addresses_are_still_judged() -> Tested {
    let proxy = Receiver::answering(200)?;
    let names = Names::answering(&[&["127.0.0.1"]])?;
    let judge = Judge::new().allow_http();
    let egress = Egress::new(judge)
        .resolver(names.clone())
        .through(&proxy.url(""))?;
    assert_eq!(
        get(&egress, "http://hooks.example.com/x", LIMIT)
            .await??
            .status,
        200
    );
    let seen = proxy.seen();
    assert_eq!(
        seen.first().map(|seen| seen.path.as_str()),
        Some("http://hooks.example.com/x")
    );
    assert_eq!(names.asked(), 0);
    assert!(egress.judge().target("http://127.0.0.1/").is_err());
    let egress = egress.through("http://user:CANARY@proxy.example.com:3128")?;
    assert!(!format!("{egress:?}").contains("CANARY"));
    assert!(
        Egress::new(Judge::new())
            .through("socks5://a.example")
            .is_err()
    );
    Ok(())
}

/// Threat 27: what is not there, what does not answer, and what is something else look alike.
#[tokio::test]
async fn closed_silent_and_open_ports_look_alike() -> Tested {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.local_addr()?.port()
    };
    // It accepts and says nothing: what a firewall that drops looks like, once a connection is asked for TLS.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    // Services that are no HTTPS: one greets, one hangs up, one speaks HTTP.
    let greets = Receiver::scripted(|_, out| out.write_all(b"SSH-2.0-OpenSSH_9.2\r\n"))?;
    let http = Receiver::answering(200)?;
    let mut said = Vec::new();
    for port in [
        closed,
        silent.local_addr()?.port(),
        greets.address.port(),
        http.address.port(),
    ] {
        let judge = Judge::new().allow_port(port).open("127.0.0.0/8".parse()?);
        let url = format!("https://127.0.0.1:{port}/");
        let called = get(&Egress::new(judge), &url, Duration::from_secs(2)).await?;
        let error = called.err().ok_or("it answered")?;
        said.push(format!("{error} {error:?} {:?}", error.kind()));
    }
    // A name that is not there, and one that has no address.
    for names in [Names::answering(&[&[]])?, Names::answering(&[])?] {
        let egress = Egress::new(Judge::new()).resolver(names);
        let called = get(&egress, "https://hooks.example.com/", LIMIT).await?;
        let error = called.err().ok_or("it answered")?;
        said.push(format!("{error} {error:?} {:?}", error.kind()));
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    Ok(())
}
