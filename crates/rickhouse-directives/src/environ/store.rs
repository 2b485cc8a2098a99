//! Where the entries are collected.

use std::ops::Range;

/// Entries of an environ in the order in which they came. All bytes lie in one buffer, which is kept from request to request, so that collecting
/// allocates nothing once the buffer has grown. Looking for a key compares it with those of its length; there are a few dozen.
#[derive(Debug, Clone)]
pub struct Environ {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    key: Range<usize>,
    value: Option<Range<usize>>,
}

impl Default for Environ {
    fn default() -> Self {
        Self::new()
    }
}

/// A value; `None` is a variable that was set to nothing at all, which is `None` in embedded mode and empty in a daemon (DD §6.1).
pub type Value<'a> = Option<&'a [u8]>;

impl Environ {
    /// Without entries, with room for those of most requests.
    pub fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(4096),
            entries: Vec::with_capacity(64),
        }
    }

    /// Forgets the entries and keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// Adds an entry whose key is known not to be there.
    pub fn push(&mut self, key: &[u8], value: Value<'_>) {
        let key = self.keep(key);
        let value = value.map(|value| self.keep(value));
        self.entries.push(Entry { key, value });
    }

    /// Adds an entry whose key is known not to be there; `write` appends the value and nothing else.
    pub fn push_with(&mut self, key: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        let key = self.keep(key);
        let start = self.bytes.len();
        write(&mut self.bytes);
        let value = Some(start.min(self.bytes.len())..self.bytes.len());
        self.entries.push(Entry { key, value });
    }

    /// Adds an entry whose key is known not to be there; `write` appends the key and nothing else.
    pub fn push_with_key(&mut self, write: impl FnOnce(&mut Vec<u8>), value: &[u8]) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let key = start.min(self.bytes.len())..self.bytes.len();
        let value = Some(self.keep(value));
        self.entries.push(Entry { key, value });
    }

    /// Makes this the only entry of its key. A header that was added to the request (`RequestHeader add`) can be there more than once.
    pub fn set(&mut self, key: &[u8], value: &[u8]) {
        match self.position(key) {
            Some(at) => {
                self.remove_from(at + 1, key);
                self.entries[at].value = Some(self.keep(value));
            }
            None => self.push(key, Some(value)),
        }
    }

    /// Adds an entry or changes the one that is there, unless that is one of the first `fixed`.
    pub fn set_behind(&mut self, fixed: usize, key: &[u8], value: Value<'_>) {
        match self.position(key) {
            Some(at) if at < fixed => {}
            Some(at) => self.entries[at].value = value.map(|value| self.keep(value)),
            None => self.push(key, value),
        }
    }

    /// Takes all entries of a key out; whether there was one.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let before = self.entries.len();
        self.remove_from(0, key);
        self.entries.len() < before
    }

    /// Keeps the entries whose key is `wanted`.
    pub fn retain(&mut self, wanted: impl Fn(&[u8]) -> bool) {
        let bytes = &self.bytes;
        self.entries
            .retain(|entry| wanted(&bytes[entry.key.clone()]));
    }

    /// The value of a key; `None` also where it has none.
    pub fn get(&self, key: &[u8]) -> Value<'_> {
        let entry = &self.entries[self.position(key)?];
        entry.value.clone().map(|value| &self.bytes[value])
    }

    /// Whether there is such a key.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.position(key).is_some()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All entries.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], Value<'_>)> {
        self.entries.iter().map(|entry| {
            let value = entry.value.clone().map(|value| &self.bytes[value]);
            (&self.bytes[entry.key.clone()], value)
        })
    }

    fn position(&self, key: &[u8]) -> Option<usize> {
        // Most keys differ in length, which is seen without looking at their bytes.
        let is_it =
            |entry: &Entry| entry.key.len() == key.len() && self.bytes[entry.key.clone()] == *key;
        self.entries.iter().position(is_it)
    }

    fn remove_from(&mut self, start: usize, key: &[u8]) {
        let bytes = &self.bytes;
        let mut at = 0;
        self.entries.retain(|entry| {
            at += 1;
            at <= start || entry.key.len() != key.len() || bytes[entry.key.clone()] != *key
        });
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }
}
