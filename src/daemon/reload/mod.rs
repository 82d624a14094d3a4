//! Tells when files that were read change: rewritten, replaced by renaming, reached through a link that was swapped (kubelet's `..data`),
//! removed, or put where there was none. Touching a file without changing it is no change.

mod digest;
mod folders;
mod quiet;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use digest::Content;
use folders::{Folders, folders, matters};
use quiet::Burst;

/// How long things take.
#[derive(Clone, Copy)]
struct Pace {
    /// Silence after which a burst of events has settled.
    quiet: Duration,
    /// The longest a burst may last.
    most: Duration,
    /// How often to look where the kernel cannot tell.
    poll: Duration,
    /// How often to look although the kernel tells: network file systems tell nothing of other machines.
    check: Duration,
}

const PACE: Pace =
    Pace { quiet: Duration::from_millis(250), most: Duration::from_secs(2), poll: Duration::from_secs(5), check: Duration::from_secs(60) };

/// What wakes the watching thread.
enum Message {
    Touched,
    Replace(Vec<PathBuf>),
    Stop,
}

/// What stood in files and folders at a moment.
pub struct Known(BTreeMap<PathBuf, Content>);

impl Known {
    /// What stands in them now; take it before reading them, and give it to [`Watch::since`] once threads may run.
    pub fn now(paths: Vec<PathBuf>) -> Self {
        Known(known(paths, &BTreeMap::new()))
    }
}

/// A watch on files and folders, until it is dropped.
pub struct Watch {
    messages: Sender<Message>,
}

impl Watch {
    /// Watches files and folders (the files right in them); those that do not exist yet too. `on_change` is called on a thread of the
    /// watch's own, once a change has settled: after 250 ms of quiet, 2 s at most. What stands in the files at the time of this call
    /// counts as known, so call it before reading them. Where the kernel's watches are used up, they are looked at every 5 s, which is
    /// said once in the log.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(paths: Vec<PathBuf>, on_change: impl Fn() + Send + 'static) -> Result<Watch, String> {
        Watch::with(PACE, arm, paths, on_change)
    }

    /// The same, where what stood in the files was looked at before: a change since then is told.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn since(known: Known, on_change: impl Fn() + Send + 'static) -> Result<Watch, String> {
        let watch = Watch::from(PACE, arm, known, on_change)?;
        // Looks at once: nothing tells of what changed before the kernel's watches were set.
        watch.tell(Message::Touched);
        Ok(watch)
    }

    /// Watches `paths` from now on. A path watched before is compared with what stood there when `on_change` was last called; a new one
    /// with what stands there now.
    pub fn replace(&self, paths: Vec<PathBuf>) {
        self.tell(Message::Replace(paths));
    }

    fn with(pace: Pace, arm: Arm, paths: Vec<PathBuf>, on_change: impl Fn() + Send + 'static) -> Result<Watch, String> {
        Watch::from(pace, arm, Known::now(paths), on_change)
    }

    fn from(pace: Pace, arm: Arm, Known(known): Known, on_change: impl Fn() + Send + 'static) -> Result<Watch, String> {
        let (messages, incoming) = channel();
        let mut watcher = Watched { pace, arm, known, armed: None, polls: false, events: messages.clone() };
        watcher.rearm();
        let run = move || watcher.run(&incoming, &on_change);
        thread::Builder::new().name("reload".into()).spawn(run).map_err(|e| format!("no thread to watch files: {e}"))?;
        Ok(Watch { messages })
    }

    fn tell(&self, message: Message) {
        // The thread ends only by `Stop` or a panic of `on_change`, whose hook has spoken by then.
        self.messages.send(message).ok();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.tell(Message::Stop);
    }
}

type Arm = fn(&Folders, Sender<Message>) -> notify::Result<RecommendedWatcher>;

/// Sets the kernel's watches.
fn arm(folders: &Folders, events: Sender<Message>) -> notify::Result<RecommendedWatcher> {
    let interest = folders.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file is an event too, our own reading among it. Events without a path say that some were lost.
        let is_idle = |e: notify::Event| {
            matches!(e.kind, EventKind::Access(_)) || (!e.paths.is_empty() && !e.paths.iter().any(|path| matters(&interest, path)))
        };
        if !event.is_ok_and(is_idle) {
            events.send(Message::Touched).ok();
        }
    })?;
    for path in folders.keys() {
        match watcher.watch(path, RecursiveMode::NonRecursive) {
            // Gone since it was found: the next look finds what is there instead.
            Err(notify::Error { kind: notify::ErrorKind::PathNotFound, .. }) | Ok(()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(watcher)
}

/// What the thread knows.
struct Watched {
    pace: Pace,
    arm: Arm,
    known: BTreeMap<PathBuf, Content>,
    armed: Option<(Folders, RecommendedWatcher)>,
    polls: bool,
    events: Sender<Message>,
}

impl Watched {
    fn run(mut self, incoming: &Receiver<Message>, on_change: &dyn Fn()) {
        let mut burst: Option<Burst> = None;
        loop {
            let rest = if self.armed.is_some() { self.pace.check } else { self.pace.poll };
            let wait = burst.map_or(rest, |b| b.left(Instant::now(), self.pace.quiet, self.pace.most));
            match incoming.recv_timeout(wait) {
                Ok(Message::Touched) => burst = Some(Burst::grown(burst, Instant::now())),
                Ok(Message::Replace(paths)) => {
                    self.known = known(paths, &self.known);
                    // Looks at once: a path that stays may have changed meanwhile.
                    burst = Some(Burst::grown(burst, Instant::now()));
                }
                Err(RecvTimeoutError::Timeout) => {
                    burst = None;
                    if self.changed() {
                        on_change();
                    }
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Whether something changed since this was last asked. Watches are set first, so that what changes after the look is told.
    fn changed(&mut self) -> bool {
        self.rearm();
        let now: BTreeMap<_, _> = self.known.keys().map(|path| (path.clone(), Content::at(path))).collect();
        let is_new = now != self.known;
        self.known = now;
        is_new
    }

    /// Sets watches where folders are others than those watched.
    fn rearm(&mut self) {
        let paths: Vec<_> = self.known.keys().cloned().collect();
        let needed = folders(&paths);
        if self.armed.as_ref().is_some_and(|(folders, _)| *folders == needed) {
            return;
        }
        self.armed = None;
        match (self.arm)(&needed, self.events.clone()) {
            Ok(watcher) => {
                if std::mem::take(&mut self.polls) {
                    tracing::info!("changes of files are told by the kernel again");
                }
                self.armed = Some((needed, watcher));
            }
            Err(error) => {
                if !std::mem::replace(&mut self.polls, true) {
                    tracing::warn!(
                        "the kernel cannot tell of changed files ({error}); they are looked at every {} s. Remedy: make their folders \
                         readable; raise fs.inotify.max_user_watches and fs.inotify.max_user_instances",
                        self.pace.poll.as_secs()
                    );
                }
            }
        }
    }
}

fn known(paths: Vec<PathBuf>, before: &BTreeMap<PathBuf, Content>) -> BTreeMap<PathBuf, Content> {
    let content = |path: &PathBuf| before.get(path).cloned().unwrap_or_else(|| Content::at(path));
    paths.into_iter().map(|path| (path.clone(), content(&path))).collect()
}

#[cfg(test)]
mod tests;
