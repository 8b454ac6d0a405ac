//! The reader: one walk over the document, which either builds the values or only checks them.

use std::borrow::Cow;

use zeroize::Zeroizing;

use super::{Json, Limits, Malformed, Raw, Text};

/// Walks over the document. `at` never passes the end and always stands between two characters.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    limits: Limits,
}

/// So many members are compared with each other one by one; token responses have fewer.
const FEW: usize = 16;

/// What is made of each value: it is given the depth that the value is at.
type Each<'a, T> = fn(&mut Reader<'a>, u8) -> Result<T, Malformed>;

impl<'a> Reader<'a> {
    pub(super) fn over(document: &'a [u8], limits: Limits) -> Result<Self, Malformed> {
        match std::str::from_utf8(document) {
            Ok(text) => Ok(Self {
                text,
                at: 0,
                limits,
            }),
            Err(error) => Err(Malformed {
                at: error.valid_up_to(),
            }),
        }
    }

    /// The whole document, which has to be one object.
    pub(super) fn whole_object<T>(
        mut self,
        each: Each<'a, T>,
    ) -> Result<Vec<(Cow<'a, str>, T)>, Malformed> {
        self.blanks();
        let members = self.members(0, each)?;
        self.blanks();
        match self.peek() {
            None => Ok(members),
            Some(_) => Err(self.malformed()),
        }
    }

    pub(super) fn value(&mut self, depth: u8) -> Result<Json<'a>, Malformed> {
        match self.peek() {
            Some(b'{') => self.members(depth, Self::value).map(Json::Object),
            Some(b'[') => self.elements(depth, Self::value).map(Json::Array),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self
                .number()
                .map(|digits| Json::Number(Cow::Borrowed(digits))),
            Some(b'n') => self.word("null", Json::Null),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(_) | None => Err(self.malformed()),
        }
    }

    pub(super) fn raw(&mut self, depth: u8) -> Result<Raw<'a>, Malformed> {
        let at = self.at;
        self.check(depth)?;
        self.text
            .get(at..self.at)
            .map(|text| Raw { text, at })
            .ok_or_else(|| self.malformed())
    }

    /// Goes past a value. Of what it holds nothing is kept: however many small values there are, they take no memory.
    fn check(&mut self, depth: u8) -> Result<(), Malformed> {
        match self.peek() {
            Some(b'{') => self.members(depth, Self::check).map(drop),
            Some(b'[') => self.elements(depth, Self::check).map(drop),
            Some(_) | None => self.value(depth).map(drop),
        }
    }

    fn members<T>(
        &mut self,
        depth: u8,
        each: Each<'a, T>,
    ) -> Result<Vec<(Cow<'a, str>, T)>, Malformed> {
        let inner = self.deeper(depth)?;
        self.eat(b'{')?;
        let mut members: Vec<(Cow<'a, str>, T)> = Vec::with_capacity(FEW);
        // Where the members begin that come after the first few.
        let mut began = Vec::new();
        self.blanks();
        while self.peek() != Some(b'}') {
            let at = self.malformed();
            let key = self.string()?.into_name();
            if key.len() > self.limits.key || members.len() >= self.limits.members {
                return Err(at);
            }
            if members.len() >= FEW {
                began.push(at);
            } else if members.iter().any(|(other, _)| *other == key) {
                return Err(at);
            }
            self.blanks();
            self.eat(b':')?;
            self.blanks();
            members.push((key, each(self, inner)?));
            if !self.another(b'}')? {
                break;
            }
        }
        self.eat(b'}')?;
        if began.is_empty() {
            return Ok(members);
        }
        match twice(&members).and_then(|place| began.get(place.checked_sub(FEW)?)) {
            Some(at) => Err(*at),
            None => Ok(members),
        }
    }

    fn elements<T>(&mut self, depth: u8, each: Each<'a, T>) -> Result<Vec<T>, Malformed> {
        let inner = self.deeper(depth)?;
        self.eat(b'[')?;
        let mut elements = Vec::new();
        self.blanks();
        while self.peek() != Some(b']') {
            if elements.len() >= self.limits.members {
                return Err(self.malformed());
            }
            elements.push(each(self, inner)?);
            if !self.another(b']')? {
                break;
            }
        }
        self.eat(b']')?;
        Ok(elements)
    }

    /// After a member or element: is there another, or could there be one, as after a trailing comma?
    fn another(&mut self, end: u8) -> Result<bool, Malformed> {
        self.blanks();
        if self.peek() != Some(b',') {
            return Ok(false);
        }
        self.step();
        self.blanks();
        if self.peek() == Some(end) && !self.limits.trailing_commas {
            return Err(self.malformed());
        }
        Ok(true)
    }

    /// The depth of what is inside.
    fn deeper(&self, depth: u8) -> Result<u8, Malformed> {
        if depth < self.limits.depth {
            Ok(depth.saturating_add(1))
        } else {
            Err(self.malformed())
        }
    }

    /// `number = [ minus ] int [ frac ] [ exp ]` (RFC 8259 §6), kept as it is written: who needs a value converts it.
    fn number(&mut self) -> Result<&'a str, Malformed> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.step();
        }
        match self.peek() {
            Some(b'0') => self.step(),
            Some(_) | None => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.step();
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.step();
            if let Some(b'+' | b'-') = self.peek() {
                self.step();
            }
            self.digits()?;
        }
        self.text
            .get(start..self.at)
            .ok_or_else(|| self.malformed())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.malformed());
        }
        while let Some(b'0'..=b'9') = self.peek() {
            self.step();
        }
        Ok(())
    }

    fn string(&mut self) -> Result<Text<'a>, Malformed> {
        self.eat(b'"')?;
        let run = self.run()?;
        if self.peek() == Some(b'"') {
            self.step();
            return Ok(Text::Borrowed(run));
        }
        // An escape: from here on the text is a copy. It can't outgrow what is written, so it never moves.
        let mut copy = Zeroizing::new(String::with_capacity(
            run.len().saturating_add(self.until_quote()),
        ));
        copy.push_str(run);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.step();
                    return Ok(Text::Copied(copy));
                }
                Some(b'\\') => {
                    self.step();
                    copy.push(self.escape()?);
                }
                Some(_) | None => copy.push_str(self.run()?),
            }
        }
    }

    /// How many bytes are left of the text that the reader is in.
    fn until_quote(&self) -> usize {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let mut escaped = false;
        let end = rest.iter().position(|byte| {
            let end = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            end
        });
        end.unwrap_or(rest.len())
    }

    /// Everything up to the next quotation mark or escape.
    fn run(&mut self) -> Result<&'a str, Malformed> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = memchr::memchr2(b'"', b'\\', rest.as_bytes());
        let (run, whole) = match end.and_then(|end| rest.get(..end)) {
            Some(run) => (run, true),
            None => (rest, false),
        };
        // The least byte tells at once: where there is a control character, it is looked for only then.
        let least = run.bytes().fold(u8::MAX, u8::min);
        if least < b' ' || !whole {
            let control = run.bytes().position(|byte| byte < b' ');
            self.at = self.at.saturating_add(control.unwrap_or(run.len()));
            return Err(self.malformed());
        }
        self.at = self.at.saturating_add(run.len());
        Ok(run)
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        let escaped = self.peek().ok_or_else(|| self.malformed())?;
        self.step();
        match escaped {
            b'"' => Ok('"'),
            b'\\' => Ok('\\'),
            b'/' => Ok('/'),
            b'b' => Ok('\u{8}'),
            b'f' => Ok('\u{c}'),
            b'n' => Ok('\n'),
            b'r' => Ok('\r'),
            b't' => Ok('\t'),
            b'u' => self.unicode(),
            _ => Err(self.malformed()),
        }
    }

    /// `\uXXXX`, or two of them for a character beyond the basic plane (RFC 8259 §7). A lone half is malformed.
    fn unicode(&mut self) -> Result<char, Malformed> {
        let first = self.hex4()?;
        let code = match first {
            0xd800..=0xdbff => {
                self.eat(b'\\')?;
                self.eat(b'u')?;
                let second = self.hex4()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(self.malformed());
                }
                let high = (first & 0x3ff) << 10;
                0x1_0000_u32
                    .saturating_add(high)
                    .saturating_add(second & 0x3ff)
            }
            other => other,
        };
        char::from_u32(code).ok_or_else(|| self.malformed())
    }

    fn hex4(&mut self) -> Result<u32, Malformed> {
        let end = self.at.saturating_add(4);
        let digits = self
            .text
            .get(self.at..end)
            .ok_or_else(|| self.malformed())?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(self.malformed());
        }
        self.at = end;
        u32::from_str_radix(digits, 16).map_err(|_| self.malformed())
    }

    fn word<T>(&mut self, word: &str, value: T) -> Result<T, Malformed> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at = self.at.saturating_add(word.len());
            Ok(value)
        } else {
            Err(self.malformed())
        }
    }

    fn eat(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek() == Some(byte) {
            self.step();
            Ok(())
        } else {
            Err(self.malformed())
        }
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.step();
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn malformed(&self) -> Malformed {
        Malformed { at: self.at }
    }
}

/// The place of the first member whose name an earlier one has. Sorted and not compared one by one, so that many members take no
/// more than their share of time.
fn twice<T>(members: &[(Cow<'_, str>, T)]) -> Option<usize> {
    let mut names: Vec<(&str, usize)> = members
        .iter()
        .enumerate()
        .map(|(place, (name, _))| (name.as_ref(), place))
        .collect();
    names.sort_unstable();
    names
        .windows(2)
        .filter_map(|pair| match pair {
            [(first, _), (second, place)] if first == second => Some(*place),
            _ => None,
        })
        .min()
}
