//! The same through the command line: a capture replayed into a store, and what `shadowtap visibility` says of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use shadowtap::engine::visibility::{Count, Sight};

use crate::draw::Draw;
use crate::scene::{Scene, ZONES};
use crate::seed;
use crate::talk::Shot;

#[test]
fn a_capture_replayed_twice_is_told_once() {
    let mut draw = Draw::new(seed());
    let scene = Scene::draw(700, &mut draw);
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (capture, config, store) = (at("drawn.pcap"), at("config.toml"), at("store.sqlite"));
    write_pcap(Path::new(&capture), &scene.shots);
    let zones: String = ZONES.iter().map(|(name, subnets)| format!("[[zone]]\nname = \"{name}\"\nsubnets = {subnets:?}\n")).collect();
    fs::write(&config, zones).expect("written");
    let replay = ["replay", &capture, "--config", &config, "--store", &store, "--output", "none"];
    let ask = ["visibility", "--store", &store, "--since", "all", "--per", "hour", "--output", "json"];
    shadowtap(&replay);
    let once = shadowtap(&ask);
    shadowtap(&replay);
    let mut again = shadowtap(&ask);
    again["until"] = once["until"].clone();
    assert_eq!(once, again, "the same capture twice adds nothing");

    assert_eq!(told(once["zones"].as_array().expect("zones")), scene.totals());
    let hours = once["hours"].as_array().expect("hours");
    let named: u64 = hours.iter().filter_map(|h| h["named"].as_u64()).sum();
    let all: u64 = once["zones"].as_array().into_iter().flatten().filter_map(|z| z["named"].as_u64()).sum();
    assert_eq!(named, all);
    assert!(
        once["zones"].as_array().into_iter().flatten().all(|z| z["supported"] == false && z["why"].is_array()),
        "VPNs are in every zone"
    );

    let other = at("other.pcap");
    write_pcap(Path::new(&other), &Scene::draw(10, &mut draw).shots);
    shadowtap(&["replay", &other, "--config", &config, "--store", &store, "--output", "none"]);
    assert_ne!(shadowtap(&ask)["zones"], once["zones"], "another capture adds its own");
    assert!(table(&store).contains("raise [capture] snapshot_length"));
}

fn table(store: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_shadowtap")).args(["visibility", "--store", store, "--since", "all"]).output();
    String::from_utf8(output.expect("runs").stdout).expect("text")
}

/// What the document says, zone by zone; clients of flows are not told.
fn told(zones: &[Value]) -> BTreeMap<(String, Sight), Count> {
    let mut told = BTreeMap::new();
    for zone in zones {
        let name = zone["zone"].as_str().expect("a name").to_owned();
        let mut add = |word: &str, flows: &Value, clients: &Value| {
            let sight = Sight::from_word(word).expect("a sight");
            let count = Count { flows: flows.as_u64().expect("flows"), clients: clients.as_u64().unwrap_or(0) };
            told.insert((name.clone(), sight), count);
        };
        if zone["named"] != 0 {
            add("named", &zone["named"], &Value::Null);
        }
        zone["reasons"].as_object().expect("reasons").iter().for_each(|(word, flows)| add(word, flows, &Value::Null));
        let spots = zone["blind_spots"].as_object().expect("blind spots");
        spots.iter().for_each(|(word, spot)| add(word, &spot["flows"], &spot["clients"]));
    }
    told
}

/// A classic capture file with nanoseconds.
fn write_pcap(path: &Path, shots: &[Shot]) {
    let word = |n: u32| n.to_le_bytes();
    let mut file = [word(0xa1b2_3c4d), word(0x0004_0002), word(0), word(0), word(65535), word(1)].concat();
    for shot in shots {
        let (seconds, nanos) = (shot.time.seconds() as u32, (shot.time.0 % 1_000_000_000) as u32);
        file.extend([word(seconds), word(nanos), word(shot.bytes.len() as u32), word(shot.wire)].concat());
        file.extend(&shot.bytes);
    }
    fs::write(path, file).expect("written");
}

fn shadowtap(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_shadowtap")).args(arguments).output().expect("runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}
