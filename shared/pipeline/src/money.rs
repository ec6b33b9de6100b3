//! Money: millionths of a US dollar inside, dollars where people and programs meet it.

use serde::{Deserialize, Deserializer, Serializer};

/// Millionths in a dollar.
const MICRO: f64 = 1_000_000.0;

/// An amount as a person reads it: cents, or what it takes where it is less than one.
pub fn usd(micro_usd: u64) -> String {
    // Ten-thousandths, rounded up.
    let shown = micro_usd.div_ceil(100);
    let (dollars, rest) = (shown / 10_000, shown % 10_000);
    match rest % 100 {
        0 => format!("${dollars}.{:02}", rest / 100),
        _ => format!("${dollars}.{rest:04}"),
    }
}

/// Dollars in millionths. What is negative or no number is 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped before, and an amount that large is refused"
)]
pub fn micro(dollars: f64) -> u64 {
    (dollars * MICRO).round().clamp(0.0, 1e15) as u64
}

/// Reads dollars.
///
/// # Errors
/// It is no number.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    f64::deserialize(deserializer).map(micro)
}

/// Writes dollars.
///
/// # Errors
/// What the serializer can not write.
#[expect(
    clippy::cast_precision_loss,
    reason = "serde asks for a reference; budgets are far below 2^53"
)]
pub fn serialize<S: Serializer>(micro_usd: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(*micro_usd as f64 / MICRO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_dollars() {
        for (amount, text) in [
            (0, "$0.00"),
            (2_500_000, "$2.50"),
            (123_456, "$0.1235"),
            (1, "$0.0001"),
            (999_999, "$1.00"),
        ] {
            assert_eq!(usd(amount), text);
        }
    }

    #[test]
    fn dollars_come_back_as_they_were_sent() {
        for amount in [0.000_001, 0.1, 2.5, 9_999.99] {
            let micro = micro(amount);
            let text = serde_json::to_string(&Amount(micro)).unwrap();
            assert_eq!(serde_json::from_str::<Amount>(&text).unwrap().0, micro);
        }
        assert_eq!((micro(-1.0), micro(f64::NAN)), (0, 0));
    }

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Amount(#[serde(with = "super")] u64);
}
