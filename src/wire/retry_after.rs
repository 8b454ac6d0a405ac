//! `Retry-After`: seconds, or a date in one of three forms (RFC 9110 §10.2.3 and §5.6.7).

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// The longest wait that is believed.
const MOST: Duration = Duration::from_secs(3_600);

/// How long to wait, clamped to an hour. What is negative, past or no number counts as none; only the first field counts.
pub(crate) fn read(headers: &HeaderMap, wall: Duration) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are more seconds than an hour.
        let seconds = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(MOST));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let until = date.duration_since(UNIX_EPOCH).ok()?;
    until
        .checked_sub(wall)
        .filter(|wait| !wait.is_zero())
        .map(|wait| wait.min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t34_i38_every_form_is_read_and_clamped() {
        // Fri, 01 Jan 2027 00:00:00 GMT
        let wall = Duration::from_secs(1_798_761_600);
        let hour = Some(3_600);
        let rows: &[(&str, Option<u64>)] = &[
            ("0", Some(0)),
            ("1", Some(1)),
            ("60", Some(60)),
            (" 7 ", Some(7)),
            ("1000000000", hour),
            ("100000000000000000000", hour),
            ("-1", None),
            ("1.5", None),
            ("+5", None),
            ("", None),
            ("soon", None),
            ("Fri, 01 Jan 2027 00:02:00 GMT", Some(120)),
            ("Friday, 01-Jan-27 00:02:00 GMT", Some(120)),
            ("Fri Jan  1 00:02:00 2027", Some(120)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", hour),
            ("Thu, 01 Jan 1970 00:00:00 GMT", None),
            ("Fri, 01 Jan 2027 00:00:00 GMT", None),
            ("Fri, 32 Jan 2027 00:00:00 GMT", None),
        ];
        for (text, seconds) in rows {
            let mut headers = HeaderMap::new();
            headers.append(RETRY_AFTER, text.parse().unwrap());
            headers.append(RETRY_AFTER, "9".parse().unwrap());
            assert_eq!(
                read(&headers, wall),
                seconds.map(Duration::from_secs),
                "{text}"
            );
        }
        assert_eq!(read(&HeaderMap::new(), wall), None);
    }
}
