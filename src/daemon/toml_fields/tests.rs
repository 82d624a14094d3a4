//! What is read, and what is said about the rest.

use super::*;

fn problems(text: &str, body: impl FnOnce(Fields<'_>)) -> Vec<String> {
    let (_, problems) = read(Path::new("f.toml"), text, body);
    problems.iter().map(|d| d.to_string().replace("\n  remedy: ", " | ")).collect()
}

#[test]
fn reads_each_type_with_its_line() {
    let text = "a = \"x\"\nb = true\nc = 1_000\nd = 2026-11-23\ne = [\"p\",\n \"q\"]\n[t]\nk = \"v\"\n";
    let found = problems(text, |f| {
        assert_eq!(f.text("a"), Some(Located { value: "x", line: 1 }));
        assert!(f.flag("b", false) && f.flag("absent", true));
        assert_eq!((f.number("c", 1, 0..=2000), f.number("absent", 7, 0..=9)), (1000, 7));
        assert_eq!(f.date("d").map(|d| (d.value.to_string(), d.line)), Some(("2026-11-23".into(), 4)));
        assert_eq!(f.texts("e"), [Located { value: "p", line: 5 }, Located { value: "q", line: 6 }]);
        assert_eq!(f.one_or_more("a").len() + f.one_or_more("e").len(), 3);
        assert_eq!(f.table("t").and_then(|t| t.text("k").map(|k| k.line)), Some(8));
    });
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn finds_every_problem_and_not_only_the_first() {
    let text = "nmae = 1\nage = \"x\"\nflag = 1\nrole = \"wep\"\nsize = 99\n[t]\nodd = 1\n";
    let found = problems(text, |f| {
        f.needed_text("name");
        f.number("age", 0, 0..=9);
        f.flag("flag", false);
        f.word("role", &["web", "api"], |_| None::<()>);
        f.number("size", 0, 1..=9);
        f.table("t");
    });
    assert_eq!(
        found,
        [
            "f.toml:1: error: name is missing | add name = \"…\"",
            "f.toml:1: error: nmae is no known key | did you mean \"name\"?",
            "f.toml:2: error: age is a TOML string | it takes a whole number",
            "f.toml:3: error: flag is a TOML integer | it takes true or false",
            "f.toml:4: error: role has no value \"wep\" | did you mean \"web\"?",
            "f.toml:5: error: size is 99, out of bounds | from 1 to 9",
            "f.toml:7: error: t.odd is no known key | delete it",
        ]
    );
}

#[test]
fn syntax_errors_are_problems_too() {
    let found = problems("a = \nb = \"x\nc = 1\n", |f| {
        f.flag("a", false);
        f.text("b");
        f.number("c", 0, 0..=9);
    });
    assert!(found.len() >= 2 && found.iter().any(|p| p.starts_with("f.toml:1")), "{found:?}");
}

#[test]
fn any_text_is_read_without_panic() {
    let pieces = ["[", "]", "=", "\"", "'''", "\n", "a", ".", "{", "}", ",", "1", "-", "2026-99-99", "é", "\0", "#", "[[a]]", "\"\"\""];
    let mut seed = 1u64;
    for _ in 0..4000 {
        let mut text = String::new();
        for _ in 0..24 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            text += pieces[(seed >> 33) as usize % pieces.len()];
        }
        problems(&text, |f| {
            f.text("a");
            f.tables("a");
            f.date("a");
            f.number("a", 0, 0..=1);
        });
    }
    problems(&"[".repeat(100_000), |_| ());
    problems(&format!("a = {}", "{a=".repeat(100_000)), |_| ());
}
