//! Damaged stores: what is set aside, what stays where it is, and that all who use the store go on with the new one.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use super::*;
use crate::daemon::fixture::{SEVEN, finding, sighting};
use crate::engine::sighting::Sighting;

const PAGE: usize = 4096;

/// A store with some sightings, closed.
async fn store(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("s.sqlite");
    let store = Store::open(path.to_str().unwrap()).await.unwrap();
    store.commit(&many(0), None).await.unwrap();
    store.close().await;
    path
}

fn many(round: u64) -> Batch {
    let one = |n: u64| Sighting { client: format!("10.0.{round}.{n}").into(), first_seen: SEVEN.plus_seconds(n), ..sighting() };
    (0..200).map(one).map(finding).collect::<Vec<_>>().into()
}

/// Overwrites so many pages from that one on; the first is 0.
fn damage(path: &Path, from: usize, pages: usize, byte: u8) {
    let file = File::options().write(true).open(path).unwrap();
    file.write_all_at(&vec![byte; pages * PAGE], (from * PAGE) as u64).unwrap();
}

#[tokio::test]
async fn a_store_of_ours_whose_beginning_is_lost_is_set_aside() {
    for byte in [0, 0xff] {
        let folder = tempfile::tempdir().unwrap();
        let path = store(&folder).await;
        let url = path.to_str().unwrap();
        if byte == 0 {
            damage(&path, 0, 1, 0);
        } else {
            // All but the header.
            File::options().write(true).open(&path).unwrap().write_all_at(&[byte; PAGE - 100], 100).unwrap();
        }
        let was = fs::read(&path).unwrap();
        assert!(matches!(Store::open(url).await, Err(StoreError::Damaged(_))), "only a daemon sets it aside");
        let (store, aside) = Store::open_or_begin_anew(url, SEVEN).await.unwrap();
        let aside = aside.expect("set aside");
        assert_eq!(aside.file_name().unwrap(), "s.sqlite.corrupt-20261123T070000Z");
        assert_eq!(fs::read(&aside).unwrap(), was, "nothing of it is lost");
        store.commit(&many(1), None).await.unwrap();
        assert_eq!(store.open_sightings().await.unwrap().len(), 200);
    }
}

#[tokio::test]
async fn a_log_goes_with_its_store_and_no_name_is_used_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = store(&folder).await;
    for end in ["", ".1"] {
        fs::write(folder.path().join("s.sqlite-wal"), "an old log").unwrap();
        let aside = aside::set_aside(&path, SEVEN).unwrap();
        assert_eq!(aside.file_name().unwrap().to_str().unwrap(), format!("s.sqlite.corrupt-20261123T070000Z{end}"));
        assert_eq!(fs::read(format!("{}-wal", aside.display())).unwrap(), b"an old log");
        fs::copy(aside, &path).unwrap();
    }
    assert!(!folder.path().join("s.sqlite-wal").exists());
}

#[tokio::test]
async fn a_page_met_later_is_found_and_every_clone_goes_on_with_the_new_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = store(&folder).await;
    let store = Store::open(path.to_str().unwrap()).await.unwrap();
    let clone = store.clone();
    assert_eq!(clone.begin_anew(SEVEN, &[]).await.unwrap(), None, "a sound store stays");
    let pages = fs::metadata(&path).unwrap().len() as usize / PAGE;
    damage(&path, 1, pages - 1, 0xaa);
    let error = store.commit(&many(1), None).await.unwrap_err();
    assert!(error.is_damage() && error.to_string().contains("remedy: "), "{error}");
    let aside = store.begin_anew(SEVEN, &[]).await.unwrap().expect("set aside");
    assert_eq!(fs::metadata(&aside).unwrap().len() as usize, pages * PAGE);
    assert_eq!(store.begin_anew(SEVEN, &[]).await.unwrap(), None, "whoever saw the same damage finds the new store sound");
    clone.commit(&many(1), None).await.unwrap();
    for store in [&store, &clone] {
        assert_eq!(store.open_sightings().await.unwrap().len(), 200);
    }
    store.close().await;
    let opened = Store::open(path.to_str().unwrap()).await.unwrap();
    assert_eq!(opened.open_sightings().await.unwrap().len(), 200, "it went to the new file");
}

#[tokio::test]
async fn what_is_not_known_to_be_ours_and_the_sixth_in_a_row_stay_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter.txt");
    fs::write(&path, "this is no database, whatever an operator wrote").unwrap();
    let error = Store::open_or_begin_anew(path.to_str().unwrap(), SEVEN).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)) && path.exists(), "{error}");

    let path = store(&folder).await;
    for _ in 0..aside::MOST_ASIDE {
        damage(&path, 0, 1, 0);
        let (store, aside) = Store::open_or_begin_anew(path.to_str().unwrap(), SEVEN).await.unwrap();
        assert!(aside.is_some());
        store.close().await;
    }
    damage(&path, 0, 1, 0);
    let error = Store::open_or_begin_anew(path.to_str().unwrap(), SEVEN).await.unwrap_err();
    assert!(error.to_string().contains("look at the disk") && path.exists(), "{error}");
    assert_eq!(aside::set_aside_before(&path).len(), aside::MOST_ASIDE);
}
