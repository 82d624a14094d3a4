//! What is refused, with file, line and remedy; and that no bytes do harm.

use super::*;

#[test]
fn every_mistake_of_a_table_is_told_with_its_line_and_remedy() {
    let text = "\u{feff}Address;mac;subnet;host_pattern;host;team;from;until;shared\r\n\
                \r\n# remark\r\n10.0.0.300;;;;a;;;;\r\n;2;;;a;;;;\r\n;;10.0.0.1/24;;a;;;;\r\n;;10.0.0/24;;a;;;;\r\n\
                10.0.0.1;;10.0.0.0/24;;a;;;;\r\n;;;;a;;;;\r\n10.0.0.1;;;;a b;;;;\r\n10.0.0.1;;;;a;other;;;\r\n\
                10.0.0.1;;;;a;;yesterday;;\r\n10.0.0.1;;;;a;;2026-11-24;2026-11-23;\r\n10.0.0.1;;;;a;;;;perhaps\r\n10.0.0.1;a\r\n\
                10.0.0.1/32;;;;;;;;\r\n;;;a\u{7}*;a;;;;\r\n;;;;;;;;\r\n";
    assert_eq!(
        read("hosts.csv", text).1,
        [
            "hosts.csv:4: error: address \"10.0.0.300\" is none | write 10.0.0.5 or 2001:db8::5; a network goes into subnet",
            "hosts.csv:5: error: mac \"2\" is none | write 02:00:00:00:00:05",
            "hosts.csv:6: error: subnet 10.0.0.1/24 has bits beyond its prefix | write the subnet, or the single address in the column address",
            "hosts.csv:7: error: subnet \"10.0.0/24\" is none | write 10.0.0.0/24 or 2001:db8::/64",
            "hosts.csv:8: error: is about several things at once | give one of subnet, address, mac and host_pattern, or address and mac \
             together",
            "hosts.csv:9: error: is about nobody | give an address, subnet, mac or host_pattern",
            "hosts.csv:10: error: host \"a b\" has a blank in it | one line of at most 128 bytes; of a host name 253, without blanks",
            "hosts.csv:11: error: a team is named \"other\", the name of everybody else | leave it blank, or choose another name",
            "hosts.csv:12: error: from \"yesterday\" is no moment | write 2026-11-23 (UTC), or 2026-11-23T08:00:00+01:00",
            "hosts.csv:13: error: until is not after from | an address that changes its owner has a line for each, one after the other",
            "hosts.csv:14: error: shared \"perhaps\" is neither true nor false | write true where many stand behind the address",
            "hosts.csv:15: error: has 2 values, the header 9 | leave a value blank where nothing is said; put one with a comma into quotes",
            "hosts.csv:16: warning: says nothing | give a host, user, team, site or shared, or delete the line",
            "hosts.csv:17: error: host_pattern \"a\\u{7}*\" has a control character in it | a host name in which * is any characters",
        ]
    );
}

#[test]
fn a_header_must_be_of_known_words() {
    let known = "subnet, address, mac, host_pattern";
    assert_eq!(read("a.csv", "adress,host\n").1, ["a.csv:1: error: column \"adress\" is not known | did you mean \"address\"?"]);
    assert_eq!(read("a.csv", "address,Address\n").1, ["a.csv:1: error: column \"address\" stands twice | keep one of them"]);
    let nobody = format!("a.csv:1: error: no column says whom the lines are about | add one of {known}");
    assert_eq!(read("a.csv", "host,team\n").1, [nobody]);
    assert_eq!(read("a.csv", "").1, Vec::<String>::new());
}

#[test]
fn every_mistake_of_a_list_is_told_with_its_line_and_remedy() {
    let text = "[\n{\"address\": \"10.0.0.5\", \"hots\": \"a\"},\n 7,\n{\"address\": 10},\n{\"address\": \"10.0.0.5\",\n \"shared\": \"perhaps\"}]";
    assert_eq!(
        read("a.json", text).1,
        [
            "a.json:2: error: \"hots\" is no known key | did you mean \"host\"?",
            "a.json:3: error: is no object | write {\"address\": \"10.0.0.5\", …}",
            "a.json:4: error: \"address\" is no text | put it into quotes",
            "a.json:5: error: shared \"perhaps\" is neither true nor false | write true where many stand behind the address",
        ]
    );
    let (_, problems) = read("a.json", "[\n{\"address\"\n");
    assert!(
        problems.len() == 1 && problems[0].starts_with("a.json:3: error: cannot be read: EOF") && problems[0].contains(" | write a list")
    );
    let (_, problems) = read("a.json", "{\"address\": \"10.0.0.5\"}");
    assert!(problems.len() == 1 && problems[0].contains("invalid type: map, expected a sequence"), "{problems:?}");
}

#[test]
fn every_mistake_of_an_export_is_told_with_its_line_and_remedy() {
    let text = "IP Address,Status,Tenant,DNS name\n10.0.0.300/24,Active,,a\n10.0.0.5/24,Active,,a b\n";
    assert_eq!(
        read("a.csv", text).1,
        [
            "a.csv:2: error: address \"10.0.0.300/24\" is none | 10.0.0.5/24 or 2001:db8::5/64",
            "a.csv:3: error: name \"a b\" has a blank in it | correct it in NetBox",
        ]
    );
    let page = "{\"count\": 2, \"next\": \"http://netbox.example/api/ipam/prefixes/?offset=1\", \"previous\": null,\n\"results\": [\n\
                {\"prefix\": \"10.0.0/8\"}, 7]}";
    assert_eq!(
        read("a.json", page).1,
        [
            "a.json:1: error: is one page of several | ask for all at once, ?limit=0, or join the lists of results",
            "a.json:3: error: prefix \"10.0.0/8\" is none | 10.0.0.0/24 or 2001:db8::/64",
            "a.json:3: error: is no object | write the API's own",
        ]
    );
    let folder = Folder::new();
    let vlans = Source { format: Some(Format::Netbox), ..folder.write("a.csv", b"ID,Name\n1,a\n") };
    assert_eq!(
        shown(&Files::read(&[vlans], &[]).1),
        [
            "a.csv:1: error: no column is named \"IP Address\" or \"Prefix\" | export IP addresses or prefixes, with the column of the address or prefix"
        ]
    );
}

#[test]
fn good_lines_of_a_lease_file_survive_bad_ones() {
    let good = "1795463794 02:00:00:00:00:03 10.77.0.51 phone *\n";
    let (files, problems) = read("d.leases", &format!("{good}soon 02:00:00:00:00:04 10.77.0.52 a *\nx\n1 2 3 4 5\n{good}17954637"));
    assert_eq!(files.directory().len(), 2);
    assert_eq!(
        problems,
        [
            "d.leases:2: warning: expiry \"soon\" is no number | a lease is: expiry mac address host client-id",
            "d.leases:3: warning: has 1 words | a lease is: expiry mac address host client-id",
            "d.leases:4: warning: address \"3\" is none | a lease is: expiry mac address host client-id",
        ]
    );
    let row = "10.0.0.5,02:00:00:00:00:01,,100,1100,1,0,0,one,0\n";
    let (files, problems) =
        read("kea-leases4.csv", &format!("{KEA4}{row}10.0.0.6,02\n10.0.0.x,,,1,1,1,0,0,,0\n10.0.0.7,,,x,1,1,0,0,,0\n10.0.0.8,02:00"));
    assert_eq!((files.directory().len(), problems.len()), (1, 3), "{problems:?}");
    assert!(problems.iter().all(|p| p.contains(": warning: ") && p.contains(" | kea-lfc writes the file anew")), "{problems:?}");
    assert_eq!(problems[0], "kea-leases4.csv:3: warning: has 2 values | kea-lfc writes the file anew and leaves such rows out");
}

#[test]
fn every_prefix_of_a_lease_file_is_read_without_panic_and_without_a_wrong_lease() {
    for name in ["dnsmasq.leases", "kea-leases4.csv", "kea-leases6.csv"] {
        let whole = fs::read(Path::new(FIXTURES).join(name)).unwrap();
        let all: Vec<_> = fixture(name).files[0].records.iter().map(|r| (r.known.host.clone(), r.known.mac)).collect();
        let folder = Folder::new();
        for cut in 0..whole.len() {
            let (files, problems) = Files::read(&[folder.write(name, &whole[..cut])], &[]);
            assert!(problems.iter().all(|p| p.line <= 1), "{name} cut at {cut}: {problems:?}");
            let found = files.files[0].records.iter().map(|r| (r.known.host.clone(), r.known.mac));
            assert_eq!(found.filter(|f| !all.contains(f)).collect::<Vec<_>>(), [], "{name} cut at {cut}");
        }
    }
}

#[test]
fn any_bytes_are_read_without_panic() {
    let folder = Folder::new();
    for name in ["hosts.csv", "hosts.json", "netbox-addresses.csv", "netbox-addresses.json", "dnsmasq.leases", "kea-leases4.csv"] {
        let whole = fs::read(Path::new(FIXTURES).join(name)).unwrap();
        for at in (0..whole.len().min(1200)).step_by(3) {
            let mut bytes = whole.clone();
            bytes[at] = bytes[at].wrapping_mul(31).wrapping_add(at as u8);
            let (_, problems) = Files::read(&[folder.write(name, &bytes)], &[]);
            assert!(problems.iter().all(|p| !p.hint.is_empty()), "{name} {at}: {problems:?}");
        }
    }
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let folder = Folder::new();
    let (hosts, leases) = (source(&folder.0.path().join("hosts.csv")), source(&folder.0.path().join("dnsmasq.leases")));
    let problems = shown(&Files::read(&[hosts, leases], &[]).1);
    assert!(problems[0].starts_with("hosts.csv: error: cannot be read: No such file") && problems[0].contains(" | check the path"));
    assert!(problems[1].starts_with("dnsmasq.leases: warning: cannot be read") && problems[1].contains(" | it is read once it can be"));
    let latin = folder.write("hosts.csv", b"address,user\n10.0.0.5,\xd6zlem\n");
    assert_eq!(shown(&Files::read(&[latin], &[]).1), ["hosts.csv:2: error: is not UTF-8 text | save it as UTF-8"]);
    let pipe = source(&folder.0.path().join("pipe"));
    nix::unistd::mkfifo(&pipe.file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(shown(&Files::read(&[pipe], &[]).1)[0].contains("it is no ordinary file"));
}

#[test]
fn teams_and_problems_are_bounded() {
    let line = |n: usize| format!("10.{}.{}.0/24,t{n}\n", n / 256, n % 256);
    let text = |teams: usize| format!("subnet,team\n{}", (0..teams).map(line).collect::<String>());
    assert_eq!(read("a.csv", &text(MOST_TEAMS)).1, Vec::<String>::new());
    let remedy = "join teams, or give the finer division as site";
    assert_eq!(read("a.csv", &text(501)).1, [format!("a.csv: error: there are 501 teams with those it names; 500 is the most | {remedy}")]);
    let folder = Folder::new();
    let sources = [folder.write("a.csv", text(499).as_bytes()), folder.write("b.csv", b"subnet,team\n10.99.0.0/24,x\n10.99.1.0/24,t1\n")];
    assert_eq!(Files::read(&sources, &["x".into()]).1, []);
    assert_eq!(Files::read(&sources, &["y".into()]).1.len(), 1);
    let floating: String = (0..101).map(|n| format!("*{n}*,t\n")).collect();
    let problems = read("a.csv", &format!("host_pattern,team\n{floating}")).1;
    assert_eq!(
        problems,
        ["a.csv:102: error: more than 100 host patterns begin and end with * | begin or end them with literal characters, as ws-*"]
    );
    let bad = format!("address,host\n{}", "x,y\n".repeat(60));
    let problems = read("a.csv", &bad).1;
    assert_eq!((problems.len(), problems[50].as_str()), (51, "a.csv: error: 10 further problems are not listed | mend these first"));
}

#[test]
fn a_file_with_too_many_records_is_refused() {
    let path = Path::new("a.csv");
    let mut gathered = Gathered::new(Problems::new(path, crate::daemon::diagnostic::Severity::Error), 2);
    table::read("address,host\n10.0.0.1,a\n10.0.0.2,a\n10.0.0.3,a\n10.0.0.4,a\n", &mut gathered);
    assert_eq!(gathered.records.len(), 2);
    let problems = shown(&gathered.problems.into_list());
    assert!(problems.len() == 1 && problems[0].starts_with("a.csv:4: error: more than 2000000 records in all files"), "{problems:?}");
}
