//! Originals in a real folder.

use std::fs;

use tempfile::TempDir;

use super::{Blobs, BlobsError, INCOMING};
use crate::domain::source::Sha256;
use crate::limits;

fn open() -> (TempDir, Blobs) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let blobs = Blobs::open(folder.path()).expect("a new folder opens");
    (folder, blobs)
}

async fn receive(blobs: &Blobs, pieces: &[&[u8]]) -> Result<(Sha256, u64), BlobsError> {
    let mut incoming = blobs.receive().await?;
    for piece in pieces {
        incoming.write(piece).await?;
    }
    incoming.finish().await
}

fn waiting(folder: &TempDir) -> usize {
    fs::read_dir(folder.path().join(INCOMING)).expect("a folder").count()
}

/// Digests are those that `sha256sum` prints.
#[tokio::test]
async fn a_file_lies_under_the_hash_of_its_content() {
    let (folder, blobs) = open();
    let long = vec![b'a'; 1_000_000];
    let (pieces, last) = long.as_chunks::<4_099>();
    let pieces: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_slice()).chain([last]).collect();
    let cases: [(&str, Vec<&[u8]>, &str); 4] = [
        ("empty", vec![], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("short", vec![b"abc"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("in pieces", vec![b"a", b"", b"bc"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("long", pieces, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ];
    for (name, pieces, digits) in cases {
        let whole = pieces.concat();
        let (sha256, bytes) = receive(&blobs, &pieces).await.expect("a file");
        assert_eq!((sha256.to_string().as_str(), bytes), (digits, whole.len() as u64), "{name}");
        assert_eq!(blobs.path(sha256), folder.path().join(&digits[..2]).join(digits), "{name}");
        assert!(blobs.read(sha256).await.expect("it is there") == whole, "{name}");
    }
    assert_eq!(waiting(&folder), 0);
}

#[tokio::test]
async fn what_is_not_finished_is_not_there() {
    let (folder, blobs) = open();
    let mut incoming = blobs.receive().await.expect("a file");
    incoming.write(&vec![1; 1 << 20]).await.expect("a piece");
    assert_eq!(waiting(&folder), 1);
    drop(incoming);
    assert_eq!(waiting(&folder), 0);
}

#[tokio::test]
async fn opening_removes_what_others_left_and_sweeping_spares_what_is_under_way() {
    let (folder, blobs) = open();
    fs::write(folder.path().join(INCOMING).join("0123-left"), "by a killed process").expect("a file");
    let mut incoming = blobs.receive().await.expect("a file");
    incoming.write(b"abc").await.expect("a piece");
    assert_eq!(blobs.sweep().expect("a sweep"), 1);
    assert_eq!(waiting(&folder), 1);
    let (sha256, _) = incoming.finish().await.expect("it goes on");
    fs::write(folder.path().join(INCOMING).join("0123-left"), "by a killed process").expect("a file");
    let blobs = Blobs::open(folder.path()).expect("it opens again");
    assert_eq!(waiting(&folder), 0);
    assert_eq!(blobs.read(sha256).await.expect("it is there"), b"abc");
}

#[tokio::test]
async fn one_byte_too_many_is_refused_at_once() {
    let (folder, blobs) = open();
    let mut incoming = blobs.receive().await.expect("a file");
    // As if all but the last byte had come: writing them would tell no more.
    incoming.bytes = limits::UPLOAD_BYTES_MAX - 1;
    incoming.write(b"a").await.expect("the last one that fits");
    assert!(matches!(incoming.write(b"b").await, Err(BlobsError::TooLarge)));
    assert_eq!(waiting(&folder), 0, "its disk space is free again");
    assert!(incoming.finish().await.is_err());
}

#[tokio::test]
async fn the_same_content_again_mends_a_harmed_file_and_removing_twice_is_harmless() {
    let (_folder, blobs) = open();
    let (sha256, _) = receive(&blobs, &[b"abc"]).await.expect("a file");
    fs::write(blobs.path(sha256), "abX").expect("harm");
    assert_eq!(receive(&blobs, &[b"abc"]).await.expect("the same file").0, sha256);
    assert_eq!(blobs.read(sha256).await.expect("it is there"), b"abc");
    blobs.remove(sha256).await.expect("removed");
    blobs.remove(sha256).await.expect("removed already");
    assert!(matches!(blobs.read(sha256).await, Err(BlobsError::Missing(missing)) if missing == sha256));
}

#[test]
fn a_full_disk_is_told_from_other_troubles() {
    let cases = [(rustix::io::Errno::NOSPC, true), (rustix::io::Errno::DQUOT, true), (rustix::io::Errno::IO, false)];
    for (errno, full) in cases {
        let error = BlobsError::from(std::io::Error::from(errno));
        assert_eq!(matches!(error, BlobsError::DiskFull), full, "{error:?}");
    }
}
