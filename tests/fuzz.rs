//! The bodies of the fuzz targets on the compiler at hand: every seed, and then changed ones, by a seed that is printed. The long search
//! is libFuzzer's: `make fuzz`, `docs/fuzzing.md`.

#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub)]
mod bodies;
#[path = "wire/dice.rs"]
#[allow(dead_code)]
mod dice;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bodies::list::TARGETS;
use bodies::seeds::{self, Seed};
use dice::Dice;

/// Changed inputs of one target; readers of captures take a MiB each time, keys and files cost more.
const ROUNDS: usize = 2000;
const SLOW: [(&str, usize); 3] = [("bundles", 200), ("captures", 40), ("clients", 500)];
/// Longest input that is made.
const LONGEST: usize = 2048;

#[test]
fn every_target_holds_for_seeds_and_changed_seeds() {
    let rounds = std::env::var("SHADOWTAP_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let only = std::env::var("SHADOWTAP_TARGET").ok();
    let mut dice = Dice::new(8);
    let all = seeds::all();
    for (target, body) in TARGETS.iter().filter(|(t, _)| only.as_ref().is_none_or(|o| o == t)) {
        let seeds: Vec<&Seed> = all.iter().filter(|s| s.target == *target).collect();
        assert!(!seeds.is_empty(), "{target} has no seed");
        let step = seeds.len().div_ceil(rounds.clamp(1, 400));
        seeds.iter().step_by(step).for_each(|seed| holds(target, *body, &seed.bytes));
        let most = SLOW.iter().find(|(slow, _)| slow == target).map_or(usize::MAX, |(_, most)| *most);
        for _ in 0..rounds.min(most.max(rounds / 50)) {
            let mut input = seeds[dice.below(seeds.len())].bytes.clone();
            for _ in 0..=dice.below(6) {
                change(&mut input, &mut dice, &seeds);
            }
            input.truncate(LONGEST);
            holds(target, *body, &input);
        }
    }
}

/// Inputs for which something was mended: target, and bytes in hexadecimal.
const FOUND: [(&str, &str); 10] = [
    // The first byte of MySQL's request for TLS, alone, was nothing.
    (
        "openings",
        "117a50522000000100ae117a204800484848484848484848484848484848484848484e4e4e4e4e4e505249202a20485454502f342e300d0a0d0a534d0d0a0d0a4e2d2d2d2d484848484848484e4e4e4e4e4e505249202a20485454502f322e300d0a0d0a534d0d0a0d0a4e2d2d2d2d2d2d2d2dffffffffffffab65652a642e78110000005061d15249202a2048545450752f322e30403e3e3e3e3e3e3e3e3e843e3e73474554202f0c0c31000c0c0c0c0c0c0c0c0c0c0c0c0c0c0c65722d4148484848484848000804d216304848484848484848484848484848484848",
    ),
    // Of User-Agent the first letters alone were taken for USER, and what followed for talk before STARTTLS.
    (
        "openings",
        "4d00000050524f5859205443502e3220313030304e4e45435420427365652a642e65781100000050616d706cd15249202a20485454502f322e30403e3e3e3e3e3e3e3e3e3e3e642e65786c650d0a557365722d4167656e743a0d0a0d900a534d65d23a323239200cc473510000234854203434330d0a160301006d0100006903035a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a130213030100003a00000011000f00000c736565642d2e6578616d706c650010000e000cf9970100000074702f302e5a5a5a5a5a5a5a5a13021303010006000404030804002b00050403040303",
    ),
    // A record too long to be one, of which not even the first byte of its body is there: not yet a broken hello.
    ("tls", "6f00000016030193ffffffffffffff04033d0b0077ffffffffffffffff049ee3b6caa5c5986b012e818fe8c96b97cbcf33ffc009c0130000030300"),
    // Sightings that ended while nobody drained stood in the list of changed ones for ever.
    (
        "ledger",
        "adad2dbf0ead2dbfbf0ead97ff095f2dffff0ead2dbfad2d0a0a0affffffffffff01bf0ead2dbfff092dbfff2dbfbf0ead2dbfff095f2fff095f2d5ead97adadff",
    ),
    (
        "ledger",
        "57ffff3f2d292d572d01e700a5a5a53d012aad3dad2d2dad0124013f012dad01602d2dad01ad01012d1d3d1d1d1d2dad2d0d0d0d0d0d0dbf0d6001ad2d1b5d1b1b1b2fff2dad01ad013f012dad01602d2dad01ad01012d1d3d1d1d1d2dad2da3a3a3a3a3a3a3a3a32d8101af2d31303033292d572d01e7002da5a5a53d012aad2dad2d302e2e2e002d",
    ),
    // A request whose first byte alone might have begun a talk, and one shorter than the preface of HTTP/2 that begins like it.
    ("openings", "010000004c4c505249202a20485454502f322e300d0a0d0a534d0d0a0d0a4c4c4c4c4c4c4c4c4c6900000018"),
    ("openings", "0a7c0000505249202a20485454502f322e310d0a0d0a"),
    // A relay around nothing wanted four bytes, whatever was there.
    (
        "dhcp",
        "38eb27eb0cebebffff04021000eb340000000000000004000000000000000000000000000000002100000000000081000000000900000000000000000000",
    ),
    // What waited behind a gap was left where a contradicting piece closed it.
    ("stream", "ffff2e02ff00008200ef00002cff0505ffffffffaf00ffffff0100ff03fbff000600000aff0103f900"),
    // A remark at the end of a file, without a line's end, was a row in a line that is not there.
    ("clients", "0023212f62696e2f73680a23204d61"),
];

#[test]
fn what_was_found_stays_mended() {
    for (target, hex) in FOUND {
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hexadecimal")).collect();
        // Without the daemon there is no reader of files.
        if cfg!(not(feature = "daemon")) && target == "clients" {
            continue;
        }
        let (_, body) = TARGETS.iter().find(|(t, _)| *t == target).expect("a target");
        holds(target, *body, &bytes);
    }
}

#[test]
fn every_target_has_a_bug_that_can_still_be_planted() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (target, _) in TARGETS {
        let patch = std::fs::read_to_string(root.join(format!("fuzz/planted/{target}.patch"))).unwrap_or_else(|e| panic!("{target}: {e}"));
        let file = patch.lines().find_map(|line| line.strip_prefix("+++ b/")).expect("the file that is changed");
        let source = std::fs::read_to_string(root.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        for hunk in patch.split("\n@@ ").skip(1) {
            let is_kept = |line: &&str| !line.starts_with('+');
            let old: Vec<&str> = hunk.lines().skip(1).filter(is_kept).map(|line| line.get(1..).unwrap_or_default()).collect();
            assert!(source.contains(&old.join("\n")), "{target}: {file} has changed where the bug would be:\n{}", old.join("\n"));
        }
    }
}

/// Runs one input; where it fails, the input is told with it.
fn holds(target: &str, body: fn(&[u8]), input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(input))) {
        let hex: String = input.iter().map(|b| format!("{b:02x}")).collect();
        println!("{target} fails for {} bytes: {hex}", input.len());
        std::panic::resume_unwind(panic);
    }
}

/// One change, of those that find the most: bytes, lengths, pieces moved, and pieces of another seed.
fn change(input: &mut Vec<u8>, dice: &mut Dice, seeds: &[&Seed]) {
    if input.is_empty() {
        input.push(dice.next() as u8);
    }
    let at = dice.below(input.len());
    match dice.below(8) {
        0 => input[at] = dice.next() as u8,
        1 => input[at] ^= 1 << dice.below(8),
        2 => input[at] = [0, 1, 0x7f, 0x80, 0xff, b'.', b'\n', b'"'][dice.below(8)],
        3 => input.truncate(at),
        4 => {
            let end = (at + 1 + dice.below(16)).min(input.len());
            input.drain(at..end);
        }
        5 => input.insert(at, dice.next() as u8),
        6 => {
            let end = (at + 1 + dice.below(32)).min(input.len());
            let piece = input[at..end].to_vec();
            input.splice(at..at, piece);
        }
        _ => {
            let other = &seeds[dice.below(seeds.len())].bytes;
            if !other.is_empty() {
                let from = dice.below(other.len());
                let end = (from + 1 + dice.below(64)).min(other.len());
                input.splice(at..at, other[from..end].iter().copied());
            }
        }
    }
}
