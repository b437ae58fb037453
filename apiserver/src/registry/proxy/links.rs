//! Links in pages that are passed on: those from the root lead to what is proxied to, not to the API server.

use std::io::Write;

use axum::body::Body;
use flate2::write::GzDecoder;
use futures::{StreamExt, stream};
use http::{HeaderMap, header};

use super::headers::{Place, rewritten as link};

/// The attributes whose value is one link.
const LINKS: [&str; 11] =
    ["href", "src", "action", "formaction", "cite", "poster", "background", "data", "longdesc", "codebase", "manifest"];
/// What a longer tag says is left alone, in bytes.
const LONGEST_TAG: usize = 64 << 10;

/// Whether the answer is a page whose links can be read.
pub fn are_in(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = text(header::CONTENT_TYPE).split(';').next().unwrap_or("").trim();
    media_type.eq_ignore_ascii_case("text/html") && matches!(text(header::CONTENT_ENCODING), "" | "identity" | "gzip")
}

/// The page as it is passed on, uncompressed and piece by piece.
pub fn rewritten(headers: &mut HeaderMap, place: &Place, body: Body) -> Body {
    headers.remove(header::CONTENT_LENGTH);
    let gzip = headers.remove(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip");
    let place = Place { prefix: place.prefix.clone(), host: place.host.clone() };
    let page = Page { place, waiting: vec![], raw: None };
    let plain = gzip.then(|| GzDecoder::new(vec![]));
    let start = Some((body.into_data_stream(), page, plain));
    Body::from_stream(stream::unfold(start, |state| async move {
        let (mut chunks, mut page, mut plain) = state?;
        match chunks.next().await {
            Some(Ok(chunk)) => {
                let chunk = match &mut plain {
                    None => chunk.to_vec(),
                    Some(decoder) => match decoder.write_all(&chunk) {
                        Ok(()) => std::mem::take(decoder.get_mut()),
                        Err(error) => return Some((Err(axum::Error::new(error)), None)),
                    },
                };
                let ready = page.push(&chunk);
                Some((Ok(ready), Some((chunks, page, plain))))
            }
            Some(Err(error)) => Some((Err(error), None)),
            None => {
                let mut rest = match plain.map(GzDecoder::finish) {
                    Some(Err(error)) => return Some((Err(axum::Error::new(error)), None)),
                    Some(Ok(last)) => page.push(&last),
                    None => vec![],
                };
                rest.append(&mut page.waiting);
                Some((Ok::<_, axum::Error>(rest), None))
            }
        }
    }))
}

struct Page {
    place: Place,
    /// The beginning of a tag whose end has not come yet.
    waiting: Vec<u8>,
    /// Inside of an element that holds no tags: its end.
    raw: Option<&'static str>,
}

impl Page {
    /// Takes more of the page and gives what is finished of it.
    fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut text = std::mem::take(&mut self.waiting);
        text.extend_from_slice(chunk);
        let mut out = Vec::with_capacity(text.len() + 64);
        let mut rest = &text[..];
        while let Some(start) = memchr::memchr(b'<', rest) {
            out.extend_from_slice(&rest[..start]);
            rest = &rest[start..];
            if let Some(end) = self.raw {
                if rest.len() < end.len() && end.as_bytes()[..rest.len()].eq_ignore_ascii_case(rest) {
                    break;
                }
                if !starts_with(rest, end) {
                    out.push(b'<');
                    rest = &rest[1..];
                    continue;
                }
                self.raw = None;
            }
            let Some(length) = tag_length(rest) else {
                if rest.len() > LONGEST_TAG {
                    out.push(b'<');
                    rest = &rest[1..];
                    continue;
                }
                break;
            };
            self.tag(&rest[..length], &mut out);
            rest = &rest[length..];
        }
        if memchr::memchr(b'<', rest) == Some(0) {
            self.waiting = rest.to_vec();
        } else {
            out.extend_from_slice(rest);
        }
        out
    }

    fn tag(&mut self, tag: &[u8], out: &mut Vec<u8>) {
        const RAW: [(&str, &str); 4] =
            [("<script", "</script"), ("<style", "</style"), ("<textarea", "</textarea"), ("<title", "</title")];
        if !tag.get(1).is_some_and(u8::is_ascii_alphabetic) {
            return out.extend_from_slice(tag);
        }
        let of_name = |(start, end): &(&str, &'static str)| {
            let next = tag.get(start.len()).is_none_or(|next| !next.is_ascii_alphanumeric());
            (starts_with(tag, start) && next).then_some(*end)
        };
        self.raw = RAW.iter().find_map(of_name);
        let mut copied = 0;
        for (start, end) in links(tag) {
            let Ok(value) = std::str::from_utf8(&tag[start..end]) else { continue };
            if let Some(changed) = link(value, &self.place) {
                out.extend_from_slice(&tag[copied..start]);
                out.extend_from_slice(changed.as_bytes());
                copied = end;
            }
        }
        out.extend_from_slice(&tag[copied..]);
    }
}

fn starts_with(text: &[u8], word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// How long the tag or comment is that begins here; `None`: its end is not here yet.
fn tag_length(text: &[u8]) -> Option<usize> {
    if text.starts_with(b"<!--") {
        return memchr::memmem::find(&text[4..], b"-->").map(|at| at + 7);
    }
    if matches!(text, b"<" | b"<!" | b"<!-") {
        return None;
    }
    // A `<` that begins no tag is text.
    if !matches!(text[1], b'/' | b'!' | b'?') && !text[1].is_ascii_alphabetic() {
        return Some(1);
    }
    let mut quote = None;
    for (position, byte) in text.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(position + 1),
            (None, b'"' | b'\'') if text[..position].iter().rev().find(|b| !b.is_ascii_whitespace()) == Some(&b'=') => {
                quote = Some(*byte);
            }
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    None
}

/// Where the values of attributes stand that are links.
fn links(tag: &[u8]) -> Vec<(usize, usize)> {
    let mut found = vec![];
    let space = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'/';
    let skip =
        |from: usize, while_: &dyn Fn(&u8) -> bool| from + tag[from..].iter().take_while(|byte| while_(byte)).count();
    let mut at = skip(1, &|byte| !space(byte) && *byte != b'>');
    while at < tag.len() {
        at = skip(at, &space);
        let name = at;
        at = skip(at, &|byte| !space(byte) && !matches!(byte, b'=' | b'>'));
        let name = &tag[name..at];
        at = skip(at, &u8::is_ascii_whitespace);
        if tag.get(at) != Some(&b'=') {
            if name.is_empty() {
                at += 1;
            }
            continue;
        }
        at = skip(at + 1, &u8::is_ascii_whitespace);
        let (start, end, next) = match tag.get(at) {
            Some(quote @ (b'"' | b'\'')) => {
                let end = skip(at + 1, &|byte| byte != quote);
                (at + 1, end, end + 1)
            }
            _ => {
                let end = skip(at, &|byte| !byte.is_ascii_whitespace() && *byte != b'>');
                (at, end, end)
            }
        };
        if LINKS.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes())) {
            found.push((start, end));
        }
        at = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(pieces: &[&str]) -> String {
        let place = Place { prefix: "/p".into(), host: "here".into() };
        let mut page = Page { place, waiting: vec![], raw: None };
        let mut out: Vec<u8> = pieces.iter().flat_map(|piece| page.push(piece.as_bytes())).collect();
        out.extend(page.waiting);
        String::from_utf8(out).expect("text")
    }

    const CASES: &[(&str, &str)] = &[
        ("<a href=\"/x\">/x</a>", "<a href=\"/p/x\">/x</a>"),
        ("<IMG alt='a>b' SRC = '/i.png'/>", "<IMG alt='a>b' SRC = '/p/i.png'/>"),
        ("<a href=/x class=b>", "<a href=/p/x class=b>"),
        (
            "<a href=\"x\"><a href=\"//e/x\"><a href=\"https://e/\">",
            "<a href=\"x\"><a href=\"//e/x\"><a href=\"https://e/\">",
        ),
        ("<a href=\"https://here/x\" href=\"\" id=\"/x\">", "<a href=\"/p/x\" href=\"\" id=\"/x\">"),
        ("<form action=\"/do\" disabled><br/>", "<form action=\"/p/do\" disabled><br/>"),
        (
            "<script src=\"/a.js\">if (1<2) s='<a href=\"/x\">'</script><a href=\"/y\">",
            "<script src=\"/p/a.js\">if (1<2) s='<a href=\"/x\">'</script><a href=\"/p/y\">",
        ),
        ("<!-- <a href=\"/x\"> --><p>1 < 2 <", "<!-- <a href=\"/x\"> --><p>1 < 2 <"),
        ("<!doctype html>\u{e9}<link href='/\u{e9}'>", "<!doctype html>\u{e9}<link href='/p/\u{e9}'>"),
        ("<a =\"/x\" / = href=", "<a =\"/x\" / = href="),
    ];

    #[test]
    fn links_from_the_root_lead_below_the_proxy() {
        for (text, expected) in CASES {
            assert_eq!(page(&[text]), *expected, "{text}");
        }
    }

    #[test]
    fn it_does_not_matter_where_a_page_is_cut() {
        for (text, expected) in CASES {
            for (at, _) in text.char_indices() {
                assert_eq!(page(&[&text[..at], &text[at..]]), *expected, "{text} cut at {at}");
            }
        }
    }

    #[test]
    fn whatever_a_tag_holds_it_comes_to_an_end() {
        for text in ["<a ===>", "<a \"'>", "<a href=\"\"\"\">", "<a href='>", "<a/href=/x/>", "<a href=>", "<a href= >"]
        {
            let out = page(&[text]);
            assert!(out.len() >= text.len(), "{text} became {out}");
        }
        assert_eq!(page(&["<a/href=/x/>"]), "<a/href=/p/x/>");
    }
}
