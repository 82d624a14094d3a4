//! What it costs that streams hear of every sighting: two lines each, written with it and taken out once they are sent.

use std::time::Instant;

use shadowtap::daemon::siem::sighting_line::Scribe;
use shadowtap::daemon::store::{Batch, Lines, Store};
use shadowtap::engine::sighting::Finding;

use super::Outcome;
use super::made::{finding, sighting};

/// Sightings written each way.
const SIGHTINGS: u64 = 100_000;
/// Sightings of one batch.
const BATCH: u64 = 1_000;
/// Lines taken at a time.
const HANDFUL: u32 = 500;
/// The stream.
const NAME: &str = "bench";

/// Distinct sightings, opened and closed in one, after `offset` others: without a stream, then with one that is sent everything.
pub async fn streams(store: &Store, offset: u64) -> Outcome<()> {
    for is_said in [false, true] {
        let begin = offset + if is_said { SIGHTINGS } else { 0 };
        store.set_streams(&if is_said { vec![NAME.to_owned()] } else { Vec::new() }).await?;
        let (mut commits, mut sent, mut lines) = (0.0, 0.0, 0_usize);
        for batch in 0..SIGHTINGS / BATCH {
            let numbers = begin + batch * BATCH..begin + (batch + 1) * BATCH;
            let new = |n| Finding { is_new: true, ..finding(sighting(n, begin + SIGHTINGS, true)) };
            let findings: Vec<Finding> = numbers.map(new).collect();
            let begun = Instant::now();
            let mut whole = Batch::from(findings);
            if is_said {
                let scribe = Scribe { sensor: "gw1".into(), seed: 0, most: 200_000 };
                whole.lines = Lines { lines: scribe.lines(&whole.findings), most: scribe.most };
            }
            store.commit(&whole, None).await?;
            commits += begun.elapsed().as_secs_f64();
            let begun = Instant::now();
            while let Some((last, _)) = store.next_lines(NAME, HANDFUL).await?.last() {
                store.has_lines(NAME, *last).await?;
                lines += 1;
            }
            sent += begun.elapsed().as_secs_f64();
        }
        let with = if is_said { "with a stream" } else { "without a stream" };
        println!(
            "{SIGHTINGS} sightings opened and closed {with}: {:.0} a second; taken out again in {lines} handfuls, {:.0} lines a second",
            SIGHTINGS as f64 / commits,
            if is_said { 2.0 * SIGHTINGS as f64 / sent } else { 0.0 },
        );
    }
    store.set_streams(&[]).await?;
    Ok(())
}
