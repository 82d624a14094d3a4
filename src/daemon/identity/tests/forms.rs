//! Every form, as real programs write it.

use super::*;

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
fn the_examples_of_the_document_are_read_as_what_they_show() {
    let document = include_str!("../../../../docs/identity.md");
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
