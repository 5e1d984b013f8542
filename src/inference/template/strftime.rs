//! `strftime_now`: the date as some templates write it into the system turn.

use std::fmt::Write;

use minijinja::value::Value;
use minijinja::{Error, ErrorKind};
use time::{Duration, OffsetDateTime};

/// The function that a template calls with a format, for the time `now_ms` in milliseconds since 1970-01-01 UTC.
pub(super) fn function(now_ms: i64) -> Value {
    let now = OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(now_ms.clamp(0, i64::MAX / 1_000_000));
    Value::from_function(move |format: &str| -> Result<String, Error> {
        formatted(now, format).map_err(|_| Error::new(ErrorKind::InvalidOperation, "the date cannot be written"))
    })
}

/// `now` by `format`, with C's conversions in English; an unknown one is left as it stands.
fn formatted(now: OffsetDateTime, format: &str) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut conversion = rest.next();
        // `%-d`, of the GNU library, is `%d` without the leading zero.
        let bare = conversion == Some('-');
        if bare {
            conversion = rest.next();
        }
        let Some(conversion) = conversion else {
            out.push_str(if bare { "%-" } else { "%" });
            break;
        };
        match number(now, conversion) {
            Some((value, _)) if bare => write!(out, "{value}")?,
            Some((value, width)) => write!(out, "{value:0width$}")?,
            None => write_words(&mut out, now, conversion)?,
        }
    }
    Ok(out)
}

/// The number that `conversion` stands for, and how many digits it has at least.
fn number(now: OffsetDateTime, conversion: char) -> Option<(u32, usize)> {
    let hour_of_12 = (u32::from(now.hour()) + 11) % 12 + 1;
    Some(match conversion {
        'd' => (now.day().into(), 2),
        'm' => (u8::from(now.month()).into(), 2),
        'y' => (now.year().rem_euclid(100).unsigned_abs(), 2),
        'Y' => (now.year().unsigned_abs(), 4),
        'H' => (now.hour().into(), 2),
        'I' => (hour_of_12, 2),
        'M' => (now.minute().into(), 2),
        'S' => (now.second().into(), 2),
        'f' => (now.microsecond(), 6),
        'j' => (now.ordinal().into(), 3),
        'u' => (now.weekday().number_from_monday().into(), 1),
        'w' => (now.weekday().number_days_from_sunday().into(), 1),
        _ => return None,
    })
}

/// Writes what is no number: names, and forms made of other conversions.
fn write_words(out: &mut String, now: OffsetDateTime, conversion: char) -> std::fmt::Result {
    let compound = |form: &str| formatted(now, form);
    match conversion {
        'A' => write!(out, "{}", now.weekday()),
        'a' => write!(out, "{:.3}", now.weekday().to_string()),
        'B' => write!(out, "{}", now.month()),
        'b' | 'h' => write!(out, "{:.3}", now.month().to_string()),
        'e' => write!(out, "{:2}", now.day()),
        'p' => out.write_str(if now.hour() < 12 { "AM" } else { "PM" }),
        'c' => out.write_str(&compound("%a %b %e %H:%M:%S %Y")?),
        'D' | 'x' => out.write_str(&compound("%m/%d/%y")?),
        'F' => out.write_str(&compound("%Y-%m-%d")?),
        'R' => out.write_str(&compound("%H:%M")?),
        'r' => out.write_str(&compound("%I:%M:%S %p")?),
        'T' | 'X' => out.write_str(&compound("%H:%M:%S")?),
        // The time that Python gives here has no zone.
        'Z' | 'z' => Ok(()),
        'n' => out.write_char('\n'),
        't' => out.write_char('\t'),
        '%' => out.write_char('%'),
        other => write!(out, "%{other}"),
    }
}
