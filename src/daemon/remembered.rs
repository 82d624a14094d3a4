//! What is remembered of domains that belonged to no service, in words.

use super::store::UnmatchedMemory;
use crate::engine::signature::Signatures;

/// Remembered domains whose use a new list tells and the old one did not, with the service; those seen on most days first.
pub fn found<'a>(memories: &'a [UnmatchedMemory], old: &Signatures, new: &'a Signatures) -> Vec<(&'a UnmatchedMemory, &'a str)> {
    let service = |m: &'a UnmatchedMemory| {
        let named = new.match_name(&m.domain).filter(|found| found.is_use() && old.match_name(&m.domain).is_none())?;
        Some((m, &*named.service.id))
    };
    let mut found: Vec<_> = memories.iter().filter_map(service).collect();
    found.sort_by(|(a, _), (b, _)| (b.days.len(), b.clients, &a.domain).cmp(&(a.days.len(), a.clients, &b.domain)));
    found
}

/// How often, and by about how many.
pub fn sentence(memory: &UnmatchedMemory, days: u64) -> String {
    let clients = if memory.clients == 1 { "client" } else { "clients" };
    // The day that goes on makes one more than the whole ones.
    let seen = (memory.days.len() as u64).min(days);
    format!("seen on {seen} of the last {days} days by about {} {clients}", memory.clients)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::daemon::rules::signature_file::{Origin, parse};

    fn signatures(hosts: &str) -> Signatures {
        let text = format!("vendor = \"V\"\n[[service]]\nid = \"v.chat\"\nname = \"N\"\ncategory = \"chat\"\nhosts = [{hosts}]\n");
        Signatures::new(parse(Path::new("f"), &text, Origin::Site).0.into_iter().map(|e| e.record).collect())
    }

    #[test]
    fn new_signatures_find_what_was_there_before() {
        let memory =
            |domain: &str, days: u64, clients| UnmatchedMemory { domain: domain.into(), days: (0..days).collect(), seen: 9, clients };
        let memories = [memory("a.com", 3, 1), memory("known.com", 30, 9), memory("shared.com", 30, 9), memory("z.com", 14, 6)];
        let old = signatures("\"known.com\"");
        let new = signatures("\"known.com\", \"a.com\", \"z.com\", { name = \"shared.com\", use = \"shared\" }, \"api.other.com\"");
        let said: Vec<_> = found(&memories, &old, &new).iter().map(|(m, s)| format!("{} {s}: {}", m.domain, sentence(m, 30))).collect();
        assert_eq!(
            said,
            [
                "z.com v.chat: seen on 14 of the last 30 days by about 6 clients",
                "a.com v.chat: seen on 3 of the last 30 days by about 1 client"
            ]
        );
    }
}
