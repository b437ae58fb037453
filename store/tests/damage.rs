//! Damaged, cut, missing, foreign and newer files: always a named error, never a start with less.

mod suite;

use std::fs;
use std::path::{Path, PathBuf};

use suite::place::{Directory, Place};
use suite::{churn, put, put_tagged, write};
use timonier_store::{OpenError, Options, ReadError, Revision, Store, StoreUrl, WatchEnd};

/// A store with a checkpoint, several log files and history before the checkpoint.
async fn make(place: &Directory) -> Vec<String> {
    let shorter = vec![("beats/".into(), std::time::Duration::ZERO)];
    let options = Options { segment_bytes: 1000, checkpoint_bytes: 3000, shorter, ..Options::default() };
    let store = place.open_with(options).await;
    for i in 0..30 {
        let value = format!("value {i} {}", "x".repeat(i * 3));
        write(&store, vec![put_tagged(&format!("pods/p{}", i % 7), &value, Some("n1"))]).await;
        write(&store, vec![put("beats/b", &format!("beat {i} {}", "x".repeat(50)))]).await;
    }
    // Compaction is one of the reasons for the janitor to look for work at once.
    store.compact(Revision(12)).await.unwrap();
    suite::within("a checkpoint", async {
        while !names(&place.path()).iter().any(|name| name.ends_with(".snap")) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // And one for leaving something out of the history before it.
    suite::within("a file without heartbeats", async {
        while store.oldest_of("beats/") <= store.oldest() {
            store.compact(store.oldest()).await.unwrap();
            tokio::task::yield_now().await;
        }
    })
    .await;
    churn(&store, "after/the-checkpoint", 10).await;
    let contents = suite::history::contents(&store.snapshot());
    store.close().await;
    contents
}

fn names(dir: &Path) -> Vec<String> {
    let files = fs::read_dir(dir).unwrap();
    let name = |file: fs::DirEntry| file.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = files.map(|file| name(file.unwrap())).collect();
    names.retain(|name| name != "lock");
    names.sort();
    names
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in names(from) {
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

async fn open(dir: &Path) -> Result<Store, OpenError> {
    Store::open(&StoreUrl::File(dir.to_owned()), Options::default()).await
}

/// Every byte of the small files, and every so many of the others: all kinds of places. `TIMONIER_DAMAGE=every` asks for
/// every byte of all.
fn step(length: usize, step: usize) -> usize {
    let every = std::env::var("TIMONIER_DAMAGE").is_ok_and(|asked| asked == "every");
    if every || length < 200 { 1 } else { step }
}

/// The file that the error is about.
fn culprit(error: &OpenError) -> Option<PathBuf> {
    match error {
        OpenError::Corrupt { file, .. } => Some(file.clone()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_byte_flipped_anywhere_is_a_named_error() {
    let place = Directory::new();
    let contents = make(&place).await;
    let work = tempfile::tempdir().unwrap();
    let dir = work.path().join("copy");
    copy(&place.path(), &dir);
    let names = names(&dir);
    assert!(names.iter().filter(|name| name.ends_with(".seg")).count() > 3, "{names:?}");
    for name in &names {
        let intact = fs::read(dir.join(name)).unwrap();
        for at in (0..intact.len()).step_by(step(intact.len(), 7)) {
            let mut flipped = intact.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(dir.join(name), &flipped).unwrap();
            match open(&dir).await {
                Err(error) => assert_eq!(culprit(&error), Some(dir.join(name)), "{at}: {error}"),
                Ok(_) => panic!("{name} with a flipped bit at {at} was opened"),
            }
        }
        fs::write(dir.join(name), &intact).unwrap();
    }
    let store = open(&dir).await.expect("repaired");
    assert_eq!(suite::history::contents(&store.snapshot()), contents);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_cut_anywhere_or_missing_is_a_named_error() {
    let place = Directory::new();
    let contents = make(&place).await;
    let work = tempfile::tempdir().unwrap();
    let dir = work.path().join("copy");
    copy(&place.path(), &dir);
    for name in names(&dir) {
        let intact = fs::read(dir.join(&name)).unwrap();
        for length in (0..intact.len()).step_by(step(intact.len(), 13)) {
            fs::write(dir.join(&name), &intact[..length]).unwrap();
            match open(&dir).await {
                Err(error) => assert!(culprit(&error).is_some(), "{error}"),
                Ok(_) => panic!("{name} cut at {length} was opened"),
            }
        }
        fs::remove_file(dir.join(&name)).unwrap();
        match open(&dir).await {
            Err(error) => assert!(culprit(&error).is_some(), "{error}"),
            // A log that goes back to the beginning needs no checkpoint.
            Ok(store) => assert_eq!(suite::history::contents(&store.snapshot()), contents),
        }
        fs::write(dir.join(&name), &intact).unwrap();
    }
    open(&dir).await.expect("repaired");
}

/// Puts something in a file's place of which the system refuses to read a byte.
fn make_unreadable(file: &Path, aside: &Path) {
    fs::rename(file, aside).unwrap();
    fs::create_dir(file).unwrap();
}

fn make_readable(file: &Path, aside: &Path) {
    fs::remove_dir(file).unwrap();
    fs::rename(aside, file).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_to_read_a_file_is_a_named_error_and_no_damage() {
    let place = Directory::new();
    let contents = make(&place).await;
    let work = tempfile::tempdir().unwrap();
    let dir = work.path().join("copy");
    copy(&place.path(), &dir);
    for name in names(&dir) {
        let file = dir.join(&name);
        // Outside the directory, where it would be a foreign file.
        let aside = work.path().join("aside");
        make_unreadable(&file, &aside);
        match open(&dir).await.err() {
            Some(OpenError::Io { path, .. }) => assert_eq!(path, file),
            other => panic!("{name}: {other:?}"),
        }
        make_readable(&file, &aside);
    }
    let store = open(&dir).await.expect("nothing was lost");
    assert_eq!(suite::history::contents(&store.snapshot()), contents);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_that_cannot_be_read_stops_neither_writes_nor_reads_of_what_is_there() {
    let place = Directory::new();
    let options = Options { segment_bytes: 1000, tail_events: 4, ..Options::default() };
    let store = place.open_with(options).await;
    let first = write(&store, vec![put("a", "first")]).await;
    churn(&store, "b", 60).await;
    let file = names(&place.path()).into_iter().find(|name| name.ends_with(".seg")).expect("a log file");
    let file = place.path().join(file);
    let aside = place.path().with_extension("aside");
    make_unreadable(&file, &aside);
    let Err(ReadError::Unavailable(problem)) = store.at(first).await else { panic!("{} was read", file.display()) };
    assert!(problem.contains(&*file.to_string_lossy()), "{problem}");
    let mut late = store.watch(first, suite::everything()).expect("a watch");
    assert!(matches!(late.next().await, Err(WatchEnd::Failed(ReadError::Unavailable(_)))));
    write(&store, vec![put("c", "later")]).await;
    assert!(store.snapshot().get("a").is_some() && store.snapshot().get("c").is_some());
    make_readable(&file, &aside);
    assert!(store.at(first).await.expect("readable again").get("a").is_some());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unfinished_write_at_the_end_is_cut_off() {
    let place = Directory::new();
    let contents = make(&place).await;
    let last = names(&place.path()).into_iter().rfind(|name| name.ends_with(".seg"));
    let last = place.path().join(last.unwrap());
    let intact = fs::read(&last).unwrap();
    for garbage in [vec![0; 300], vec![7; 5], intact[40..100].to_vec()] {
        fs::write(&last, [&intact[..], &garbage].concat()).unwrap();
        let store = open(&place.path()).await.expect("only garbage at the end");
        assert_eq!(suite::history::contents(&store.snapshot()), contents);
        store.close().await;
        assert_eq!(fs::read(&last).unwrap(), intact);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_before_a_later_write_is_no_unfinished_write_even_behind_the_mark() {
    let place = Directory::new();
    let store = place.open().await;
    write(&store, vec![put("a", "1")]).await;
    store.close().await;
    // A power failure may leave a mark that is older than the log.
    let old_mark = fs::read(place.path().join("mark")).unwrap();
    let store = place.open().await;
    churn(&store, "b", 3).await;
    store.close().await;
    fs::write(place.path().join("mark"), old_mark).unwrap();

    let log = place.path().join("log-00000000000000000001.seg");
    let mut bytes = fs::read(&log).unwrap();
    let at = bytes.windows(7).position(|w| w == b"value 0").unwrap();
    bytes[at] ^= 1;
    fs::write(&log, bytes).unwrap();
    let error = open(&place.path()).await.err().expect("damage");
    assert_eq!(culprit(&error), Some(log));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_format_is_refused_by_name() {
    let place = Directory::new();
    place.open().await.close().await;
    let body = "timonier store\nformat 7\nwriter 9.0.0\nbase 1\n";
    let text = format!("{body}crc32c {:08x}\n", crc32c::crc32c(body.as_bytes()));
    fs::write(place.path().join("format"), text).unwrap();
    let error = open(&place.path()).await.err().expect("too new");
    let OpenError::NewerFormat { found, supported, .. } = error else {
        panic!("{error}");
    };
    assert_eq!((found, supported), (7, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_in_use_is_refused_with_the_process_that_uses_it() {
    let place = Directory::new();
    let store = place.open().await;
    let error = open(&place.path()).await.err().expect("locked");
    let pid = std::process::id().to_string();
    assert!(error.to_string().contains(&pid), "{error}");
    assert!(error.to_string().contains(&*place.path().to_string_lossy()), "{error}");
    store.close().await;
    open(&place.path()).await.expect("free again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_with_other_files_is_left_alone() {
    let work = tempfile::tempdir().unwrap();
    fs::write(work.path().join("letters.txt"), "dear").unwrap();
    let error = open(work.path()).await.err().expect("not a store");
    assert!(matches!(error, OpenError::NotAStore { .. }), "{error}");
    assert_eq!(fs::read_dir(work.path()).unwrap().count(), 1);
    Store::destroy(&StoreUrl::File(work.path().to_owned())).await.expect("nothing to do");
    assert_eq!(fs::read_to_string(work.path().join("letters.txt")).unwrap(), "dear");
}

/// Opens the fixture of a format, as the first version that wrote it left it. These tests stay for as long as we read it.
async fn format_is_read(name: &str) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let work = tempfile::tempdir().unwrap();
    let dir = work.path().join("store");
    copy(&fixture, &dir);
    let store = open(&dir).await.expect(name);
    let contents = suite::history::contents(&store.snapshot()).join("\n");
    let expected = fs::read_to_string(fixture.with_extension("txt")).unwrap();
    assert_eq!(contents, expected.trim_end());
    // It goes on in the newest format.
    let last = churn(&store, "pods/after-the-upgrade", 3).await;
    let mut watch = store.watch(store.oldest(), timonier_store::Filter::prefix("pods/")).unwrap();
    assert!(suite::until(&mut watch, last).await.len() > 15);
    let oldest = store.oldest_of("");
    let mut watch = store.watch(oldest, suite::everything()).unwrap();
    assert_eq!(suite::until(&mut watch, last).await.len() as u64, last.0 - oldest.0);
    store.close().await;
    assert_eq!(open(&dir).await.expect(name).snapshot().revision(), last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn format_1_is_read() {
    format_is_read("format-1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn format_2_is_read() {
    format_is_read("format-2").await;
}

/// Writes the fixture of the format that this version writes.
/// `cargo test -p timonier-store --test damage -- --ignored` after a change of format.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes into the source tree"]
async fn write_the_fixture() {
    let place = Directory::new();
    let contents = make(&place).await;
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-2");
    assert!(!fixture.exists(), "a fixture is never replaced");
    copy(&place.path(), &fixture);
    fs::write(fixture.with_extension("txt"), contents.join("\n") + "\n").unwrap();
}
