//! Look-ups against examples, and against a walk over all records.

use std::cmp::Reverse;

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn subnet(text: &str) -> Subject {
    Subject::Subnet(text.parse().unwrap())
}

fn record(subject: Subject, known: Known) -> Record {
    Record { subject, from: None, until: None, known }
}

fn host(name: &str) -> Known {
    Known { host: Some(name.into()), ..Known::default() }
}

const NOW: Time = Time::new(1_000, 0);

#[test]
fn each_fact_comes_from_the_most_specific_record_that_tells_it() {
    let team = |name: &str| Known { team: Some(name.into()), ..Known::default() };
    let mac = [2, 0, 0, 0, 0, 5];
    let directory = Directory::new(vec![
        record(
            Subject::HostPattern("ws-*".into()),
            Known { site: Some("elsewhere".into()), user: Some("somebody".into()), ..team("pool") },
        ),
        record(subnet("10.0.0.0/8"), Known { site: Some("berlin".into()), ..team("all") }),
        record(subnet("10.0.0.0/24"), team("design")),
        record(Subject::Address(address("10.0.0.5")), Known { mac: Some(mac), ..host("ws-14") }),
        record(Subject::Mac(mac), Known { user: Some("anna".into()), ..Known::default() }),
    ]);
    let known = directory.known(address("10.0.0.5"), None, None, NOW);
    let text = |fact: &Option<Arc<str>>| fact.as_deref().unwrap_or("-").to_owned();
    let shown = |k: &Known| [&k.host, &k.user, &k.team, &k.site].map(text).join(" ");
    assert_eq!((shown(&known).as_str(), known.mac), ("ws-14 anna design berlin", Some(mac)));
    assert_eq!(shown(&directory.known(address("10.0.0.6"), None, Some("WS-15"), NOW)), "- somebody design berlin");
    assert_eq!(shown(&directory.known(address("::ffff:10.2.0.1"), Some(mac), None, NOW)), "- anna all berlin");
    assert_eq!(shown(&directory.known(address("192.0.2.1"), None, None, NOW)), "- - - -");
}

#[test]
fn an_address_belongs_to_whoever_had_it_then() {
    let lease = |from, until, name: &str| Record {
        subject: Subject::Address(address("10.0.0.5")),
        from: Some(Time::new(from, 0)),
        until: Some(Time::new(until, 0)),
        known: host(name),
    };
    let directory = Directory::new(vec![lease(100, 200, "first"), lease(150, 300, "second"), lease(400, 400, "never")]);
    let owner = |at| directory.known(address("10.0.0.5"), None, None, Time::new(at, 0)).host;
    let owners = [99, 100, 149, 150, 250, 299, 300, 400].map(|at| owner(at).map_or("-".to_owned(), |h| h.to_string()));
    assert_eq!(owners, ["-", "first", "first", "second", "second", "second", "-", "-"]);
}

#[test]
fn a_lease_of_another_machine_says_nothing() {
    let (leased, seen) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let directory = Directory::new(vec![
        record(Subject::Address(address("10.0.0.5")), Known { mac: Some(leased), ..host("leased") }),
        record(Subject::Address(address("10.0.0.5")), Known { shared: true, ..Known::default() }),
    ]);
    let known = |mac| directory.known(address("10.0.0.5"), mac, None, NOW);
    assert_eq!((known(None).host.as_deref(), known(None).shared), (Some("leased"), true));
    assert_eq!(known(Some(leased)), known(None));
    assert_eq!(known(Some(seen)), Known { shared: true, ..Known::default() });
}

#[test]
fn the_first_of_equals_wins_and_parts_stand_in_their_order() {
    let of = |name: &str| Arc::from(vec![record(Subject::Mac([1; 6]), host(name))]);
    let directory = Directory::of([of("one"), Arc::from(vec![]), of("two")]);
    assert_eq!(directory.known(address("::1"), Some([1; 6]), None, NOW).host.as_deref(), Some("one"));
    assert_eq!(directory.len(), 2);
}

#[test]
fn nothing_is_known_of_nothing() {
    assert_eq!(Directory::default().known(address("10.0.0.5"), Some([1; 6]), Some("a"), NOW), Known::default());
    assert!(Directory::default().is_empty());
}

/// A stream of small numbers, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| make(self))
    }

    fn address(&mut self) -> IpAddr {
        let texts = ["10.0.0.1", "10.0.0.2", "10.0.1.1", "::ffff:10.0.0.1", "2001:db8::1", "2001:db8:1::1"];
        address(texts[self.below(6) as usize])
    }

    fn mac(&mut self) -> [u8; 6] {
        [2, 0, 0, 0, 0, self.below(4) as u8]
    }

    fn name(&mut self) -> &'static str {
        ["ws-1", "ws-12", "ws-12.lab.example", "srv-1.example", "a-lab-1"][self.below(5) as usize]
    }

    fn record(&mut self, number: usize) -> Record {
        let nets = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.9/24", "10.0.0.1/32", "::ffff:10.0.0.0/120", "2001:db8::/32", "::/0"];
        let globs = ["*", "ws-*", "ws-1*", "*.example", "ws-*.example", "*lab*", "ws-12", "*-1", "srv-1.example"];
        let subject = match self.below(4) {
            0 => Subject::Address(self.address()),
            1 => subnet(nets[self.below(7) as usize]),
            2 => Subject::Mac(self.mac()),
            _ => Subject::HostPattern(globs[self.below(9) as usize].into()),
        };
        let fact = |dice: &mut Dice, what: &str| dice.maybe(|_| Arc::from(format!("{what}{number}")));
        let known = Known {
            host: self.maybe(|d| d.name().into()),
            user: fact(self, "u"),
            team: fact(self, "t"),
            site: fact(self, "s"),
            mac: self.maybe(|d| d.below(3)).filter(|n| *n == 0).map(|_| self.mac()),
            shared: self.below(8) == 0,
        };
        let moment = |dice: &mut Dice| dice.maybe(|d| Time::new(d.below(12), 0));
        Record { subject, from: moment(self), until: moment(self), known }
    }
}

/// The words of [`Directory::known`], record by record.
fn walk(records: &[Record], address: IpAddr, mac: Option<[u8; 6]>, host: Option<&str>, at: Time) -> Known {
    let address = address.to_canonical();
    let holds = |r: &Record| r.from.is_none_or(|t| t <= at) && r.until.is_none_or(|t| at < t);
    let about = |is: &dyn Fn(&Subject) -> Option<usize>| {
        let mut found: Vec<_> = records.iter().enumerate().filter(|(_, r)| holds(r)).collect();
        found.retain(|(_, r)| is(&r.subject).is_some());
        found.sort_by_key(|(n, r)| (Reverse(is(&r.subject)), Reverse(r.from.unwrap_or_default()), *n));
        found.into_iter().map(|(_, r)| r).collect::<Vec<_>>()
    };
    let of_address = about(&|s| matches!(s, Subject::Address(a) if a.to_canonical() == address).then_some(0));
    let machine = mac.or_else(|| of_address.iter().find_map(|r| r.known.mac));
    let mut all = about(&|s| matches!(s, Subject::Mac(m) if Some(*m) == machine).then_some(0));
    all.extend(of_address.into_iter().filter(|r| r.known.mac.is_none() || r.known.mac == machine));
    all.extend(about(&|s| match s {
        Subject::Subnet(net) => {
            let mapped = net.addr().is_ipv6() && net.addr().to_canonical().is_ipv4();
            let length = usize::from(net.prefix_len()) - if mapped { 96 } else { 0 };
            let net = if mapped { IpNet::new(net.addr().to_canonical(), length as u8).unwrap() } else { *net };
            net.contains(&address).then_some(length)
        }
        _ => None,
    }));
    let mut known = Known::default();
    all.iter().for_each(|r| known.absorb(&r.known));
    let Some(name) = known.host.clone().or(host.map(Arc::from)) else { return known };
    // Patterns of the same length stand in the order in which each first stands.
    let first = |text: &str| records.iter().position(|r| matches!(&r.subject, Subject::HostPattern(p) if **p == *text)).unwrap();
    let rank = |text: &str| 1_000 * text.bytes().filter(|b| *b != b'*').count() + (999 - first(text));
    let named = about(&|s| match s {
        Subject::HostPattern(p) => glob(p, &name).then(|| rank(p)),
        _ => None,
    });
    named.iter().for_each(|r| known.absorb(&r.known));
    known
}

/// Straight from the definition: a `*` is every number of characters in turn.
fn glob(pattern: &str, name: &str) -> bool {
    match pattern.chars().next() {
        None => name.is_empty(),
        Some('*') => (0..=name.len()).any(|n| glob(&pattern[1..], &name[n..])),
        Some(c) => name.starts_with(c) && glob(&pattern[1..], &name[1..]),
    }
}

#[test]
fn look_ups_find_what_a_walk_over_all_records_finds() {
    let mut dice = Dice(7);
    let (mut asked, mut found) = (0, 0);
    for round in 0..400 {
        let records: Vec<_> = (0..1 + round % 40).map(|n| dice.record(n)).collect();
        let cut = dice.below(records.len() as u64 + 1) as usize;
        let directory = Directory::of([Arc::from(&records[..cut]), Arc::from(&records[cut..])]);
        for _ in 0..25 {
            let (address, mac, at) = (dice.address(), dice.maybe(Dice::mac), Time::new(dice.below(13), 0));
            let name = dice.maybe(Dice::name);
            let known = directory.known(address, mac, name, at);
            asked += 1;
            found += usize::from(known != Known::default());
            assert_eq!(known, walk(&records, address, mac, name, at), "{address} {mac:?} {name:?} {at:?} {records:#?}");
        }
    }
    assert!(asked == 10_000 && found > 8_000, "{found} of {asked}");
}

#[test]
fn only_so_many_records_about_one_subject_count_at_once() {
    let at_once = |count: usize| {
        let records = (0..count).map(|n| Record { from: Some(Time::new(n as u64, 0)), ..record(Subject::Mac([1; 6]), host("x")) });
        let directory = Directory::new(records.collect());
        directory.macs.at(&[1; 6], NOW).to_vec()
    };
    assert_eq!(at_once(3), [2, 1, 0]);
    let newest: Vec<_> = (984..1000).rev().collect();
    assert_eq!(at_once(1000), newest);
    assert_eq!(newest.len(), Directory::MOST_AT_ONCE);
}
