//! Links that are not ours, or not any more.

use http::StatusCode;
use tracemem_sdk::{approval::ApprovalMessage, decision::DecisionRequest, time::Timestamp};
use tracemem_transports::link::{BaseUrl, InvalidLinkKey, LinkKeys, LinkRefused, Links, MintError};

use super::{
    Tested,
    stage::{ALICE, BASE, BOB, Reply, SECRET, START, Stage, other_integration, person},
};

/// Made by another implementation (Python's `hmac` and `hashlib`) with the secret 00, 01, … 1f.
const FROZEN: &str = "v1.k1.eyJ0IjoiYWNtZSIsImkiOiJsaW5rcyIsImEiOiJhcHByXzAxOThmMDAwMDAwMDcwMDA4MDAwMDAwMDAwMDAwMDAxIiwiZCI6ImRsdl8wMTk4ZjAwMDAwMDA3MDAwODAwMDAwMDAwMDAwMDAwMiIsInUiOiJhbGljZUBleGFtcGxlLmNvbSIsInAiOiJhbnN3ZXIiLCJpYXQiOjE3OTUwMDAwMDAwMDAwMDAsImV4cCI6MTc5NTAwMDYwMDAwMDAwMCwibiI6IkFBQUFBQUFBQUFBQUFBQUFBQUFBQUEifQ.1dpdzv5LjdY053mozKJp5wXx-NtNSXAgTnbimYA7vKo";
/// The same with the purpose `view`, and with one claim more, both well signed.
const OTHER_PURPOSE: &str = "v1.k1.eyJ0IjoiYWNtZSIsImkiOiJsaW5rcyIsImEiOiJhcHByXzAxOThmMDAwMDAwMDcwMDA4MDAwMDAwMDAwMDAwMDAxIiwiZCI6ImRsdl8wMTk4ZjAwMDAwMDA3MDAwODAwMDAwMDAwMDAwMDAwMiIsInUiOiJhbGljZUBleGFtcGxlLmNvbSIsInAiOiJ2aWV3IiwiaWF0IjoxNzk1MDAwMDAwMDAwMDAwLCJleHAiOjE3OTUwMDA2MDAwMDAwMDAsIm4iOiJBQUFBQUFBQUFBQUFBQUFBQUFBQUFBIn0.UlD12AiMiCxUx5Zk0Ffz3eYGV7MWVFw27jjLbp45aNI";
const ANOTHER_CLAIM: &str = "v1.k1.eyJ0IjoiYWNtZSIsImkiOiJsaW5rcyIsImEiOiJhcHByXzAxOThmMDAwMDAwMDcwMDA4MDAwMDAwMDAwMDAwMDAxIiwiZCI6ImRsdl8wMTk4ZjAwMDAwMDA3MDAwODAwMDAwMDAwMDAwMDAwMiIsInUiOiJhbGljZUBleGFtcGxlLmNvbSIsInAiOiJhbnN3ZXIiLCJpYXQiOjE3OTUwMDAwMDAwMDAwMDAsImV4cCI6MTc5NTAwMDYwMDAwMDAwMCwieCI6MSwibiI6IkFBQUFBQUFBQUFBQUFBQUFBQUFBQUEifQ.bIU7cJ4Q2yWyAyur_EmNO0wuBLXlwrV_p8RPgqyjvH8";

fn links(keys: LinkKeys) -> Tested<Links> {
    Ok(Links::new("links".parse()?, BaseUrl::parse(BASE)?, keys))
}

fn minted(links: &Links, message: &ApprovalMessage, approver: &str) -> Tested<String> {
    let link = links.mint(message, person(approver)?)?;
    let (_, token) = link.url.expose().split_once("?t=").ok_or("no token")?;
    Ok(token.to_owned())
}

/// It opens nothing and decides nothing, and nobody can tell why.
async fn assert_refused(stage: &Stage, token: &str, unknown: &Reply) -> Tested {
    let page = stage.get(token).await?;
    assert_eq!(&page, unknown, "{token}");
    let form = format!("t={token}&decision=approve&guard=0000");
    let page = stage.post(form).await?;
    assert_eq!((page.status, &page.body), (unknown.status, &unknown.body));
    Ok(())
}

async fn unknown(stage: &Stage) -> Tested<Reply> {
    let page = stage.get("nothing").await?;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    Ok(page)
}

#[test]
fn the_format_of_a_token_stays_what_it_is() -> Tested {
    let secret: Vec<u8> = (0..32).collect();
    let links = links(LinkKeys::new("k1", &secret)?)?;
    let link = links.verify(FROZEN, Timestamp::from_micros(START))?;
    assert_eq!(link.tenant.as_str(), "acme");
    assert_eq!(link.integration.as_str(), "links");
    assert_eq!(
        link.approval.as_str(),
        "appr_0198f000000070008000000000000001"
    );
    assert_eq!(
        link.delivery.as_str(),
        "dlv_0198f000000070008000000000000002"
    );
    assert_eq!(link.approver.as_str(), ALICE);
    assert_eq!(link.expires_at.as_micros(), START + 600_000_000);
    let at_the_end = links.verify(FROZEN, link.expires_at);
    assert_eq!(at_the_end, Err(LinkRefused::Expired(Box::new(link))));
    for token in [OTHER_PURPOSE, ANOTHER_CLAIM] {
        let refused = links.verify(token, Timestamp::from_micros(START));
        assert_eq!(refused, Err(LinkRefused::Invalid), "{token}");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_is_short_and_needs_no_escaping_and_no_two_are_the_same() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let token = asked.token(ALICE)?;
    assert!(token.len() < 600);
    assert!(
        token
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    );
    assert_ne!(minted(&stage.links, &asked.message, ALICE)?, token);
    Ok(())
}

#[tokio::test]
async fn a_token_that_would_be_too_long_is_not_minted() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let mut message = asked.message.clone();
    message.tenant = "t".repeat(95).parse()?;
    // 95 of the tenant, 5 of the integration, 100 of the approver.
    assert!(
        stage
            .links
            .mint(&message, person(&"u".repeat(100))?)
            .is_ok()
    );
    let refused = stage.links.mint(&message, person(&"ü".repeat(100))?);
    assert!(matches!(refused, Err(MintError::TooLong)));
    Ok(())
}

#[tokio::test]
async fn a_token_with_any_character_changed_opens_nothing() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let unknown = unknown(&stage).await?;
    let token = asked.token(ALICE)?;
    for at in 0..token.len() {
        let flip = |(place, byte): (usize, u8)| {
            let other = if byte == b'A' { b'B' } else { b'A' };
            char::from(if place == at { other } else { byte })
        };
        let forged: String = token.bytes().enumerate().map(flip).collect();
        assert_refused(&stage, &forged, &unknown).await?;
        // The lowest bit too, which in the last character of a part may be one that carries nothing.
        let nudge =
            |(place, byte): (usize, u8)| char::from(if place == at { byte ^ 1 } else { byte });
        let nudged: String = token.bytes().enumerate().map(nudge).collect();
        assert_eq!(
            stage.links.verify(&nudged, Timestamp::from_micros(START)),
            Err(LinkRefused::Invalid),
            "{at}"
        );
    }
    assert_eq!(stage.get(&token).await?.status, StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn a_token_cut_off_anywhere_or_added_to_opens_nothing() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let unknown = unknown(&stage).await?;
    let token = asked.token(ALICE)?;
    for length in 0..token.len() {
        let cut = token.get(..length).ok_or("no such part")?;
        assert_refused(&stage, cut, &unknown).await?;
        let tail = token.get(length + 1..).ok_or("no such part")?;
        assert_refused(&stage, tail, &unknown).await?;
    }
    for more in ["A", ".", ".v1", "=", "==", "%20", "%0A", "%00"] {
        assert_refused(&stage, &format!("{token}{more}"), &unknown).await?;
        assert_refused(&stage, &format!("{more}{token}"), &unknown).await?;
    }
    assert_refused(&stage, &"A".repeat(10_000), &unknown).await
}

/// Threat 14: claims of one link do not work with the proof of another, and nobody answers with somebody else's link.
#[tokio::test]
async fn a_token_of_another_secret_tenant_approval_approver_or_integration_opens_nothing() -> Tested
{
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let second = DecisionRequest::new(
        "job-2".parse()?,
        &"discount.apply".parse()?,
        Default::default(),
    );
    let second = stage.ask_for(&second).await?;
    let unknown = unknown(&stage).await?;
    let token = asked.token(ALICE)?;
    let mut foreign = asked.message.clone();
    foreign.tenant = "umbrella".parse()?;
    let foreign_keys = links(LinkKeys::new(
        "k1",
        b"another secret of 32 bytes or so, ok",
    )?)?;
    let foreign_kid = links(LinkKeys::new("k2", SECRET)?)?;
    let other = other_integration(&stage.links)?;
    let well_signed_elsewhere = [
        minted(&foreign_keys, &asked.message, ALICE)?,
        minted(&foreign_kid, &asked.message, ALICE)?,
        minted(&stage.links, &foreign, ALICE)?,
        minted(&other, &asked.message, ALICE)?,
    ];
    for forged in &well_signed_elsewhere {
        assert_refused(&stage, forged, &unknown).await?;
    }
    let mut sources = vec![second.token(ALICE)?, asked.token(BOB)?];
    sources.extend(well_signed_elsewhere);
    let part = |token: &str, n: usize| token.split('.').nth(n).map(str::to_owned).ok_or("no part");
    for source in sources {
        for spliced in [
            ["v1", "k1", &part(&token, 2)?, &part(&source, 3)?].join("."),
            ["v1", "k1", &part(&source, 2)?, &part(&token, 3)?].join("."),
        ] {
            assert_refused(&stage, &spliced, &unknown).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_replaced_secret_works_until_it_is_left_out() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let (token, now) = (asked.token(ALICE)?, Timestamp::from_micros(START));
    let new = b"the secret that comes after the first one";
    let rotating = links(LinkKeys::new("k2", new)?.with_previous("k1", SECRET)?)?;
    assert!(rotating.verify(&token, now).is_ok());
    let token_of_new = minted(&rotating, &asked.message, ALICE)?;
    assert!(token_of_new.starts_with("v1.k2."));
    assert!(rotating.verify(&token_of_new, now).is_ok());
    let rotated = links(LinkKeys::new("k2", new)?)?;
    assert_eq!(rotated.verify(&token, now), Err(LinkRefused::Invalid));
    // A secret is known by its id only: under another id it proves nothing.
    let renamed = links(LinkKeys::new("k3", SECRET)?)?;
    assert_eq!(renamed.verify(&token, now), Err(LinkRefused::Invalid));
    Ok(())
}

#[test]
fn a_secret_that_could_be_guessed_and_an_id_that_could_be_confused_are_refused() -> Tested {
    for secret in [&[][..], &[7; 31], &[0; 32], &[0; 64], b"short"] {
        assert_eq!(
            LinkKeys::new("k1", secret).err(),
            Some(InvalidLinkKey::Secret)
        );
        let keys = LinkKeys::new("k1", SECRET)?.with_previous("k0", secret);
        assert_eq!(keys.err(), Some(InvalidLinkKey::Secret));
    }
    for id in ["", "a.b", "k 1", "ü", "k{", "k\n", &"k".repeat(17)] {
        assert_eq!(
            LinkKeys::new(id, SECRET).err(),
            Some(InvalidLinkKey::Id),
            "{id}"
        );
    }
    let twice = LinkKeys::new("k1", SECRET)?.with_previous("k1", SECRET);
    assert_eq!(twice.err(), Some(InvalidLinkKey::SameId));
    Ok(())
}

#[test]
fn a_base_url_that_could_lead_elsewhere_is_refused_and_not_repeated() {
    for good in [
        "https://a.example",
        "https://a.example/",
        "https://a.example:8443/x/y_z~1.2/",
        "http://127.0.0.1:8080",
        "http://[::1]:8080/",
        "http://localhost:3000/tm",
    ] {
        assert!(BaseUrl::parse(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "a.example",
        "//a.example",
        "http://a.example",
        "http://localhost.a.example",
        "http://127.0.0.1.a.example",
        "ftp://a.example",
        "javascript:alert(1)",
        "https://",
        "https://canary:canary@a.example",
        "https://canary@a.example",
        "https://@a.example",
        "https://a.example/?x",
        "https://a.example/?",
        "https://a.example/#x",
        "https://a.example/#",
        "https://a.example//",
        "https://a.example//x",
        "https://a.example/%2e%2e/x",
        "https://a.example/x/../y",
        "https://a.example/{x}",
        "https://a.example/:x",
        "https://a.example/*x",
        "https://a.example/<x>",
        "https://a.example\\x",
        " https://a.example",
        "https://a.exam\nple",
        "file:///etc/passwd",
    ] {
        let refused = BaseUrl::parse(bad);
        assert!(refused.is_err(), "{bad}");
        let said = refused.err().map(|error| format!("{error} {error:?}"));
        assert!(said.is_some_and(|said| !said.contains("canary")));
    }
    assert!(BaseUrl::parse(&format!("https://a.example/{}", "x".repeat(200))).is_err());
    assert!(BaseUrl::parse_insecure("http://a.example").is_ok());
    assert!(BaseUrl::parse_insecure("ftp://a.example").is_err());
}
