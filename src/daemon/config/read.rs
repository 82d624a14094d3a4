//! The configuration out of its tables.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use minisign_verify::PublicKey;

use super::policy::PolicyFile;
use super::{
    Alerting, Bounds, Capture, Config, Group, Http, Log, LogFormat, Privacy, Retention, Sighting, SignatureSource, Store, Unmatched,
    exclude, sink, stream,
};
use crate::daemon::identity::{Format, Source};
use crate::daemon::sandbox::Wish;
use crate::daemon::store_place::{Location, NoPlace};
use crate::daemon::toml_fields::{Fields, Located};
use crate::engine::group::OTHER;

/// Threads an interface can have: more cores than a machine has that this runs on, and far fewer than a group in the kernel can hold.
const MAX_THREADS: u64 = 128;

pub(super) fn config(top: &Fields<'_>, file: &Path) -> Config {
    let user = top.text("user").map(|u| u.value.to_owned());
    let teams = groups(top, "team");
    let policy = top.table("policy").map(|t| PolicyFile::read(&t, file)).unwrap_or_default();
    let alert = top.table("alert");
    let sandbox = top.word("sandbox", Wish::WORDS, Wish::from_word).map(|w| w.value).unwrap_or_default();
    let sensor = top.text("sensor").map(|s| s.value.to_owned());
    let name = sensor.clone().unwrap_or_else(own_name);
    let mut sinks = alert.as_ref().map(|t| sink::read(t, file)).unwrap_or_default();
    sinks.iter_mut().for_each(|sink| sink.of_sensor(&name));
    let sink_names: Vec<String> = sinks.iter().map(|s| s.name.clone()).collect();
    Config {
        user,
        sandbox,
        sensor,
        community_id_seed: u16::try_from(top.number("community_id_seed", 0, 0..=65_535)).unwrap_or_default(),
        stream_queue: top.has("stream_queue").then(|| top.number("stream_queue", stream::DEFAULT_QUEUE, 1..=100_000_000)),
        streams: stream::read(top, file),
        inside: networks(top, "inside"),
        shared: networks(top, "shared"),
        exclude: top.table("exclude").map(|t| exclude::read(&t)).unwrap_or_default(),
        capture: top.table("capture").map(|t| capture(&t)).unwrap_or_default(),
        store: top.table("store").map(|t| store(&t)).unwrap_or_default(),
        http: top.table("http").map(|t| Http::read(&t, file)).unwrap_or_default(),
        signatures: top.table("signatures").map(|t| signatures(&t, file)).unwrap_or_default(),
        identities: identities(top, file),
        zones: groups(top, "zone"),
        teams,
        policy,
        retention: top.table("retention").map(|t| Retention::read(&t)).unwrap_or_default(),
        unmatched: top.table("unmatched").map(|t| unmatched(&t)).unwrap_or_default(),
        privacy: top.table("privacy").map(|t| Privacy::read(&t, file)).unwrap_or_default(),
        sighting: top.table("sighting").map(|t| Sighting::read(&t)).unwrap_or_default(),
        alerting: alert.as_ref().map(|t| Alerting::read(t, &sink_names)).unwrap_or_default(),
        sinks,
        bounds: top.table("bounds").map(|t| Bounds::read(&t)).unwrap_or_default(),
        log: top.table("log").map(|t| log(&t)).unwrap_or_default(),
        files: Vec::new(),
    }
}

/// What systemd gives a unit's credentials under (systemd.exec(5), LoadCredential).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// Where that is for the unit that is shipped: whoever checks a configuration is not the unit.
const CREDENTIALS_OF_UNIT: &str = "/run/credentials/shadowtap.service";

/// A path as written in a file: relative ones stand beside that file, those below `${CREDENTIALS_DIRECTORY}` among the unit's credentials.
pub(super) fn beside(file: &Path, path: &str) -> PathBuf {
    let credential = path.strip_prefix("${").and_then(|rest| rest.strip_prefix(CREDENTIALS)).and_then(|rest| rest.strip_prefix("}/"));
    match credential {
        Some(name) => std::env::var_os(CREDENTIALS).map_or_else(|| CREDENTIALS_OF_UNIT.into(), PathBuf::from).join(name),
        None => file.parent().map_or_else(|| path.into(), |folder| folder.join(path)),
    }
}

/// The name of this machine.
pub(super) fn own_name() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "shadowtap".into())
}

fn capture(fields: &Fields<'_>) -> Capture {
    let default = Capture::default();
    let number = |key, default: u32, most| u32::try_from(fields.number(key, default.into(), 1..=most)).unwrap_or(default);
    Capture {
        interfaces: fields.texts("interfaces").into_iter().map(|i| i.value.to_owned()).collect(),
        promiscuous: fields.flag("promiscuous", default.promiscuous),
        threads: number("threads", default.threads, MAX_THREADS),
        buffer_mib: number("buffer_mib", default.buffer_mib, 2047),
        snapshot_length: number("snapshot_length", default.snapshot_length, 262_144),
        filter: fields.text("filter").and_then(|f| filter(fields, &f)),
    }
}

/// A BPF expression that libpcap can compile for Ethernet.
fn filter(fields: &Fields<'_>, written: &Located<&str>) -> Option<String> {
    let compiled = if written.value.contains('\0') {
        Err("it holds a NUL character".to_owned())
    } else {
        let dead = pcap::Capture::dead(pcap::Linktype::ETHERNET);
        dead.and_then(|c| c.compile(written.value, true).map(drop)).map_err(|e| e.to_string())
    };
    match compiled {
        Ok(()) => Some(written.value.to_owned()),
        Err(error) => {
            fields.reading().error(written.line, format!("capture.filter cannot be compiled: {error}"), "see man 7 pcap-filter");
            None
        }
    }
}

fn store(fields: &Fields<'_>) -> Store {
    let Some(url) = fields.needed_text("url") else { return Store::default() };
    if let Err(NoPlace { text, why }) = Location::parse(url.value) {
        fields.reading().error(url.line, format!("store.url {text:?}: {why}"), NoPlace::REMEDY);
    }
    Store { url: url.value.to_owned() }
}

fn signatures(fields: &Fields<'_>, file: &Path) -> SignatureSource {
    let default = SignatureSource::default();
    SignatureSource {
        keys: fields.one_or_more("key").iter().filter_map(|k| public_key(fields, k)).collect(),
        update_folder: fields.text("update_folder").map_or(default.update_folder, |f| beside(file, f.value)),
        folder: fields.text("folder").map(|f| beside(file, f.value)),
        disable: fields.texts("disable").into_iter().map(|d| Located { value: d.value.to_owned(), line: d.line }).collect(),
    }
}

fn public_key(fields: &Fields<'_>, written: &Located<&str>) -> Option<PublicKey> {
    let key = PublicKey::from_base64(written.value.trim());
    if key.is_err() {
        let message = format!("signatures.key {:?} is no public key of minisign", written.value);
        fields.reading().error(written.line, message, "write the second line of minisign.pub, which begins with RW");
    }
    key.ok()
}

fn unmatched(fields: &Fields<'_>) -> Unmatched {
    Unmatched { enabled: fields.flag("enabled", Unmatched::default().enabled) }
}

fn log(fields: &Fields<'_>) -> Log {
    const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];
    let format = |word: &str| match word {
        "auto" => Some(LogFormat::Auto),
        "human" => Some(LogFormat::Human),
        "json" => Some(LogFormat::Json),
        _ => None,
    };
    let default = Log::default();
    Log {
        format: fields.word("format", &["auto", "human", "json"], format).map_or(default.format, |f| f.value),
        level: fields.word("level", LEVELS, |w| LEVELS.iter().copied().find(|l| *l == w)).map_or(default.level, |l| l.value),
    }
}

/// Files that say who clients are; they are read with the rules.
fn identities(top: &Fields<'_>, config: &Path) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    for table in top.tables("identity") {
        let format = table.word("format", Format::WORDS, Format::from_word).map(|f| f.value);
        let Some(written) = table.needed_text("file") else { continue };
        let file = beside(config, written.value);
        if sources.iter().any(|source| source.file == file) {
            table.reading().error(written.line, format!("identity.file {} is named twice", file.display()), "name it once");
        }
        sources.push(Source { file, format });
    }
    sources
}

/// Teams or zones, with what is wrong among them.
fn groups(top: &Fields<'_>, key: &'static str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut owners: HashMap<IpNet, String> = HashMap::new();
    for table in top.tables(key) {
        let name = table.needed_text("name");
        if !table.has("subnets") {
            table.reading().error(table.line(), format!("{key}.subnets is missing"), "add subnets = [\"10.1.0.0/16\"]");
        }
        let subnets = networks(&table, "subnets");
        let Some(name) = name else { continue };
        if name.value == OTHER {
            table.reading().error(name.line, format!("a {key} is named {OTHER:?}, the name of everybody else"), "choose another name");
        } else if groups.iter().any(|g| *g.name == *name.value) {
            table.reading().error(name.line, format!("two {key}s are named {:?}", name.value), "join their subnets under one name");
        }
        for subnet in &subnets {
            if let Some(owner) = owners.insert(*subnet, name.value.to_owned()) {
                let message = format!("subnet {subnet} is in {key} {owner:?} and in {key} {:?}", name.value);
                table.reading().error(table.line(), message, "leave it in one of them; a narrower subnet may be in another");
            }
        }
        groups.push(Group { name: name.value.into(), subnets });
    }
    groups
}

/// A list of networks; a bare address is a network of one.
pub(super) fn networks(fields: &Fields<'_>, key: &'static str) -> Vec<IpNet> {
    fields.texts(key).iter().filter_map(|text| network(fields, key, text)).collect()
}

fn network(fields: &Fields<'_>, key: &str, text: &Located<&str>) -> Option<IpNet> {
    let one = || text.value.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    let Some(net) = text.value.parse::<IpNet>().ok().or_else(one) else {
        let message = format!("{} {:?} is no network", fields.named(key), text.value);
        fields.reading().error(text.line, message, "write 10.0.0.0/8 or 2001:db8::/32");
        return None;
    };
    if net != net.trunc() {
        let message = format!("{} {net} has bits beyond its prefix", fields.named(key));
        fields.reading().warning(text.line, message, format!("{} is meant", net.trunc()));
    }
    Some(net.trunc())
}
