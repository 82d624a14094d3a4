use super::*;
use Agent::{Browser, Cli, DesktopApp, Sdk, Server, Unknown};

fn by(library: Library) -> Clues {
    Clues { library: Some(Match { library, closeness: Closeness::Whole }), ..Clues::default() }
}

fn at(role: Role, category: Category) -> Place {
    Place { role, category }
}

fn said(told: Agent) -> Clues {
    Clues { told: Some(told), ..Clues::default() }
}

#[test]
fn every_rule_and_where_it_says_nothing() {
    let (web, api) = (at(Role::Web, Category::Chat), at(Role::Api, Category::Api));
    let code = at(Role::Api, Category::Code);
    let h3 = Clues { is_http3: true, ..Clues::default() };
    let cases = [
        (by(Library::BoringsslChromium), web, Browser),
        (by(Library::NssFirefox), at(Role::Cdn, Category::Chat), Browser),
        // A page's script, or an application built upon a browser: both may be.
        (by(Library::BoringsslChromium), api, Unknown),
        (by(Library::BoringsslChromium), code, Unknown),
        (by(Library::Openssl), api, Sdk),
        (by(Library::Gnutls), at(Role::Upload, Category::Api), Sdk),
        // A program that reads pages is no browser, and may be anything else.
        (by(Library::Openssl), web, Unknown),
        (by(Library::Go), at(Role::Telemetry, Category::Code), Unknown),
        (by(Library::OpensslNode), code, Cli),
        (by(Library::Go), code, Cli),
        (by(Library::Openssl), code, Sdk),
        (by(Library::Jsse), code, Sdk),
        (h3, web, Browser),
        (h3, api, Unknown),
        (said(DesktopApp), api, DesktopApp),
        (said(Cli), web, Cli),
        (Clues::default(), web, Unknown),
        (Clues::default(), api, Unknown),
    ];
    for (clues, place, expected) in cases {
        assert_eq!(classify(&clues, place).agent, expected, "{clues:?} {place:?}");
    }
}

#[test]
fn clues_that_contradict_each_other_tell_nothing() {
    let api = at(Role::Api, Category::Api);
    for (library, told) in [(Library::Openssl, Browser), (Library::Go, DesktopApp), (Library::BoringsslChromium, Cli)] {
        let clues = by(library).behind(said(told));
        assert_eq!(classify(&clues, api), Verdict::UNKNOWN, "{library:?} {told:?}");
    }
    let agreeing = by(Library::Openssl).behind(said(Cli));
    assert_eq!(classify(&agreeing, api), Verdict { agent: Cli, weight: Weight::Told });
}

#[test]
fn ciphers_alone_weigh_less_than_a_whole_fingerprint() {
    let api = at(Role::Api, Category::Code);
    let close = Clues { library: Some(Match { library: Library::Go, closeness: Closeness::Ciphers }), ..Clues::default() };
    assert_eq!(classify(&close, api), Verdict { agent: Cli, weight: Weight::Hint });
    assert_eq!(classify(&by(Library::Openssl), api).max(classify(&close, api)).agent, Sdk);
}

#[test]
fn a_portrait_is_the_same_in_whatever_order() {
    let agents = [Unknown, Sdk, Cli, Browser, DesktopApp];
    let weights = [Weight::None, Weight::Hint, Weight::Fingerprint, Weight::Told];
    let verdicts: Vec<Verdict> = agents.iter().flat_map(|agent| weights.map(|weight| Verdict { agent: *agent, weight })).collect();
    for one in &verdicts {
        for other in &verdicts {
            let (mut there, mut back) = (Portrait::default(), Portrait::default());
            there.add(*one);
            there.add(*other);
            back.add(*other);
            back.add(*one);
            assert_eq!(there, back, "{one:?} {other:?}");
        }
    }
}

#[test]
fn what_is_known_never_becomes_unknown_and_grows_only_surer() {
    let mut portrait = Portrait::known(Browser);
    portrait.add(Verdict::UNKNOWN);
    portrait.add(Verdict { agent: Sdk, weight: Weight::Fingerprint });
    assert_eq!(portrait.agent(), Browser);
    portrait.add(Verdict { agent: DesktopApp, weight: Weight::Told });
    assert_eq!(portrait.agent(), DesktopApp);
}

#[test]
fn a_timer_makes_a_program_a_server_and_a_browser_never() {
    for (agent, expected) in [(Sdk, Server), (Cli, Server), (Browser, Browser), (Unknown, Unknown)] {
        let mut portrait = Portrait::known(agent);
        for n in 0..=60 {
            portrait.connected(Time(0).plus_seconds(n * 300));
        }
        assert_eq!(portrait.agent(), expected);
    }
}
