//! The event that says nothing but usage.

use memchr::memchr2;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// Whether JSON that is still coming can become a usage event.
///
/// It looks at the members of the outermost object only, and says no as soon as one of them is
/// something else: an event with a choice is let go before its text. What it lets through to the
/// end is for [`is_usage`] to decide.
#[derive(Debug, Default)]
pub(super) struct Candidate {
    began: bool,
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// The string under way is a key of the outermost object.
    in_key: bool,
    /// The key under way, or the last one; longer ones are cut.
    key: [u8; 8],
    key_len: usize,
    /// A colon has come, and no byte of the value yet.
    before_value: bool,
    /// A colon has come, and no comma yet.
    in_value: bool,
}

impl Candidate {
    /// Takes the next byte; `false` when this is no usage event.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        if self.in_string {
            self.string(byte);
            return true;
        }
        if byte.is_ascii_whitespace() {
            return true;
        }
        if self.depth == 0 {
            let opens = byte == b'{' && !self.began;
            (self.began, self.depth) = (true, 1);
            return opens;
        }
        if std::mem::take(&mut self.before_value) && !self.may_begin(byte) {
            return false;
        }
        if self.depth == 2 && self.key() == b"choices" && byte != b']' {
            return false;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.in_key = self.depth == 1 && !self.in_value;
                if self.in_key {
                    self.key_len = 0;
                }
            }
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => self.depth -= 1,
            b':' if self.depth == 1 => (self.before_value, self.in_value) = (true, true),
            b',' if self.depth == 1 => self.in_value = false,
            _ => {}
        }
        true
    }

    /// Whether a whole object has come.
    pub(super) fn is_whole(&self) -> bool {
        self.began && self.depth == 0
    }

    fn string(&mut self, byte: u8) {
        if std::mem::take(&mut self.escaped) {
            return;
        }
        match byte {
            b'"' => self.in_string = false,
            b'\\' => self.escaped = true,
            _ => {}
        }
        if self.in_string
            && self.in_key
            && let Some(place) = self.key.get_mut(self.key_len)
        {
            *place = byte;
            self.key_len += 1;
        }
    }

    fn key(&self) -> &[u8] {
        self.key.get(..self.key_len).unwrap_or_default()
    }

    fn may_begin(&self, byte: u8) -> bool {
        match self.key() {
            b"choices" => byte == b'[',
            b"usage" => byte == b'{',
            _ => true,
        }
    }
}

#[derive(Deserialize)]
struct UsageEvent<'a> {
    choices: Vec<IgnoredAny>,
    #[serde(borrow)]
    usage: &'a RawValue,
    error: Option<IgnoredAny>,
}

/// Whether these lines are an event with empty `choices`, with usage, and without an error.
pub(super) fn is_usage(mut lines: &[u8]) -> bool {
    let mut data: Vec<u8> = Vec::new();
    while let Some(end) = memchr2(b'\r', b'\n', lines) {
        let (line, rest) = lines.split_at(end);
        lines = rest.get(1..).unwrap_or_default();
        if let Some(value) = line.strip_prefix(b"data:") {
            data.extend_from_slice(value);
            data.push(b'\n');
        }
    }
    serde_json::from_slice::<UsageEvent<'_>>(&data).is_ok_and(|event| {
        let members = event.usage.get().strip_prefix('{').map(str::trim_start);
        event.choices.is_empty()
            && members.is_some_and(|members| !members.starts_with('}'))
            && event.error.is_none()
    })
}
