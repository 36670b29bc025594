//! What comes in: who sent it is proved over the raw bytes, and only then is it read.
//!
//! What people may do with it is left to [`answering`](super::answering).

use bytes::Bytes;
use http::{Method, Response, request::Parts};
use tracemem_sdk::{decision::event::InboundRefusal, secrets::Secret, time::Timestamp};

use super::{
    payload::{BODY_LIMIT, Interaction, challenge},
    reply::{self, Refused},
    verify::{Signed, verify},
};
use crate::urlencoded::{says, says_form};

/// What came in.
pub(super) enum Received {
    /// Something that people did, proved and read.
    Interaction(Signed, Interaction),
    /// Nothing that anybody did: this is the answer.
    Answered(Response<Bytes>),
}

/// Proves that Slack sent a request at about `now`, and reads it.
pub(super) fn receive(
    secrets: [Option<&Secret>; 2],
    parts: &Parts,
    body: &[u8],
    now: Timestamp,
) -> Received {
    let read = || {
        if parts.method != Method::POST {
            return Err(Refused::Method);
        }
        if body.len() > BODY_LIMIT {
            return Err(Refused::TooLarge);
        }
        let form = says_form(&parts.headers);
        if !form && !says(&parts.headers, "application/json") {
            return Err(Refused::MediaType);
        }
        let signed =
            verify(secrets, &parts.headers, body, now).map_err(|_| Refused::Unauthorized)?;
        if !form {
            let challenge = challenge(body).map_err(|_| Refused::Malformed)?;
            return Ok(Received::Answered(reply::text(challenge)));
        }
        let interaction = Interaction::read(body).map_err(|_| Refused::Malformed)?;
        Ok(Received::Interaction(signed, interaction))
    };
    let refused = |refused: Refused| {
        let malformed = (refused == Refused::Malformed).then_some(InboundRefusal::Malformed);
        Received::Answered(noting(refused.reply(), malformed))
    };
    read().unwrap_or_else(refused)
}

/// The reply, and beside it for whoever sends it on what was refused although it was signed well.
pub(super) fn noting(
    mut reply: Response<Bytes>,
    refused: Option<InboundRefusal>,
) -> Response<Bytes> {
    if let Some(refused) = refused {
        reply.extensions_mut().insert(refused);
    }
    reply
}
