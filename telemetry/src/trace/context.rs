//! Where in which trace somebody is: the header `traceparent` of W3C Trace Context.

use std::fmt;
use std::str::FromStr;

use http::{HeaderMap, HeaderValue};

pub const HEADER: &str = "traceparent";

/// One span of one trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    pub trace: u128,
    pub span: u64,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

impl Context {
    /// The beginning of a trace.
    pub fn root() -> Context {
        // Zero means none.
        Context { trace: rand::random::<u128>().max(1), span: 0, sampled: true }.child()
    }

    /// Another span of the same trace.
    pub fn child(self) -> Context {
        Context { span: rand::random::<u64>().max(1), ..self }
    }
}

/// The text is none, or of a version that we don't know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl FromStr for Context {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Context, Malformed> {
        let mut parts = text.trim().split('-');
        let mut field = |length: usize| {
            let part = parts.next().filter(|part| part.len() == length);
            part.filter(|part| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))).ok_or(Malformed)
        };
        let version = field(2)?;
        let (trace, span, flags) = (field(32)?, field(16)?, field(2)?);
        // A later version may add fields; this one has none.
        if version == "ff" || (version == "00" && parts.next().is_some()) {
            return Err(Malformed);
        }
        let trace = u128::from_str_radix(trace, 16).map_err(|_| Malformed)?;
        let span = u64::from_str_radix(span, 16).map_err(|_| Malformed)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| Malformed)?;
        if trace == 0 || span == 0 { Err(Malformed) } else { Ok(Context { trace, span, sampled: flags & 1 == 1 }) }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

/// Tells whoever gets this request where in which trace it comes from. One that says so already stays.
pub fn inject(headers: &mut HeaderMap) {
    if headers.contains_key(HEADER) {
        return;
    }
    if let Some(value) = Context::current().and_then(|context| HeaderValue::from_str(&context.to_string()).ok()) {
        headers.insert(HEADER, value);
    }
}

/// The same as text, of the request that came.
pub fn of(headers: &HeaderMap) -> Option<&str> {
    headers.get(HEADER)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_read_as_it_is_written() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context: Context = text.parse().unwrap();
        assert_eq!((context.span, context.sampled), (0xb7ad6b7169203331, true));
        assert_eq!(context.to_string(), text);
        let root = Context::root();
        assert_eq!(root.to_string().parse(), Ok(root));
        assert!(root.child().trace == root.trace && root.child().span != root.span);
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-more";
        assert!(later.parse::<Context>().is_ok_and(|context| !context.sampled));
    }

    #[test]
    fn what_is_none_is_passed_over() {
        for text in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(text.parse::<Context>(), Err(Malformed), "{text}");
        }
    }
}
