//! Lines of a file that a server writes while it is read.

use super::gathered::Gathered;

/// Calls back with each line and its number, until one says that it is enough. What is wrong with a last line that has no end yet is no
/// problem: the server is writing it.
pub(super) fn each_line(
    text: &str,
    gathered: &mut Gathered<'_>,
    mut read: impl FnMut(&mut Gathered<'_>, usize, &str) -> Result<bool, (String, &'static str)>,
) {
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let is_whole = line.ends_with('\n');
        match read(gathered, number + 1, line.trim_end_matches(['\n', '\r'])) {
            Ok(true) => {}
            Ok(false) => return,
            Err((message, hint)) if is_whole => gathered.problems.bad(number + 1, message, hint),
            Err(_) => {}
        }
    }
}
