//! Times as sites write them, as RFC 3339. Pure.

use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

/// Unix seconds; `None`: out of range.
pub(crate) fn of_unix(seconds: i64) -> Option<String> {
    write(OffsetDateTime::from_unix_timestamp(seconds).ok()?)
}

/// RFC 3339 in any offset and precision, RFC 2822, or X's `Wed Oct 10 20:19:24 +0000 2018`.
pub(crate) fn of_text(text: &str) -> Option<String> {
    let of_x = format_description!(
        "[weekday repr:short] [month repr:short] [day] [hour]:[minute]:[second] [offset_hour sign:mandatory][offset_minute] [year]"
    );
    let read = OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(text, &Rfc2822))
        .or_else(|_| OffsetDateTime::parse(text, of_x));
    write(read.ok()?)
}

/// Unix seconds of a time that this module wrote.
pub(crate) fn to_unix(text: &str) -> Option<i64> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp)
}

fn write(moment: OffsetDateTime) -> Option<String> {
    moment.checked_to_offset(UtcOffset::UTC)?.replace_nanosecond(0).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_time_is_read() {
        let wanted = Some("2018-10-10T20:19:24Z".to_owned());
        for text in ["2018-10-10T20:19:24.123Z", "2018-10-10T22:19:24+02:00", "Wed Oct 10 20:19:24 +0000 2018"]
            .into_iter()
            .chain(["Wed, 10 Oct 2018 20:19:24 +0000"])
        {
            assert_eq!(of_text(text), wanted, "{text}");
        }
        assert_eq!(of_unix(1_539_202_764), wanted);
        assert_eq!(to_unix("2018-10-10T20:19:24Z"), Some(1_539_202_764));
        assert_eq!((of_text("yesterday"), of_unix(i64::MAX)), (None, None));
        assert_eq!(of_text("9999-12-31T23:59:59-01:00"), None, "beyond what a year may be");
    }
}
