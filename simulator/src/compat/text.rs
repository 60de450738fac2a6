//! Small texts of HTTP: queries, percent signs, encodings of bytes, times.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::time::{SystemTime, UNIX_EPOCH};

pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|p| !p.is_empty());
        Query(
            pairs
                .map(|p| p.split_once('=').unwrap_or((p, "")))
                .map(|(k, v)| (percent_decoded(k), percent_decoded(&v.replace('+', "%20"))))
                .collect(),
        )
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == name).map(|(_, v)| &v[..])
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (&k[..], &v[..]))
    }
}

pub fn percent_decoded(text: &str) -> String {
    let b = text.as_bytes();
    let mut out = Vec::with_capacity(b.len());
    let mut i = 0;
    while i < b.len() {
        let hex = |n: usize| char::from(*b.get(n)?).to_digit(16);
        match (b[i], hex(i + 1), hex(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                i += 3;
            }
            (c, ..) => {
                out.push(c);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `raw`: each character is one byte. `base64`: white space and missing padding do not matter.
pub fn bytes_of(text: &str, encoding: &str) -> Result<Vec<u8>, String> {
    match encoding {
        "raw" => text
            .chars()
            .map(|c| u8::try_from(u32::from(c)).map_err(|_| format!("raw: {c:?} is not one byte")))
            .collect(),
        "base64" => {
            let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
            let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, config);
            let text: String = text.split_whitespace().collect();
            engine.decode(text).map_err(|e| format!("base64: {e}"))
        }
        other => Err(format!("encoding: {other:?} is neither base64 nor raw")),
    }
}

/// Now, as `2026-01-31T23:59:59.123Z`.
pub fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    rfc3339(since.as_secs(), since.subsec_millis())
}

fn rfc3339(seconds: u64, ms: u32) -> String {
    let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    let (mut day, mut year) = (seconds / 86_400, 1970);
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    let s = seconds % 86_400;
    let (month, day) = (month + 1, day + 1);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(rfc3339(0, 7), "1970-01-01T00:00:00.007Z");
        assert_eq!(rfc3339(951_782_399, 0), "2000-02-28T23:59:59.000Z");
        assert_eq!(rfc3339(951_782_400, 0), "2000-02-29T00:00:00.000Z");
        assert_eq!(rfc3339(1_767_225_599, 999), "2025-12-31T23:59:59.999Z");
    }

    #[test]
    fn raw_and_base64_are_bytes() {
        assert_eq!(bytes_of(">1\r\n\u{ff}", "raw").unwrap(), b">1\r\n\xff");
        assert!(bytes_of("\u{100}", "raw").is_err());
        assert_eq!(bytes_of("Kg\n==", "base64").unwrap(), b"*");
        assert_eq!(bytes_of("Kg", "base64").unwrap(), b"*");
        assert!(bytes_of("K!", "base64").is_err());
        assert!(bytes_of("", "hex").is_err());
    }

    #[test]
    fn queries_are_decoded() {
        let q = Query::parse("a=1%3A2&b&c=x+y&d=%zz");
        assert_eq!(
            (q.get("a"), q.get("b"), q.get("c"), q.get("d")),
            (Some("1:2"), Some(""), Some("x y"), Some("%zz"))
        );
    }
}
