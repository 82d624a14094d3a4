//! Loading as a whole: the same files give the same rules, whatever they hold.

use super::*;

const ACME: &str = include_str!("../../../tests/fixtures/signatures/acme.toml");

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

#[test]
fn the_same_files_give_the_same_rules() {
    let site = folder(&[("b.toml", ACME.as_bytes()), ("a.toml", b"vendor = 3\n[[service]]\nid = \"x\"\n")]);
    let state = || {
        let catalogue = Catalogue::load(shipped(), Some(site.path()), &Disabled::nothing());
        let signatures = catalogue.signatures();
        let names = catalogue.entries.iter().flat_map(|e| e.examples.iter().chain(&e.counter_examples));
        let answers: Vec<_> = names.map(|n| signatures.match_name(&n.value).map(|m| (m.index, m.host.to_owned()))).collect();
        format!("{:?} {:?} {answers:?}", catalogue.entries, catalogue.problems)
    };
    assert_eq!(state(), state());
}

#[test]
fn only_visible_toml_files_are_read_in_the_order_of_their_names() {
    let site = folder(&[("z.toml", b"1"), ("a.toml", b"1"), (".a.toml.swp", b"1"), (".hidden.toml", b"1"), ("README.md", b"1")]);
    let files: Vec<_> = toml_files(site.path()).unwrap().iter().map(|f| f.file_name().unwrap().to_owned()).collect();
    assert_eq!(files, ["a.toml", "z.toml"]);
}

#[test]
fn a_sites_file_adds_overrides_and_disables() {
    let own = b"vendor = \"Own\"\n[[service]]\nid = \"acme.chat\"\nname = \"Ours\"\ncategory = \"chat\"\nhosts = [\"own.example\"]\n[[service]]\nid = \
                \"acme.platform\"\ndisabled = true\n";
    let (mut entries, problems) = gather([parse(Path::new("a"), ACME, Origin::Shipped)].into_iter());
    assert_eq!(problems, []);
    entries.extend(parse(Path::new("b"), std::str::from_utf8(own).unwrap(), Origin::Site).0);
    let mut problems = Vec::new();
    let merged = merge(entries, &Disabled::nothing(), &mut problems).entries;
    assert_eq!(
        merged.iter().map(|e| (&*e.record.id, &*e.record.name, e.overrides)).collect::<Vec<_>>(),
        [("acme.chat", "Ours", Some(Origin::Shipped))]
    );
    assert_eq!(problems, []);
}

#[test]
fn any_bytes_in_a_file_are_problems_and_no_panic() {
    let mut seed = 7u64;
    let mut noise = Vec::new();
    for _ in 0..4096 {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        noise.push((seed >> 33) as u8);
    }
    let latin: Vec<u8> = noise.iter().map(|b| b & 0x7f).collect();
    let site = folder(&[("a.toml", &noise), ("b.toml", &latin), ("c.toml", b""), ("d.toml", ACME.as_bytes())]);
    let catalogue = Catalogue::load(shipped(), Some(site.path()), &Disabled::nothing());
    let wrong: Vec<_> = catalogue.problems.iter().map(|p| p.file.file_name().unwrap().to_owned()).collect();
    assert!(["a.toml", "b.toml", "c.toml"].iter().all(|f| wrong.iter().any(|w| w == f)), "{wrong:?}");
    assert!(catalogue.entries.iter().any(|e| &*e.record.id == "acme.chat"));
}

#[test]
fn every_prefix_of_a_file_is_read_without_panic() {
    for cut in 0..ACME.len() {
        if let Some(part) = ACME.get(..cut) {
            let (entries, _) = parse(Path::new("f"), part, Origin::Site);
            lint::lint(&entries, jiff::civil::Date::constant(2026, 11, 23));
        }
    }
}

#[test]
fn the_example_in_the_readme_is_one() {
    let readme = include_str!("../../../signatures/README.md");
    let example = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let (entries, problems) = parse(Path::new("README.md"), example, Origin::Site);
    assert_eq!(problems, []);
    assert_eq!(lint::lint(&entries, jiff::civil::Date::constant(2026, 11, 23)), []);
}
