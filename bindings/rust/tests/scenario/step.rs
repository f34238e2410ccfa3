//! One line of a scenario: a verb, its arguments, and options.

use std::borrow::Cow;

use skein::OptionValue;

/// What stands for MODEL and TEMP_DIR in the files.
pub struct Places {
    pub model: String,
    pub temp: String,
}

impl Places {
    fn show(&self, text: Vec<u8>) -> Vec<u8> {
        for (name, place) in [("$MODEL", &self.model), ("$TEMP", &self.temp)] {
            if let Some(rest) = text.strip_prefix(name.as_bytes()) {
                return [place.as_bytes(), rest].concat();
            }
        }
        text
    }

    pub fn hide(&self, text: &str) -> String {
        text.replace(&self.temp, "$TEMP").replace(&self.model, "$MODEL")
    }
}

/// An argument.
#[derive(Clone)]
pub struct Word {
    pub bytes: Vec<u8>,
    pub is_quoted: bool,
}

impl Word {
    pub fn as_str(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

pub struct Step {
    pub verb: String,
    pub arguments: Vec<Word>,
    pub options: Vec<(String, OptionValue)>,
}

impl Step {
    pub fn parse(line: &str, places: &Places) -> Step {
        let mut step = Step { verb: String::new(), arguments: vec![], options: vec![] };
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            let key = option_key(rest);
            let (mut word, behind) = take_word(&rest[key.map_or(0, |key| key.len() + 1)..]);
            word.bytes = places.show(word.bytes);
            match key {
                Some(key) => step.options.push((String::from_utf8_lossy(key).into_owned(), option_value(&word))),
                None if step.verb.is_empty() => step.verb = word.as_str().into_owned(),
                None => step.arguments.push(word),
            }
            rest = behind;
        }
        step
    }

    /// The step that the arguments behind the first are.
    pub fn behind_first(&self) -> Step {
        let verb = self.arguments[1].as_str().into_owned();
        Step { verb, arguments: self.arguments[2..].to_vec(), options: self.options.clone() }
    }

    pub fn name(&self, index: usize) -> String {
        self.arguments[index].as_str().into_owned()
    }

    pub fn bytes(&self, index: usize) -> &[u8] {
        &self.arguments[index].bytes
    }

    pub fn number<T: std::str::FromStr>(&self, index: usize) -> T {
        let word = self.name(index);
        word.parse().unwrap_or_else(|_| panic!("{}: {word} is no number", self.verb))
    }

    /// Whether one of the arguments from `begin` on is this word.
    pub fn has(&self, begin: usize, word: &str) -> bool {
        self.arguments[begin..].iter().any(|argument| argument.as_str() == word)
    }
}

/// The key, if the word at the start of `text` is an option.
fn option_key(text: &[u8]) -> Option<&[u8]> {
    let is_of_key = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    let len = text.iter().take_while(|byte| is_of_key(byte)).count();
    (len > 0 && text.get(len) == Some(&b'=')).then(|| &text[..len])
}

fn option_value(word: &Word) -> OptionValue {
    let text = word.as_str().into_owned();
    if word.is_quoted {
        return OptionValue::Str(text);
    }
    let is_integer = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<f64>() {
        _ if is_integer(text.strip_prefix('-').unwrap_or(&text)) => OptionValue::I64(text.parse().expect("an i64")),
        Ok(number) if text.contains('.') => OptionValue::F64(number),
        _ => OptionValue::Str(text),
    }
}

/// The first word, and what comes behind the space after it.
fn take_word(text: &[u8]) -> (Word, &[u8]) {
    if let Some(inner) = text.strip_prefix(b"\"") {
        let (bytes, len) = unescape(inner);
        return (Word { bytes, is_quoted: true }, inner.get(len + 1..).unwrap_or(b""));
    }
    let len = text.iter().take_while(|byte| **byte != b' ').count();
    (Word { bytes: text[..len].to_vec(), is_quoted: false }, text.get(len + 1..).unwrap_or(b""))
}

/// The bytes of a text up to its closing quote, and its length in the line with that quote.
fn unescape(text: &[u8]) -> (Vec<u8>, usize) {
    let (mut bytes, mut place) = (vec![], 0);
    while text[place] != b'"' {
        let (byte, len) = match (text[place], text.get(place + 1)) {
            (b'\\', Some(b'n')) => (b'\n', 2),
            (b'\\', Some(b'x')) => (hex_byte(&text[place + 2..place + 4]), 4),
            (b'\\', Some(&byte)) => (byte, 2),
            (byte, _) => (byte, 1),
        };
        bytes.push(byte);
        place += len;
    }
    (bytes, place + 1)
}

fn hex_byte(digits: &[u8]) -> u8 {
    u8::from_str_radix(&String::from_utf8_lossy(digits), 16).expect("two hex digits")
}
