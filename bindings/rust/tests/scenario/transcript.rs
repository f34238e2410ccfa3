//! How results are printed, the same in every language.

/// A text: printable ASCII as it is.
pub fn quoted(text: &[u8]) -> String {
    let shown = |&byte: &u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        0x20..=0x7e => char::from(byte).into(),
        _ => format!("\\x{byte:02x}"),
    };
    format!("\"{}\"", text.iter().map(shown).collect::<String>())
}

pub fn float(value: f32) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    format!("{:08x}", value.to_bits())
}

pub fn double(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    format!("{:016x}", value.to_bits())
}

/// The length, the first four elements and the hash of all.
fn array(elements: impl ExactSizeIterator<Item = (String, u32)>) -> String {
    let mut line = elements.len().to_string();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for (index, (text, bits)) in elements.enumerate() {
        if index < 4 {
            line += " ";
            line += &text;
        }
        for byte in bits.to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("{line} {hash:016x}")
}

pub fn tokens(tokens: &[u32]) -> String {
    array(tokens.iter().map(|&token| (token.to_string(), token)))
}

pub fn floats(floats: &[f32]) -> String {
    let bits = |value: f32| if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() };
    array(floats.iter().map(|&value| (float(value), bits(value))))
}

pub fn word<'a>(condition: bool, yes: &'a str, no: &'a str) -> Vec<String> {
    vec![if condition { yes } else { no }.to_string()]
}

/// One line of these words.
pub fn line(words: &[&dyn std::fmt::Display]) -> Vec<String> {
    vec![words.iter().map(|word| word.to_string()).collect::<Vec<_>>().join(" ")]
}
