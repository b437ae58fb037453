use proptest::prelude::*;

use super::*;

fn headers(pairs: &[(&str, &str)]) -> Headers {
    pairs.iter().copied().collect()
}

fn encode(frames: &[Frame]) -> Vec<u8> {
    let (mut encoder, mut out) = (Encoder::default(), BytesMut::new());
    for frame in frames {
        encoder.encode(frame, &mut out).expect("encoded");
    }
    out.to_vec()
}

/// Decodes bytes that come in pieces, and joins the parts of data frames.
fn decode(bytes: &[u8], piece: usize) -> Result<Vec<Frame>, SpdyError> {
    let (mut decoder, mut buffer, mut frames) = (Decoder::default(), BytesMut::new(), Vec::<Frame>::new());
    let mut open = false;
    for piece in bytes.chunks(piece.max(1)) {
        buffer.extend_from_slice(piece);
        while let Some(frame) = decoder.decode(&mut buffer)? {
            let whole = decoder.data.is_none();
            match (frames.last_mut(), frame) {
                (Some(Frame::Data { fin, bytes, .. }), Frame::Data { fin: ends, bytes: more, .. }) if open => {
                    *bytes = [&bytes[..], &more[..]].concat().into();
                    *fin = ends;
                }
                (_, frame) => frames.push(frame),
            }
            open = !whole;
        }
    }
    Ok(frames)
}

fn some_of_each() -> Vec<Frame> {
    vec![
        Frame::SynStream { stream: 1, fin: false, headers: headers(&[("streamtype", "error"), ("port", "80")]) },
        Frame::SynReply { stream: 1, fin: false, headers: headers(&[]) },
        Frame::SynStream { stream: 3, fin: true, headers: headers(&[("streamtype", "data"), ("requestid", "0")]) },
        Frame::Data { stream: 3, fin: false, bytes: Bytes::from_static(b"hello") },
        Frame::Data { stream: 3, fin: true, bytes: Bytes::new() },
        Frame::Settings(vec![(INITIAL_WINDOW_SIZE, 65_536)]),
        Frame::WindowUpdate { stream: 0, delta: 17 },
        Frame::Ping(2),
        Frame::Headers { stream: 1, fin: true, headers: headers(&[("more", "a\0b")]) },
        Frame::RstStream { stream: 3, status: CANCEL },
        Frame::GoAway { last_good: 3, status: 0 },
    ]
}

#[test]
fn frames_survive_the_way_however_they_are_cut() {
    let bytes = encode(&some_of_each());
    for piece in [1, 2, 3, 5, 8, 13, 100, 10_000] {
        assert_eq!(decode(&bytes, piece), Ok(some_of_each()), "pieces of {piece}");
    }
}

#[test]
fn a_frame_has_the_bytes_that_the_draft_gives_it() {
    let cases = [
        (Frame::Ping(1), "80030006 00000004 00000001"),
        (Frame::RstStream { stream: 5, status: 3 }, "80030003 00000008 00000005 00000003"),
        (Frame::WindowUpdate { stream: 1, delta: 256 }, "80030009 00000008 00000001 00000100"),
        (Frame::Data { stream: 1, fin: true, bytes: Bytes::from_static(b"a") }, "00000001 01000001 61"),
    ];
    for (frame, expected) in cases {
        assert_eq!(hex::encode(encode(&[frame])), expected.replace(' ', ""));
    }
}

#[test]
fn what_the_protocol_does_not_allow_is_an_error() {
    let refused = |hexadecimal: &str| decode(&hex::decode(hexadecimal.replace(' ', "")).expect("hex"), 99).err();
    assert_eq!(refused("80020006 00000004 00000001"), Some(SpdyError::Version(2)));
    assert_eq!(refused("80030006 00000002 0000"), Some(SpdyError::Length { kind: 6, length: 2 }));
    assert_eq!(refused("80030001 00ffffff"), Some(SpdyError::Length { kind: 1, length: 0xff_ffff }));
    assert_eq!(refused("80030004 00000004 ffffffff"), Some(SpdyError::Length { kind: 4, length: 4 }));
    assert!(matches!(refused("80030002 00000008 00000001 ffffffff"), Some(SpdyError::Headers(_))));
    assert_eq!(decode(&hex::decode("8003000f00000000").expect("hex"), 9), Ok(vec![Frame::Unknown(15)]));
}

#[test]
fn a_block_that_unpacks_to_too_much_is_refused() {
    let large = "x".repeat(crate::spdy::headers::LIMIT);
    let bytes = encode(&[Frame::SynReply { stream: 1, fin: false, headers: headers(&[("a", &large)]) }]);
    assert!(bytes.len() < 1000, "it packs well");
    assert!(matches!(decode(&bytes, 10_000), Err(SpdyError::Headers(text)) if text.contains("more than")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_headers_survive_in_one_context(
        blocks in prop::collection::vec(prop::collection::vec(("[a-z]{1,20}", "\\PC{0,2000}"), 0..6), 1..6),
        piece in 1usize..3000,
    ) {
        let frames: Vec<_> = blocks
            .into_iter()
            .map(|pairs| Frame::SynReply { stream: 7, fin: false, headers: pairs.into_iter().collect() })
            .collect();
        prop_assert_eq!(decode(&encode(&frames), piece), Ok(frames));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), control in any::<bool>()) {
        let mut bytes = bytes;
        if control && bytes.len() > 8 {
            bytes[..2].copy_from_slice(&[0x80, 3]);
            bytes[2] = 0;
            bytes[3] %= 10;
            bytes[5] = 0;
            bytes[6] = 0;
        }
        let _either = decode(&bytes, 50);
    }
}
