//! Every form, as real programs write it, and every refusal.

use std::fs;
use std::path::Path;

use super::*;
use crate::daemon::clock;
use crate::daemon::mac;
use crate::engine::frame::Time;
use crate::engine::identity::{Known, Subject};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/identity");

fn source(path: &Path) -> Source {
    Source { file: path.into(), format: None }
}

fn fixture(name: &str) -> Files {
    let (files, problems) = Files::read(&[source(&Path::new(FIXTURES).join(name))], &[]);
    assert_eq!(problems, [], "{name}");
    files
}

/// Problems without their folder, with their remedy after a bar.
fn shown(problems: &[Diagnostic]) -> Vec<String> {
    let text = |d: &Diagnostic| {
        let file = d.file.file_name().unwrap().into();
        Diagnostic { file, ..d.clone() }.to_string().replace("\n  remedy: ", " | ")
    };
    problems.iter().map(text).collect()
}

/// Files in a folder of their own.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &[u8]) -> Source {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        source(&path)
    }
}

fn read(name: &str, text: &str) -> (Files, Vec<String>) {
    let (files, problems) = Files::read(&[Folder::new().write(name, text.as_bytes())], &[]);
    (files, shown(&problems))
}

fn facts(known: &Known) -> String {
    let text = |fact: &Option<Arc<str>>| fact.as_deref().unwrap_or("-").to_owned();
    let shared = if known.shared { " shared" } else { "" };
    let mac = known.mac.map_or("-".to_owned(), mac::text);
    format!("{} {} {} {} {mac}{shared}", text(&known.host), text(&known.user), text(&known.team), text(&known.site))
}

fn ask(files: &Files, address: &str, at: &str) -> String {
    facts(&files.directory().known(address.parse().unwrap(), None, None, clock::parse_rfc3339(at).unwrap()))
}

/// Each record: whom, from, until, what.
fn listed(files: &Files) -> Vec<String> {
    let seconds = |t: Option<Time>| t.map_or("-".to_owned(), |t| t.seconds().to_string());
    let whom = |s: &Subject| match s {
        Subject::Address(address) => address.to_string(),
        Subject::Subnet(subnet) => subnet.to_string(),
        Subject::Mac(mac) => mac::text(*mac),
        Subject::HostPattern(pattern) => pattern.to_string(),
    };
    let text = |r: &Record| format!("{} {} {} {}", whom(&r.subject), seconds(r.from), seconds(r.until), facts(&r.known));
    files.files.iter().flat_map(|file| file.records.iter().map(text)).collect()
}

#[test]
fn csv_and_json_say_the_same() {
    let (table, list) = (fixture("hosts.csv"), fixture("hosts.json"));
    assert_eq!(listed(&table), listed(&list));
    assert_eq!(
        listed(&table),
        [
            "10.1.0.0/16 - - - - design berlin -",
            "10.1.0.5 - 1795392000 ws-14 anna - - -",
            "10.1.0.5 1795392000 - ws-15 Özlem, B. research - -",
            "10.1.0.9 - - ws-16.example.org carl - - 02:00:00:00:00:09",
            "02:00:00:00:00:09 - - ws-16.example.org carl - - -",
            "srv-* - - - - operations - -",
            "10.1.255.1 - - proxy - - - - shared",
        ]
    );
    for files in [table, list] {
        assert_eq!(ask(&files, "10.1.0.5", "2026-11-22T23:59:59Z"), "ws-14 anna design berlin -");
        assert_eq!(ask(&files, "10.1.0.5", "2026-11-23T00:00:00Z"), "ws-15 Özlem, B. research berlin -");
        assert_eq!(ask(&files, "10.1.255.1", "2026-11-23T00:00:00Z"), "proxy - design berlin - shared");
        assert_eq!(files.teams().iter().map(|t| &**t).collect::<Vec<_>>(), ["design", "operations", "research"]);
    }
}

#[test]
fn netbox_is_read_as_it_exports() {
    assert_eq!(
        listed(&fixture("netbox-addresses.csv")),
        ["10.1.0.5 - - ws-14.example.org - Design - -", "10.1.0.6 - - ws-15 - Research - -", "2001:db8:1::5 - - ws-14.example.org - - - -"]
    );
    let prefixes = ["10.1.0.0/16 - - - - Design Berlin -", "10.1.4.0/24 - - - - Research Berlin / 4th floor -"];
    assert_eq!(listed(&fixture("netbox-prefixes.csv")), prefixes);
    let addresses = ["10.1.0.5 - - ws-14 - Design - -", "10.1.0.6 - - vm-2.example.org - - - -"];
    assert_eq!(listed(&fixture("netbox-addresses.json")), addresses);
    let prefixes = ["10.1.0.0/16 - - - - Design Berlin -", "10.2.0.0/16 - - - - - Wien -"];
    assert_eq!(listed(&fixture("netbox-prefixes.json")), prefixes);
    let old = "address,vrf,tenant,status,role,device,virtual_machine,interface,is_primary,dns_name,description\n\
               10.1.0.5/16,,design,active,,ws-14,,eth0,True,,\n";
    assert_eq!(listed(&read("export.csv", old).0), ["10.1.0.5 - - ws-14 - design - -"]);
}

#[test]
fn leases_of_dnsmasq_are_read_as_it_writes_them() {
    assert_eq!(
        listed(&fixture("dnsmasq.leases")),
        [
            "10.77.0.51 - 1795463794 phone - - - 02:00:00:00:00:03",
            "10.77.0.50 - 1795463791 ws-15 - - - 02:00:00:00:00:02",
            "fd00:77::60 - 1795463794 ws-15 - - - -",
            "fd00:77::5a - 1795463793 ws-14 - - - -",
        ]
    );
    let odd = "0 02:00:00:00:00:04 10.77.0.60 * 01:02:00:00:00:00:04\n3600 02:00:00:00:00:05 10.77.0.61 ws-18 *\n\
               1795463794 06-00:11 10.77.0.62 * *\n1795463794 T7 fd00:77::7 ws-19 *\n";
    assert_eq!(
        listed(&read("dnsmasq.leases", odd).0),
        [
            "10.77.0.60 - - - - - - 02:00:00:00:00:04",
            "10.77.0.61 - - ws-18 - - - 02:00:00:00:00:05",
            "fd00:77::7 - 1795463794 ws-19 - - - -"
        ]
    );
}

#[test]
fn leases_of_kea_are_read_as_it_writes_them() {
    // ws-14 gave its address back, and phone has it.
    assert_eq!(
        listed(&fixture("kea-leases4.csv")),
        [
            "10.77.0.50 1795460198 1795460205 ws-14 - - - 02:00:00:00:00:01",
            "10.77.0.51 1795460199 1795463799 ws-15 - - - 02:00:00:00:00:02",
            "10.77.0.50 1795460205 1795463805 phone - - - 02:00:00:00:00:03",
        ]
    );
    assert_eq!(
        listed(&fixture("kea-leases6.csv")),
        [
            "fd00:77::50 1795460202 1795463802 ws-14 - - - 02:00:00:00:00:01",
            "fd00:77::51 1795460204 1795463804 ws-15 - - - 02:00:00:00:00:02",
        ]
    );
}

const KEA4: &str = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state\n";

#[test]
fn later_rows_of_kea_count_over_earlier_ones() {
    let rows = "10.0.0.5,02:00:00:00:00:01,,100,1100,1,0,0,one,0\n\
                10.0.0.5,02:00:00:00:00:01,,100,1150,1,0,0,,0\n\
                10.0.0.5,02:00:00:00:00:02,,100,1200,1,0,0,two,0\n\
                10.0.0.5,02:00:00:00:00:02,,100,1200,1,0,0,,2\n\
                10.0.0.6,02:00:00:00:00:03,,100,1180,1,0,0,three,0\n\
                10.0.0.6,,,50,1140,1,0,0,,1\n\
                10.0.0.7,02:00:00:00:00:04,,4294967295,4294969295,1,0,0,ever,0\n\
                10.0.0.8,02:00:00:00:00:05,,100,1200,1,0,0,gone,0\n\
                10.0.0.8,02:00:00:00:00:05,,100,1200,1,0,0,gone,3\n";
    let (files, problems) = read("kea-leases4.csv", &format!("{KEA4}{rows}"));
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(
        listed(&files),
        [
            "10.0.0.5 1000 1100 one - - - 02:00:00:00:00:01",
            "10.0.0.5 1100 1200 two - - - 02:00:00:00:00:02",
            "10.0.0.6 1080 1090 three - - - 02:00:00:00:00:03",
            "10.0.0.7 2000 - ever - - - 02:00:00:00:00:04",
            "10.0.0.8 1100 1200 gone - - - 02:00:00:00:00:05",
        ]
    );
}

#[test]
fn prefixes_and_escaped_names_of_kea_are_read() {
    let text = "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,hwaddr,state,\
                user_context\n2001:db8:8::,00:03:00:01:02,100,1100,1,100,2,7,56,0,0,cpe&#x2c1.,02:00:00:00:00:08,0,{ \"a\": 1&#x2c \"b\": 2 }\n";
    assert_eq!(listed(&read("x", text).0), ["2001:db8:8::/56 1000 1100 cpe,1 - - - 02:00:00:00:00:08"]);
}

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

#[test]
fn the_examples_of_the_document_are_read_as_what_they_show() {
    let document = include_str!("../../../docs/identity.md");
    let examples: Vec<_> = document.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap().1).collect();
    let shown: Vec<_> = examples
        .iter()
        .map(|text| {
            let (files, problems) = read("x", text);
            let format = Format::infer(Path::new("x"), text);
            (format, files.directory().len(), problems)
        })
        .skip(1)
        .collect();
    let wanted = [(Format::Csv, 6), (Format::Json, 3), (Format::Netbox, 1), (Format::Dnsmasq, 2), (Format::Kea, 2)];
    assert_eq!(shown, wanted.map(|(format, records)| (format, records, Vec::new())));
}
