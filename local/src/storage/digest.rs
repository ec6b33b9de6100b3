//! MD5, the signature of files in Appwrite: a checksum here, never a protection.

/// Shifts of the four rounds (RFC 1321).
const SHIFTS: [[u32; 4]; 4] = [
    [7, 12, 17, 22],
    [5, 9, 14, 20],
    [4, 11, 16, 23],
    [6, 10, 15, 21],
];
/// Where a digest begins (RFC 1321).
const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
/// Bytes of a block.
const BLOCK: usize = 64;

/// The MD5 digest of `bytes` as 32 lower-case hex digits.
pub(super) fn md5(bytes: &[u8]) -> String {
    let table = table();
    let mut state = START;
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    for block in blocks {
        mix(&mut state, block, &table);
    }
    let mut tail = rest.to_vec();
    tail.push(0x80);
    while tail.len() % BLOCK != BLOCK - 8 {
        tail.push(0);
    }
    let bits = (bytes.len() as u64).wrapping_mul(8);
    tail.extend_from_slice(&bits.to_le_bytes());
    let (blocks, _) = tail.as_chunks::<BLOCK>();
    for block in blocks {
        mix(&mut state, block, &table);
    }
    let digest: Vec<u8> = state.iter().flat_map(|word| word.to_le_bytes()).collect();
    crate::ids::hex(&digest)
}

/// The whole part of 2^32 × |sin(i)| for i from 1 (RFC 1321).
fn table() -> [u32; BLOCK] {
    std::array::from_fn(|index| {
        let angle = f64::from(u32::try_from(index).unwrap_or_default()) + 1.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the whole part below 2^32 of a number that is not negative is what is wanted"
        )]
        let whole = (angle.sin().abs() * 4_294_967_296.0) as u32;
        whole
    })
}

fn mix(state: &mut [u32; 4], block: &[u8; BLOCK], table: &[u32; BLOCK]) {
    let (bytes, _) = block.as_chunks::<4>();
    let words: Vec<u32> = bytes.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let [mut a, mut b, mut c, mut d] = *state;
    for (step, constant) in table.iter().enumerate() {
        let (value, place) = match step / 16 {
            0 => ((b & c) | (!b & d), step),
            1 => ((d & b) | (!d & c), 5 * step + 1),
            2 => (b ^ c ^ d, 3 * step + 5),
            _ => (c ^ (b | !d), 7 * step),
        };
        let shift = SHIFTS
            .get(step / 16)
            .and_then(|round| round.get(step % 4))
            .copied()
            .unwrap_or_default();
        let word = words.get(place % 16).copied().unwrap_or_default();
        let sum = a
            .wrapping_add(value)
            .wrapping_add(*constant)
            .wrapping_add(word);
        (a, d, c) = (d, c, b);
        b = b.wrapping_add(sum.rotate_left(shift));
    }
    for (total, part) in state.iter_mut().zip([a, b, c, d]) {
        *total = total.wrapping_add(part);
    }
}

#[cfg(test)]
mod tests {
    use super::md5;

    #[test]
    fn digests_equal_the_published_ones() {
        for (text, digest) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("hello world\n", "6f5902ac237024bdd0c176cb93063dc4"),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ] {
            assert_eq!(md5(text.as_bytes()), digest, "{text}");
        }
    }
}
