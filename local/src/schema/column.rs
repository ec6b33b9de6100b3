//! Columns: their kinds, what a value must look like, how it is stored.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rusqlite::types::{Value as Sql, ValueRef};
use serde_json::{Number, Value};

use super::ColumnConfig;
use crate::clock;

/// Longest text of the kinds that have no size of their own, in characters.
const TEXT_CHARS_MAX: u64 = 16_383;
const MEDIUMTEXT_CHARS_MAX: u64 = 4_194_303;
const LONGTEXT_CHARS_MAX: u64 = 1_073_741_823;

/// Longest value of `email`, `url` and `ip`, in characters (Appwrite 1.9.6).
const EMAIL_CHARS_MAX: u64 = 254;
const URL_CHARS_MAX: u64 = 2_000;
const IP_CHARS_MAX: u64 = 39;
/// Longest word of an enum, in characters.
const ENUM_CHARS_MAX: u64 = 255;
/// Bounds of a point, in degrees.
const LONGITUDE_MAX: f64 = 180.0;
const LATITUDE_MAX: f64 = 90.0;

/// The format of a text column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// Any text.
    Plain,
    /// One of the column's elements.
    Enum,
    /// An e-mail address.
    Email,
    /// A URL.
    Url,
    /// An IPv4 or IPv6 address.
    Ip,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Text of at most `chars` characters.
    Text {
        /// Limit in characters.
        chars: u64,
        /// Its format.
        format: TextFormat,
    },
    /// A whole number, bounds included.
    Integer {
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// A number, bounds included.
    Double {
        /// Least.
        min: f64,
        /// Greatest.
        max: f64,
    },
    /// True or false.
    Boolean,
    /// An instant, stored as milliseconds.
    Datetime,
    /// A shape on the globe, stored as JSON.
    Shape(Shape),
}

/// Shapes: lists of longitudes and latitudes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `[x, y]`.
    Point,
    /// Two points or more.
    Line,
    /// Rings of four points or more, each ending where it begins.
    Polygon,
}

impl Shape {
    /// Whether a value is such a shape (Appwrite 1.9.6, source of its database library).
    fn fits(self, value: &Value) -> bool {
        let all = |least: usize, fits: &dyn Fn(&Value) -> bool| {
            let items = value.as_array().filter(|items| items.len() >= least);
            items.is_some_and(|items| items.iter().all(fits))
        };
        match self {
            Self::Point => {
                let number = |index: usize, most: f64| {
                    let number = value.get(index).and_then(Value::as_f64);
                    number.is_some_and(|number| number.abs() <= most)
                };
                let pair = value.as_array().is_some_and(|items| items.len() == 2);
                pair && number(0, LONGITUDE_MAX) && number(1, LATITUDE_MAX)
            }
            Self::Line => all(2, &|point| Self::Point.fits(point)),
            Self::Polygon => all(1, &|ring| {
                let points = ring.as_array().map(Vec::as_slice).unwrap_or_default();
                points.len() >= 4 && points.first() == points.last() && Self::Line.fits(ring)
            }),
        }
    }
}

/// Why a value does not fit; words of the message after `Attribute "key" `.
pub type Misfit = String;

impl Kind {
    /// Reads the kind of a declared column; `None` for kinds this platform does
    /// not have (relationships).
    #[must_use]
    pub fn of(column: &ColumnConfig) -> Option<Self> {
        let text = |chars: u64, format| {
            Some(Self::Text {
                chars: column.size.filter(|s| *s > 0).unwrap_or(chars),
                format,
            })
        };
        let format = column.format.as_deref().unwrap_or_default();
        match (column.kind.as_str(), format) {
            ("enum", _) | ("string", "enum") => text(ENUM_CHARS_MAX, TextFormat::Enum),
            ("email", _) | ("string", "email") => text(EMAIL_CHARS_MAX, TextFormat::Email),
            ("url", _) | ("string", "url") => text(URL_CHARS_MAX, TextFormat::Url),
            ("ip", _) | ("string", "ip") => text(IP_CHARS_MAX, TextFormat::Ip),
            ("string" | "varchar" | "text", _) => text(TEXT_CHARS_MAX, TextFormat::Plain),
            ("mediumtext", _) => text(MEDIUMTEXT_CHARS_MAX, TextFormat::Plain),
            ("longtext", _) => text(LONGTEXT_CHARS_MAX, TextFormat::Plain),
            ("integer" | "bigint", _) => Some(Self::Integer {
                min: column
                    .min
                    .as_ref()
                    .and_then(Number::as_i64)
                    .unwrap_or(i64::MIN),
                max: column
                    .max
                    .as_ref()
                    .and_then(Number::as_i64)
                    .unwrap_or(i64::MAX),
            }),
            ("double" | "float", _) => Some(Self::Double {
                min: column
                    .min
                    .as_ref()
                    .and_then(Number::as_f64)
                    .unwrap_or(f64::MIN),
                max: column
                    .max
                    .as_ref()
                    .and_then(Number::as_f64)
                    .unwrap_or(f64::MAX),
            }),
            ("boolean", _) => Some(Self::Boolean),
            ("datetime", _) => Some(Self::Datetime),
            ("point", _) => Some(Self::Shape(Shape::Point)),
            ("line" | "linestring", _) => Some(Self::Shape(Shape::Line)),
            ("polygon", _) => Some(Self::Shape(Shape::Polygon)),
            _ => None,
        }
    }

    /// The SQLite type with its collation: text is compared without case, as on
    /// the measured server.
    #[must_use]
    pub fn sql_type(self, array: bool) -> &'static str {
        match self {
            Self::Shape(_) => "TEXT",
            _ if array => "TEXT",
            Self::Text { .. } => "TEXT COLLATE NOCASE",
            Self::Integer { .. } | Self::Boolean | Self::Datetime => "INTEGER",
            Self::Double { .. } => "REAL",
        }
    }

    /// Converts a value without its column's bounds, as a query compares it.
    #[must_use]
    pub fn operand(self, value: &Value) -> Option<Sql> {
        match (self, value) {
            (Self::Text { .. }, Value::String(text)) => Some(Sql::Text(text.clone())),
            (Self::Integer { .. }, Value::Number(number)) => number.as_i64().map(Sql::Integer),
            (Self::Double { .. }, Value::Number(number)) => number.as_f64().map(Sql::Real),
            (Self::Boolean, Value::Bool(yes)) => Some(Sql::Integer(i64::from(*yes))),
            (Self::Datetime, Value::String(text)) => parse_datetime(text).map(Sql::Integer),
            (Self::Shape(shape), value) => shape.fits(value).then(|| Sql::Text(value.to_string())),
            _ => None,
        }
    }

    fn check(self, column: &ColumnConfig, value: &Value) -> Result<Sql, Misfit> {
        let sql = self.operand(value).ok_or_else(|| self.misfit())?;
        match (self, &sql) {
            (Self::Text { chars, format }, Sql::Text(text)) => {
                // The byte length bounds the character count, so short texts are not counted.
                let fits = u64::try_from(text.len()).is_ok_and(|bytes| bytes <= chars)
                    || u64::try_from(text.chars().count()).is_ok_and(|count| count <= chars);
                if !fits {
                    return Err(self.misfit());
                }
                check_format(format, column, text)?;
            }
            (Self::Integer { min, max }, Sql::Integer(number))
                if *number < min || *number > max =>
            {
                return Err(format!(
                    "has invalid format. Value must be a valid range between {min} and {max}"
                ));
            }
            (Self::Double { min, max }, Sql::Real(number)) if *number < min || *number > max => {
                return Err(format!(
                    "has invalid format. Value must be a valid range between {min} and {max}"
                ));
            }
            _ => {}
        }
        Ok(sql)
    }

    fn misfit(self) -> Misfit {
        let what = match self {
            Self::Text { chars, .. } => {
                format!("Value must be a valid string and no longer than {chars} chars")
            }
            Self::Integer { .. } => "Value must be a valid integer".to_owned(),
            Self::Double { .. } => "Value must be a valid float".to_owned(),
            Self::Boolean => "Value must be a valid boolean".to_owned(),
            Self::Datetime => {
                "Value must be valid date between 0000-01-01 00:00:00 and 9999-12-31 23:59:59."
                    .to_owned()
            }
            Self::Shape(_) => "Value must be a list of coordinates".to_owned(),
        };
        format!("has invalid type. {what}")
    }

    fn json(self, value: ValueRef<'_>) -> Value {
        match (self, value) {
            (Self::Boolean, ValueRef::Integer(number)) => Value::Bool(number != 0),
            (Self::Datetime, ValueRef::Integer(ms)) => Value::String(clock::format_ms(ms)),
            (Self::Shape(_), ValueRef::Text(text)) => {
                serde_json::from_slice(text).unwrap_or_default()
            }
            (_, ValueRef::Integer(number)) => Value::from(number),
            (_, ValueRef::Real(number)) => json_number(number),
            (_, ValueRef::Text(text)) => Value::String(String::from_utf8_lossy(text).into_owned()),
            (_, ValueRef::Null | ValueRef::Blob(_)) => Value::Null,
        }
    }
}

/// Whole doubles are written without a fraction, as PHP does.
fn json_number(number: f64) -> Value {
    /// Above this a double no longer holds every whole number.
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < WHOLE_MAX {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the number is whole and inside i64"
        )]
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

fn check_format(format: TextFormat, column: &ColumnConfig, text: &str) -> Result<(), Misfit> {
    let (fits, what) = match format {
        TextFormat::Plain => return Ok(()),
        TextFormat::Enum => (
            column.elements.iter().any(|e| e == text),
            "Value must be one of the elements",
        ),
        TextFormat::Email => {
            let parts = text.split_once('@');
            let fits = parts.is_some_and(|(name, host)| {
                !name.is_empty() && host.contains('.') && !host.contains('@')
            });
            (
                fits && !text.contains(char::is_whitespace),
                "Value must be a valid email address",
            )
        }
        TextFormat::Url => {
            let fits = text
                .parse::<http::Uri>()
                .is_ok_and(|uri| uri.scheme().is_some() && uri.host().is_some());
            (fits, "Value must be a valid URL")
        }
        TextFormat::Ip => (
            text.parse::<std::net::IpAddr>().is_ok(),
            "Value must be a valid IP address",
        ),
    };
    if fits {
        Ok(())
    } else {
        Err(format!("has invalid format. {what}"))
    }
}

/// Converts a value for storing; null is always accepted here.
///
/// # Errors
/// Why it does not fit.
pub fn to_sql(column: &ColumnConfig, kind: Kind, value: &Value) -> Result<Sql, Misfit> {
    if value.is_null() {
        return Ok(Sql::Null);
    }
    if !column.array {
        return kind.check(column, value);
    }
    let items = value
        .as_array()
        .ok_or_else(|| "must be an array".to_owned())?;
    let mut stored = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let sql = kind
            .check(column, item)
            .map_err(|why| why.replacen("has", &format!("['{index}'] has"), 1))?;
        stored.push(match (kind, sql) {
            (Kind::Datetime, Sql::Integer(ms)) => Value::String(clock::format_ms(ms)),
            _ => item.clone(),
        });
    }
    Ok(Sql::Text(Value::Array(stored).to_string()))
}

/// Converts a stored value for an answer; an array without a value is empty.
#[must_use]
pub fn to_json(column: &ColumnConfig, kind: Kind, value: ValueRef<'_>) -> Value {
    if !column.array {
        return kind.json(value);
    }
    let text = value.as_str().unwrap_or("[]");
    serde_json::from_str(text).unwrap_or_else(|_| Value::Array(Vec::new()))
}

/// Reads an instant as loosely as the measured server: RFC 3339, a date, a date
/// with a time (UTC without an offset), `now`, `today`, `tomorrow`,
/// `yesterday`. Returns milliseconds.
#[must_use]
pub fn parse_datetime(text: &str) -> Option<i64> {
    const DAY_MS: i64 = 86_400_000;
    let now = clock::now().as_millisecond();
    let midnight = now - now.rem_euclid(DAY_MS);
    match text.trim() {
        "now" => return Some(now),
        "today" => return Some(midnight),
        "tomorrow" => return Some(midnight + DAY_MS),
        "yesterday" => return Some(midnight - DAY_MS),
        _ => {}
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_millisecond());
    }
    let local = text
        .parse::<DateTime>()
        .or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)))
        .ok()?;
    Some(
        local
            .to_zoned(TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_millisecond(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn column(value: Value) -> (ColumnConfig, Kind) {
        let column: ColumnConfig = serde_json::from_value(value).unwrap();
        let kind = Kind::of(&column).unwrap();
        (column, kind)
    }

    #[test]
    fn size_counts_characters_not_bytes() {
        let (column, kind) = column(json!({"key": "t", "type": "string", "size": 3}));
        assert!(to_sql(&column, kind, &json!("äöü")).is_ok());
        assert!(
            to_sql(&column, kind, &json!("abcd"))
                .unwrap_err()
                .contains("no longer than 3 chars")
        );
        assert!(to_sql(&column, kind, &json!(5)).is_err());
    }

    #[test]
    fn integer_bounds_are_inclusive() {
        let (column, kind) = column(json!({"key": "n", "type": "integer", "min": 0, "max": 100}));
        for (value, fits) in [
            (json!(0), true),
            (json!(100), true),
            (json!(101), false),
            (json!("7"), false),
            (json!(1.5), false),
        ] {
            assert_eq!(to_sql(&column, kind, &value).is_ok(), fits, "{value}");
        }
    }

    #[test]
    fn datetimes_are_read_loosely_and_stored_as_instants() {
        for text in [
            "2026-12-01T10:00:00Z",
            "2026-12-01T11:00:00.000+01:00",
            "2026-12-01 10:00:00",
        ] {
            assert_eq!(
                parse_datetime(text).map(clock::format_ms).unwrap(),
                "2026-12-01T10:00:00.000+00:00",
                "{text}"
            );
        }
        assert!(parse_datetime("tomorrow").unwrap() > clock::now().as_millisecond());
        assert!(parse_datetime("someday").is_none());
    }

    #[test]
    fn whole_doubles_have_no_fraction() {
        assert_eq!(json_number(3.0).to_string(), "3");
        assert_eq!(json_number(0.5).to_string(), "0.5");
    }
}
