use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::embedded::frame;
use crate::{Key, Op, Options, Snapshot, Store, StoreUrl, Txn};

async fn snapshot(keys: usize, value: usize) -> Snapshot {
    let store = Store::open(&StoreUrl::Memory, Options::default()).await.unwrap();
    for i in 0..keys {
        let tag = (i % 2 == 0).then(|| "tag".into());
        let key = Key::new(format!("pods/default/{i:05}"));
        let op = Op::Put { key, value: vec![i as u8; value].into(), tag };
        store.commit(Txn { conditions: vec![], ops: vec![op] }).await.unwrap();
    }
    store.snapshot()
}

fn bytes(snapshot: &Snapshot) -> Vec<u8> {
    let made = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
    Dump::of(snapshot.clone(), made).flat_map(|frame| frame.to_vec()).collect()
}

fn whole(bytes: &[u8]) -> Result<(Verified, Snapshot), DumpError> {
    read(bytes, |_| ())
}

#[tokio::test]
async fn a_dump_is_read_as_it_was_written() {
    for (keys, value) in [(0, 0), (1, 10), (3000, 100), (5, 300_000)] {
        let snapshot = snapshot(keys, value).await;
        let bytes = bytes(&snapshot);
        let (verified, read) = whole(&bytes).unwrap();
        assert_eq!(verified.length, bytes.len() as u64);
        assert_eq!((verified.head.revision, verified.head.entries), (snapshot.revision(), keys as u64));
        assert_eq!(verified.head.made, UNIX_EPOCH + Duration::from_millis(1_700_000_000_123));
        assert_eq!(read.revision(), snapshot.revision());
        assert!(read.range("", None).eq(snapshot.range("", None)));
    }
}

#[tokio::test]
async fn it_may_arrive_in_pieces_of_any_size() {
    let bytes = bytes(&snapshot(40, 20).await);
    for size in [1, 3, 7, 1000] {
        let mut reader = DumpReader::default();
        let mut keys = 0;
        for piece in bytes.chunks(size) {
            reader.push(piece, |_| keys += 1).unwrap();
        }
        assert_eq!((keys, reader.seen()), (40, 40));
        reader.finish().unwrap();
    }
}

#[tokio::test]
async fn a_dump_that_was_cut_off_anywhere_is_refused() {
    let bytes = bytes(&snapshot(10, 20).await);
    for length in 0..bytes.len() {
        let error = whole(&bytes[..length]).unwrap_err();
        assert!(matches!(error, DumpError::Truncated { length: found } if found == length as u64), "{length}: {error}");
    }
    let longer = [&bytes[..], b"x"].concat();
    assert!(matches!(whole(&longer), Err(DumpError::Corrupt { .. })));
}

#[tokio::test]
async fn a_flipped_bit_anywhere_is_noticed() {
    let bytes = bytes(&snapshot(10, 20).await);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert!(whole(&damaged).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[tokio::test]
async fn frames_of_another_dump_are_noticed() {
    let (one, other) = (snapshot(10, 20).await, snapshot(10, 21).await);
    let now = UNIX_EPOCH;
    let mut frames: Vec<_> = Dump::of(one, now).collect();
    let foreign: Vec<_> = Dump::of(other, now).collect();
    assert_eq!(frames.len(), 3);
    frames[1] = foreign[1].clone();
    let error = whole(&frames.concat()).unwrap_err();
    assert!(matches!(error, DumpError::Corrupt { problem: "the checksum of the whole is wrong", .. }), "{error}");
}

#[test]
fn a_newer_format_and_another_file_are_refused_by_name() {
    let mut newer = Vec::new();
    frame::put(&mut newer, |out| {
        out.extend_from_slice(HEAD);
        frame::put_u32(out, FORMAT + 1);
        out.extend_from_slice(b"whatever it says then");
    });
    let error = whole(&newer).unwrap_err();
    assert!(matches!(error, DumpError::NewerFormat { found: 2, supported: 1 }), "{error}");
    assert!(matches!(whole(b"apiVersion: v1\nkind: Pod\n"), Err(DumpError::NotADump)));
    assert!(matches!(whole(b""), Err(DumpError::Truncated { length: 0 })));
}

/// Written once, by another program, from what the format's description says. Every later version reads it.
#[test]
fn format_1_is_read_for_ever() {
    let (verified, content) = whole(include_bytes!("../../tests/fixtures/format-1.backup")).unwrap();
    assert_eq!((verified.head.revision.0, &*verified.head.writer), (11, "0.1.0"));
    let entries: Vec<_> = content
        .range("", None)
        .map(|entry| {
            (&*entry.key, entry.revision.0, entry.created.0, entry.tag.as_deref(), entry.value.to_bytes().to_vec())
        })
        .collect();
    type Row<'a> = (&'a str, u64, u64, Option<&'a str>, Vec<u8>);
    let expected: [Row; 3] = [
        ("namespaces/default", 3, 2, None, b"{\"kind\":\"Namespace\"}".to_vec()),
        ("pods/default/a", 9, 4, Some("node-1"), b"{\"kind\":\"Pod\"}".to_vec()),
        ("pods/default/b", 7, 7, Some(""), vec![]),
    ];
    assert_eq!(entries, expected);
}
