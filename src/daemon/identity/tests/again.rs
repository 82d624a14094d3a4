//! Files that change, and files beside them.

use super::*;

#[test]
fn what_kea_moved_out_of_its_file_counts_too() {
    let folder = Folder::new();
    let row = |n: u8, from: u32, name: &str| format!("{KEA4}10.0.0.{n},02:00:00:00:00:0{n},,100,{},1,0,0,{name},0\n", from + 100);
    let main = folder.write("kea-leases4.csv", row(3, 1050, "new").as_bytes());
    folder.write("kea-leases4.csv.2", row(1, 1000, "old").as_bytes());
    folder.write("kea-leases4.csv.1", row(2, 1020, "moved").as_bytes());
    let hosts = || {
        let (files, problems) = Files::read(std::slice::from_ref(&main), &[]);
        assert_eq!(problems, []);
        files.files.iter().flat_map(|f| f.records.iter().filter_map(|r| r.known.host.clone())).map(|h| h.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(hosts(), ["old", "moved", "new"]);
    folder.write("kea-leases4.csv.completed", row(1, 1000, "cleaned").as_bytes());
    assert_eq!(hosts(), ["cleaned", "new"]);
    assert_eq!(main.files().len(), 4);
    assert_eq!(Source { format: Some(Format::Csv), ..main }.files().len(), 1);
}

#[test]
fn a_refused_file_keeps_what_it_said_and_is_told_once() {
    let folder = Folder::new();
    let sources = [folder.write("hosts.csv", b"address,host\n10.0.0.5,a\n"), folder.write("d.leases", b"")];
    let (files, problems) = Files::read(&sources, &[]);
    assert_eq!(problems, []);
    assert!(!files.read_again(&sources, &[]).is_new);
    folder.write("hosts.csv", b"address,host\n10.0.0.x,b\n");
    folder.write("d.leases", b"0 02:00:00:00:00:03 10.0.0.6 phone *\n");
    let first = files.read_again(&sources, &[]);
    assert!(first.is_new && first.is_refused && first.problems.len() == 1);
    let at = "2026-11-23T00:00:00Z";
    assert_eq!(
        (ask(&first.files, "10.0.0.5", at).as_str(), ask(&first.files, "10.0.0.6", at).as_str()),
        ("a - - - -", "phone - - - 02:00:00:00:00:03")
    );
    let second = first.files.read_again(&sources, &[]);
    assert!(!second.is_new && !second.is_refused && second.problems.is_empty());
    folder.write("hosts.csv", b"address,host\n10.0.0.5,c\n");
    fs::remove_file(&sources[1].file).unwrap();
    let third = second.files.read_again(&sources, &[]);
    assert!(third.is_new && !third.is_refused, "{:?}", third.problems);
    assert_eq!(
        (ask(&third.files, "10.0.0.5", at).as_str(), ask(&third.files, "10.0.0.6", at).as_str()),
        ("c - - - -", "phone - - - 02:00:00:00:00:03")
    );
    let fourth = third.files.read_again(&sources[..1], &[]);
    assert!(fourth.is_new && ask(&fourth.files, "10.0.0.6", at) == "- - - - -");
    assert!(fourth.files.is_same(&Files::read(&sources[..1], &[]).0) && !fourth.files.is_same(&third.files));
}
