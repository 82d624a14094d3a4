//! Runs tests one after the other, each on a thread of its own, and counts those that could not run here as ignored, with their reason.

use std::process::ExitCode;

/// What became of a test that did not fail: `Err` where the machine lacks what it needs, and what.
pub type Ran = Result<(), String>;

/// A test and its name.
pub type Test = (&'static str, fn() -> Ran);

/// Runs those whose name has one of the words of the command line in it; all where there is none.
pub fn run(tests: &[Test]) -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    for (name, test) in tests.iter().copied().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| name.contains(w))) {
        let (count, word) = match std::thread::spawn(test).join() {
            Ok(Ok(())) => (&mut passed, "ok".into()),
            Ok(Err(why)) => (&mut ignored, format!("ignored, {why}")),
            Err(_) => (&mut failed, "FAILED".into()),
        };
        *count += 1;
        println!("test {name} ... {word}");
    }
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {result}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; 0 filtered out");
    ExitCode::from(u8::from(failed > 0))
}
