//! Signed bundles of signatures: nothing but what was signed is ever opened.

use std::cell::OnceCell;

use arbitrary::{Arbitrary, Unstructured};
use minisign_verify::PublicKey;
use shadowtap::daemon::bundle::{Bundle, BundledFile, SecretKey, seal};

/// A change to a good bundle.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Change {
    Byte { at: u16, to: u8 },
    Insert { at: u16, byte: u8 },
    Remove { at: u16, length: u8 },
    Cut { at: u16 },
    Repeat { from: u16, length: u8 },
}

struct Signed {
    bytes: Vec<u8>,
    bundle: Bundle,
    keys: Vec<PublicKey>,
}

thread_local! {
    static SIGNED: OnceCell<Signed> = const { OnceCell::new() };
}

/// Any bytes are refused; a changed bundle is refused, or says what the good one says (its untrusted comment is nobody's word).
pub fn run(data: &[u8]) {
    SIGNED.with(|signed| {
        let signed = signed.get_or_init(signed_bundle);
        assert!(Bundle::open(data, &signed.keys).is_err(), "a bundle out of nothing");
        let mut bytes = signed.bytes.clone();
        let mut u = Unstructured::new(data);
        for change in u.arbitrary_iter::<Change>().into_iter().flatten().flatten().take(8) {
            apply(change, &mut bytes);
        }
        match Bundle::open(&bytes, &signed.keys) {
            Ok(opened) => assert_eq!(opened, signed.bundle, "something else was signed"),
            Err(_) => assert_ne!(bytes, signed.bytes, "the good one is refused"),
        }
        assert!(Bundle::open(&bytes, &[]).is_err(), "nobody's key");
    });
}

fn apply(change: Change, bytes: &mut Vec<u8>) {
    let place = |at: u16, bytes: &[u8]| usize::from(at) % bytes.len().max(1);
    match change {
        _ if bytes.is_empty() => {}
        Change::Byte { at, to } => {
            let at = place(at, bytes);
            bytes[at] = to;
        }
        Change::Insert { at, byte } => bytes.insert(place(at, bytes), byte),
        Change::Remove { at, length } => {
            let from = place(at, bytes);
            bytes.drain(from..(from + usize::from(length)).min(bytes.len()));
        }
        Change::Cut { at } => bytes.truncate(place(at, bytes)),
        Change::Repeat { from, length } => {
            let from = place(from, bytes);
            let piece = bytes[from..(from + usize::from(length)).min(bytes.len())].to_vec();
            bytes.splice(from..from, piece);
        }
    }
}

fn signed_bundle() -> Signed {
    let pair = minisign::KeyPair::generate_unencrypted_keypair().expect("random numbers");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, pair.sk.to_box(None).expect("a key").to_bytes()).expect("written");
    let key = SecretKey::read(&file, None).expect("the key just written");
    let text = |vendor: &str| format!("vendor = \"{vendor}\"\n[[service]]\nid = \"{vendor}.a\"\n");
    let files = ["acme", "zeta"].map(|v| BundledFile { name: format!("{v}.toml"), text: text(v) }).to_vec();
    let bundle = Bundle { version: 7, issued: "2026-11-23".parse().expect("a day"), expires: "2027-02-01".parse().expect("a day"), files };
    let bytes = seal(&bundle, &key).expect("sealed");
    let keys = vec![PublicKey::from_base64(&key.public().expect("public half")).expect("a key")];
    Signed { bytes, bundle, keys }
}
