//! Forms as browsers and Slack send them, `application/x-www-form-urlencoded`, read strictly.
//!
//! Unlike `url::form_urlencoded`, which mends what it reads, this refuses what is not strictly encoded: what people write stands in the
//! evidence for ever, and must be what was sent. What the fields mean is left to the caller.

use http::{HeaderMap, header};

/// A text is not strictly encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotEncoded;

/// Whether the headers say that the body is a form in UTF-8.
pub(crate) fn says_form(headers: &HeaderMap) -> bool {
    says(headers, "application/x-www-form-urlencoded")
}

/// Whether the headers say once that the body has this media type, in UTF-8.
pub(crate) fn says(headers: &HeaderMap, wanted: &str) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).into_iter();
    let (Some(declared), None) = (types.next(), types.next()) else {
        return false;
    };
    let Ok(declared) = declared.to_str() else {
        return false;
    };
    let mut parts = declared.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    media.eq_ignore_ascii_case(wanted)
        && parts.all(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8"))
}

/// Name and value of each field, in their order.
pub(crate) fn pairs(encoded: &[u8]) -> Result<Vec<(String, String)>, NotEncoded> {
    let fields = encoded.split(|byte| *byte == b'&');
    let pair = |field: &[u8]| {
        let mut halves = field.splitn(2, |byte| *byte == b'=');
        let name = decoded(halves.next().unwrap_or_default())?;
        let value = decoded(halves.next().unwrap_or_default())?;
        Ok((name, value))
    };
    fields.filter(|field| !field.is_empty()).map(pair).collect()
}

fn decoded(encoded: &[u8]) -> Result<String, NotEncoded> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next())? << 4 | hex(rest.next())?,
            other => *other,
        });
    }
    String::from_utf8(bytes).map_err(|_| NotEncoded)
}

fn hex(digit: Option<&u8>) -> Result<u8, NotEncoded> {
    let value = digit.and_then(|digit| char::from(*digit).to_digit(16));
    value
        .and_then(|value| u8::try_from(value).ok())
        .ok_or(NotEncoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_form_in_utf8_is_taken() -> Result<(), http::header::InvalidHeaderValue> {
        let says = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, text.parse()?);
            Ok::<_, http::header::InvalidHeaderValue>(says_form(&headers))
        };
        assert!(says("application/x-www-form-urlencoded")?);
        assert!(says("Application/X-WWW-Form-Urlencoded; charset=UTF-8")?);
        assert!(!says("application/x-www-form-urlencoded; charset=utf-16")?);
        assert!(!says("multipart/form-data; boundary=x")?);
        assert!(!says("text/plain")?);
        assert!(!says_form(&HeaderMap::new()));
        Ok(())
    }
}
