//! Bundles that lie.

use super::*;

const DAY: Date = Date::constant(2026, 11, 23);

fn bundle() -> Bundle {
    let file = |name: &str| BundledFile { name: name.into(), text: format!("vendor = \"{name}\"\n") };
    Bundle { version: 7, issued: DAY, expires: Date::constant(2027, 2, 1), files: vec![file("acme.toml"), file("zeta.toml")] }
}

fn pinned(key: &SecretKey) -> Vec<PublicKey> {
    vec![PublicKey::from_base64(&key.public().unwrap()).unwrap()]
}

#[test]
fn opens_what_was_sealed() {
    let key = SecretKey::generate();
    let other = SecretKey::generate();
    let bytes = seal(&bundle(), &key).unwrap();
    assert_eq!(Bundle::open(&bytes, &pinned(&key)), Ok(bundle()));
    let both = [pinned(&other), pinned(&key)].concat();
    assert_eq!(Bundle::open(&bytes, &both), Ok(bundle()), "one of the keys is enough, so that keys can be rotated");
    assert_eq!(Bundle::open(&bytes, &pinned(&other)), Err(Distrust::OtherKey));
    assert_eq!(Bundle::open(&bytes, &[]), Err(Distrust::OtherKey));
}

#[test]
fn every_prefix_is_refused_without_panic() {
    let key = SecretKey::generate();
    let (bytes, keys) = (seal(&bundle(), &key).unwrap(), pinned(&key));
    for cut in 0..bytes.len() {
        let error = Bundle::open(&bytes[..cut], &keys).unwrap_err();
        assert!(matches!(error, Distrust::NotABundle | Distrust::Cut(..)), "{cut}: {error}");
    }
    let longer = [&bytes[..], b"\n"].concat();
    assert_eq!(Bundle::open(&longer, &keys), Err(Distrust::Trailing(1)));
}

#[test]
fn every_changed_byte_is_refused_without_panic() {
    let key = SecretKey::generate();
    let (bytes, keys) = (seal(&bundle(), &key).unwrap(), pinned(&key));
    let untrusted = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
    let comment = untrusted..untrusted + bytes[untrusted..].iter().position(|b| *b == b'\n').unwrap();
    for at in (0..bytes.len()).filter(|at| !comment.contains(at)) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(Bundle::open(&changed, &keys).is_err(), "byte {at} ({:?})", bytes[at] as char);
    }
}

#[test]
fn a_signature_of_another_bundle_does_not_fit() {
    let key = SecretKey::generate();
    let newer = seal(&Bundle { version: 8, ..bundle() }, &key).unwrap();
    let older = seal(&bundle(), &key).unwrap();
    let lines = |bytes: &[u8]| bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (newer, mut older) = (lines(&newer), lines(&older));
    older[5].clone_from(&newer[5]);
    assert_eq!(Bundle::open(&older.concat(), &pinned(&key)), Err(Distrust::SignatureWrong));
}

#[test]
fn signed_content_is_still_judged() {
    let key = SecretKey::generate();
    let refused = |change: fn(&mut Bundle)| {
        let mut wrong = bundle();
        change(&mut wrong);
        match Bundle::open(&seal(&wrong, &key).unwrap(), &pinned(&key)) {
            Err(Distrust::Content(why)) => why,
            other => panic!("{other:?}"),
        }
    };
    assert!(refused(|b| b.files[0].name = "../acme.toml".into()).contains("no name of a signature file"));
    assert!(refused(|b| b.files[0].name = ".toml".into()).contains("no name of a signature file"));
    assert!(refused(|b| b.files.reverse()).contains("not sorted"));
    assert!(refused(|b| b.files[1].name = "acme.toml".into()).contains("twice"));
}

#[test]
fn what_is_no_bundle_is_said() {
    let open = |text: &str| Bundle::open(text.as_bytes(), &[]);
    assert_eq!(open("<html>\n"), Err(Distrust::NotABundle));
    assert_eq!(open("shadowtap-signatures 2 9\n"), Err(Distrust::Format("2".into())));
    assert_eq!(open("shadowtap-signatures 1 10\na\nb\nc\nd\n{\"version\""), Err(Distrust::SignatureForm));
    assert_eq!(open(&"x".repeat(100)), Err(Distrust::NotABundle));
    assert_eq!(Bundle::open(&vec![0; MAX_BUNDLE as usize + 1], &[]), Err(Distrust::TooLong));
}

#[test]
fn a_keys_file_is_read_as_minisign_writes_it() {
    let (folder, key) = (tempfile::tempdir().unwrap(), SecretKey::generate());
    let file = folder.path().join("key");
    std::fs::write(&file, key.file_text()).unwrap();
    assert_eq!(SecretKey::read(&file, None).unwrap().public().unwrap(), key.public().unwrap());
    std::fs::write(&file, "no key").unwrap();
    let Err(error) = SecretKey::read(&file, None) else { panic!("accepted") };
    assert_eq!(error.code(), 78);
}
