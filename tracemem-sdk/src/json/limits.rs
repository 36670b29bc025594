//! How much JSON a caller may hand in.

/// The size limits of [`parse`](super::parse) and [`check_value`](super::check_value).
///
/// The defaults are those of the request limits: 256 KiB per document, 32
/// containers deep, 64 KiB per string.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest document, in bytes of UTF-8.
    pub bytes: usize,
    /// The most arrays and objects around a value: `1` has depth 0, `[]` and `{"a":1}` have depth 1.
    pub depth: usize,
    /// The longest string or key, in bytes of UTF-8 after its escapes are resolved.
    pub string: usize,
}

impl Limits {
    /// The deepest nesting that can be allowed, so that reading a document never exhausts the stack.
    ///
    /// It is one less than `serde_json` reads at most, so that the rule that is broken is always ours to name.
    pub const MAX_DEPTH: usize = 126;

    /// Limits the document to `bytes` bytes of UTF-8.
    #[must_use]
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Limits nesting to `depth` containers; more than [`Limits::MAX_DEPTH`] counts as that.
    #[must_use]
    pub fn depth(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }

    /// Limits strings and keys to `string` bytes of UTF-8 each.
    #[must_use]
    pub fn string(mut self, string: usize) -> Self {
        self.string = string;
        self
    }

    pub(crate) fn allows_depth(&self, depth: usize) -> bool {
        depth <= self.depth.min(Self::MAX_DEPTH)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 256 * 1024,
            depth: 32,
            string: 64 * 1024,
        }
    }
}
