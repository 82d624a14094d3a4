//! The shim between a program and its C library, and the page of numbers that tells it what goes wrong.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// No room on the device.
pub const ENOSPC: u64 = 28;
/// The device failed.
pub const EIO: u64 = 5;

/// The library, compiled once.
static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{}.so", std::process::id()));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/shim.c");
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(&library).args([source, "-ldl", "-lpthread"]).status();
    assert!(compiled.expect("cc is there (scripts/setup test)").success());
    library
});

/// Numbers of the page, in their order in `shim.c`.
#[derive(Clone, Copy)]
enum Number {
    Calls,
    First,
    Last,
    Error,
    Half,
    Delay,
    Failed,
    Clock,
}

/// What goes wrong with the files of one store.
pub struct Faults {
    page: File,
    path: PathBuf,
    store: PathBuf,
}

impl Faults {
    /// None yet, of the store at this path; the page lies in the folder above.
    pub fn of(store: &Path) -> Self {
        let path = store.parent().and_then(Path::parent).expect("a folder above").join("faults");
        let page = File::options().create(true).truncate(true).read(true).write(true).open(&path).expect("a page");
        page.set_len(4096).expect("its length");
        Faults { page, path, store: store.to_owned() }
    }

    /// Has a program run with them.
    pub fn put_under<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("LD_PRELOAD", &*LIBRARY).env("FAULTS_PREFIX", &self.store).env("FAULTS_CONTROL", &self.path)
    }

    /// The same, and every change is written to a file.
    pub fn put_under_with_log<'a>(&self, command: &'a mut Command, log: &Path) -> &'a mut Command {
        self.put_under(command).env("FAULTS_LOG", log)
    }

    fn get(&self, number: Number) -> u64 {
        let mut bytes = [0; 8];
        self.page.read_exact_at(&mut bytes, 8 * number as u64).expect("a page");
        u64::from_le_bytes(bytes)
    }

    fn set(&self, number: Number, value: u64) {
        self.page.write_all_at(&value.to_le_bytes(), 8 * number as u64).expect("a page");
    }

    /// Calls that change the store, so far.
    pub fn calls(&self) -> u64 {
        self.get(Number::Calls)
    }

    /// Calls that failed.
    pub fn failed(&self) -> u64 {
        self.get(Number::Failed)
    }

    /// Has the n-th call from now fail, and it alone; `half` has half of it done.
    pub fn fail_nth(&self, n: u64, error: u64, half: bool) {
        self.fail(self.calls() + n, self.calls() + n, error, half);
    }

    /// Has every call fail from now on.
    pub fn fail_all(&self, error: u64) {
        self.fail(1, u64::MAX, error, false);
    }

    fn fail(&self, first: u64, last: u64, error: u64, half: bool) {
        self.set(Number::First, 0);
        for (number, value) in [(Number::Error, error), (Number::Half, half.into()), (Number::Last, last), (Number::First, first)] {
            self.set(number, value);
        }
    }

    /// Lets nothing fail any more.
    pub fn stop(&self) {
        self.set(Number::First, 0);
        self.set(Number::Delay, 0);
    }

    /// Has each call take so much longer.
    pub fn delay(&self, by: std::time::Duration) {
        self.set(Number::Delay, by.as_micros().try_into().expect("short"));
    }

    /// Puts the clock on the wall ahead by so many seconds.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.set(Number::Clock, (seconds * 1_000_000_000).cast_unsigned());
    }
}
