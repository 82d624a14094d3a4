//! A progress bar on a terminal, nothing in a pipe.

use std::io::IsTerminal;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

/// Bytes between two strokes of the bar.
const STROKE: u64 = 4 << 20;

/// How far a long reading has come.
pub struct Progress {
    bar: Option<ProgressBar>,
    pending: u64,
}

impl Progress {
    /// A bar for one file of known size; none where standard error is no terminal.
    pub fn new(path: &Path, size: Option<u64>) -> Self {
        let is_shown = std::io::stderr().is_terminal() && size.is_none_or(|s| s > STROKE);
        let bar = is_shown.then(|| {
            let bar = size.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}") {
                bar.set_style(style);
            }
            bar.with_message(path.display().to_string())
        });
        Progress { bar, pending: 0 }
    }

    /// So many bytes more.
    #[inline]
    pub fn add(&mut self, bytes: usize) {
        self.pending += bytes as u64 + 16;
        if self.pending > STROKE
            && let Some(bar) = &self.bar
        {
            bar.inc(std::mem::take(&mut self.pending));
        }
    }

    /// A warning on standard error that does not disturb the bar.
    pub fn warn(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("shadowtap: warning: {text}")),
            None => eprintln!("shadowtap: warning: {text}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
