//! What may be called, by the table in `tests/vectors/ssrf.json`, and that nothing else is.

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Deserialize;
use tracemem_transports::egress::{Egress, EgressErrorKind, Judge};

use super::{
    Tested,
    receiver::Receiver,
    stage::{Names, local},
};

#[derive(Deserialize)]
struct Vectors {
    ranges: Vec<Range>,
    forbidden: Vec<IpAddr>,
    allowed: Vec<IpAddr>,
    urls: Urls,
}

#[derive(Deserialize)]
struct Range {
    range: String,
    first: IpAddr,
    last: IpAddr,
    before: Option<Neighbour>,
    after: Option<Neighbour>,
}

#[derive(Deserialize)]
struct Neighbour {
    address: IpAddr,
    forbidden: bool,
}

#[derive(Deserialize)]
struct Urls {
    forbidden_hosts: Vec<Case>,
    malformed: Vec<Case>,
    allowed: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    url: String,
    what: String,
}

fn vectors() -> Tested<Vectors> {
    let text = include_str!("../../../tests/vectors/ssrf.json");
    Ok(serde_json::from_str(text)?)
}

/// Threat 23.
#[test]
fn each_forbidden_range_is_forbidden_from_its_first_to_its_last_address() -> Tested {
    let judge = Judge::new();
    let vectors = vectors()?;
    assert_eq!(vectors.ranges.len(), 26);
    for range in vectors.ranges {
        for address in [range.first, range.last] {
            assert!(
                judge.address(address).is_err(),
                "{}: {address}",
                range.range
            );
        }
        for beside in [range.before, range.after].into_iter().flatten() {
            let forbidden = judge.address(beside.address).is_err();
            assert_eq!(forbidden, beside.forbidden, "beside {}", range.range);
        }
    }
    for address in vectors.forbidden {
        assert!(judge.address(address).is_err(), "{address}");
    }
    for address in vectors.allowed {
        assert!(judge.address(address).is_ok(), "{address}");
    }
    Ok(())
}

/// Threat 23.
#[test]
fn a_url_is_judged_whatever_it_is_spelt_like() -> Tested {
    let judge = Judge::new();
    let urls = vectors()?.urls;
    for Case { url, what } in urls.forbidden_hosts.iter().chain(&urls.malformed) {
        assert!(judge.target(url).is_err(), "{url}: {what}");
    }
    for Case { url, what } in urls.allowed {
        let judged = judge.target(&url).map(drop);
        assert_eq!(judged, Ok(()), "{url}: {what}");
    }
    assert!(
        judge
            .target(&format!("https://a.example/{}", "x".repeat(2_048)))
            .is_err()
    );
    Ok(())
}

/// Threat 27.
#[test]
fn a_forbidden_host_is_refused_in_the_same_words_whichever_it_is() -> Tested {
    let judge = Judge::new();
    let mut rules: Vec<_> = vectors()?
        .urls
        .forbidden_hosts
        .iter()
        .filter_map(|case| judge.target(&case.url).err())
        .collect();
    assert!(rules.len() > 40);
    rules.dedup();
    assert_eq!(rules.len(), 1, "{rules:?}");
    Ok(())
}

#[test]
fn a_range_can_be_opened_and_the_metadata_address_needs_a_second_word() -> Tested {
    let metadata: [IpAddr; 3] = [
        "169.254.169.254".parse()?,
        "fd00:ec2::254".parse()?,
        "::ffff:169.254.169.254".parse()?,
    ];
    let judge = Judge::new()
        .open("0.0.0.0/0".parse()?)
        .open("::/0".parse()?);
    for address in ["10.0.0.1", "127.0.0.1", "::1", "64:ff9b::10.0.0.1"] {
        assert!(judge.address(address.parse()?).is_ok(), "{address}");
    }
    for address in metadata {
        assert!(judge.address(address).is_err(), "{address}");
    }
    // The second word alone opens nothing.
    let closed = Judge::new().open_metadata();
    let judge = judge.open_metadata();
    for address in metadata {
        assert!(judge.address(address).is_ok(), "{address}");
        assert!(closed.address(address).is_err(), "{address}");
    }
    Ok(())
}

/// Threat 23, on sockets: whatever a name is or hides behind, nobody connects.
#[tokio::test]
async fn nothing_that_leads_to_this_machine_is_connected_to() -> Tested {
    let receiver = Receiver::answering(200)?;
    let port = receiver.address.port();
    let judge = Judge::new().allow_http().allow_port(port);
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "017700000001",
        "①②⑦.0.0.1",
        "[::ffff:127.0.0.1]",
        "127.0.0.1.",
        "localhost",
        "localhost.",
        "a.localhost",
        "0.0.0.0",
        "0",
    ] {
        assert!(
            judge.target(&format!("http://{host}:{port}/")).is_err(),
            "{host}"
        );
    }
    // A name that anybody may register leads here, also beside an address that may be called.
    let target = judge.target(&format!("http://hooks.example.com:{port}/"))?;
    for addresses in [
        &["127.0.0.1"][..],
        &["8.8.8.8", "127.0.0.1"],
        &["127.0.0.1", "8.8.8.8"],
        &["::ffff:127.0.0.1"],
        &["64:ff9b::7f00:1"],
        &["169.254.169.254"],
    ] {
        let egress = Egress::new(judge.clone()).resolver(Names::answering(&[addresses])?);
        let called = egress
            .call(
                &target,
                Method::POST,
                HeaderMap::new(),
                Bytes::new(),
                Duration::from_secs(5),
            )
            .await;
        let kind = called.map_err(|error| error.kind()).map(drop);
        assert_eq!(kind, Err(EgressErrorKind::Refused), "{addresses:?}");
        let vetted = egress.vet(&target, Duration::from_secs(5)).await;
        assert!(vetted.is_err(), "{addresses:?}");
    }
    assert_eq!(receiver.accepted(), 0);
    Ok(())
}

/// A target that another judge allowed is judged again by the one who calls.
#[tokio::test]
async fn an_address_is_judged_by_whoever_calls_it() -> Tested {
    let receiver = Receiver::answering(200)?;
    let target = local(&receiver)?.target(&receiver.url("/"))?;
    let called = Egress::new(Judge::new())
        .call(
            &target,
            Method::GET,
            HeaderMap::new(),
            Bytes::new(),
            Duration::from_secs(5),
        )
        .await;
    assert_eq!(
        called.map_err(|error| error.kind()).map(drop),
        Err(EgressErrorKind::Refused)
    );
    assert_eq!(receiver.accepted(), 0);
    Ok(())
}

#[test]
fn neither_a_target_nor_a_refusal_prints_the_path() -> Tested {
    let judge = Judge::new();
    let target = judge.target("https://hooks.example.com/CANARY?t=CANARY")?;
    let refused = judge.target("https://10.0.0.1/CANARY").map(drop);
    let printed = format!("{target:?} {refused:?} {}", target.origin());
    assert!(!printed.contains("CANARY"), "{printed}");
    Ok(())
}
