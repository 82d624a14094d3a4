//! Files that say who clients are: five forms.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;

use shadowtap::daemon::identity::{Files, Format, Source};
use shadowtap::engine::frame::Time;

use super::texts::told;

const FORMATS: [Option<Format>; 6] =
    [None, Some(Format::Csv), Some(Format::Json), Some(Format::Netbox), Some(Format::Dnsmasq), Some(Format::Kea)];

thread_local! {
    /// A file that is written anew for each text: these readers take files only.
    static PLACE: RefCell<Option<(tempfile::TempDir, PathBuf)>> = const { RefCell::new(None) };
}

/// Problems name the file and a line of it; what is said of a client is short, one line; the same file says the same.
pub fn run(data: &[u8]) {
    let Some((format, bytes)) = data.split_first() else { return };
    PLACE.with_borrow_mut(|place| {
        let (_, file) = place.get_or_insert_with(|| {
            let memory = std::path::Path::new("/dev/shm");
            let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a folder");
            let file = folder.path().join("clients");
            (folder, file)
        });
        fs::write(&file, bytes).expect("written");
        let source = Source { file: file.clone(), format: FORMATS[usize::from(*format) % FORMATS.len()] };
        let (files, problems) = Files::read(std::slice::from_ref(&source), &[]);
        let text = String::from_utf8_lossy(bytes);
        told(file, &text, &problems);
        assert!(problems.len() <= 60, "{} problems told", problems.len());
        known(&files, &text);
        let again = files.read_again(&[source], &[]);
        assert!(!again.is_new && again.files.is_same(&files) && again.problems.is_empty(), "the same file says something new");
    });
}

fn known(files: &Files, text: &str) {
    let directory = files.directory();
    assert!(directory.is_empty() || !text.trim().is_empty(), "records of nothing");
    for team in files.teams() {
        assert!(!team.is_empty() && team.len() <= 128 && !team.chars().any(char::is_control) && &*team != "other", "{team:?}");
    }
    for address in [[10, 0, 0, 5], [10, 1, 0, 5], [10, 77, 0, 52]] {
        let known = directory.known(address.into(), None, None, Time::new(1_795_000_000, 0));
        for fact in [&known.host, &known.user, &known.team, &known.site].into_iter().flatten() {
            assert!(!fact.is_empty() && fact.len() <= 253 && !fact.chars().any(char::is_control), "{fact:?}");
        }
    }
}
