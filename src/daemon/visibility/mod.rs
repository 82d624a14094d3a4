//! `shadowtap visibility`: how much of each zone's encrypted traffic could be named, why the rest could not, and what that allows to say.

mod table;

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::failure::Failure;
use super::output::{self, Output};
use super::store::{DEFAULT_STORE, SightTotal, Store, Window};
use super::zone_sight::{ZoneSight, zone_sights};
use super::{clock, since};
use crate::engine::frame::Time;

/// Arguments of `shadowtap visibility`.
#[derive(Args, Debug)]
pub struct VisibilityArgs {
    /// The store to read
    #[arg(long, value_name = "URL", default_value = DEFAULT_STORE)]
    store: String,
    /// From when on: a duration before now (90m, 12h, 7d, 2w), RFC 3339, or all; whole hours
    #[arg(long, value_name = "T", default_value = "7d")]
    since: String,
    /// Up to when; now if not given
    #[arg(long, value_name = "T")]
    until: Option<String>,
    /// Rows for each hour too
    #[arg(long, value_enum, value_name = "STEP")]
    per: Option<Step>,
    /// Form of the output: json is one document
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Step {
    Hour,
}

/// What was seen, as the document that JSON shows.
#[derive(Debug, Serialize)]
struct Document {
    from: Option<String>,
    until: String,
    zones: Vec<ZoneSight>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hours: Option<Vec<HourSight>>,
}

/// One zone in one hour.
#[derive(Debug, Serialize)]
struct HourSight {
    hour: String,
    #[serde(flatten)]
    sight: ZoneSight,
}

/// Prints what could be seen and what could not.
///
/// # Errors
/// A moment that cannot be understood, or the store's errors.
pub fn run(args: &VisibilityArgs) -> Result<(), Failure> {
    let now = clock::now();
    let moment = |option: &str, text: &str| since::parse(text, now).map_err(|e| Failure::Setting(format!("{option}: {e}")));
    let since = moment("--since", &args.since)?;
    let until = args.until.as_deref().map(|t| moment("--until", t)).transpose()?.flatten();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (totals, hours) = runtime.block_on(read(&args.store, Window { since, until }, args.per.is_some()))?;
    let document = Document {
        from: since.map(clock::rfc3339),
        until: clock::rfc3339(until.unwrap_or(now)),
        zones: zone_sights(&totals),
        hours: hours.map(|hours| by_hour(&hours)),
    };
    match args.output {
        Output::Json => output::print(&serde_json::to_string(&document).unwrap_or_default()),
        Output::Table => output::print(&table::text(&document)),
    }
}

type Totals = (Vec<SightTotal>, Option<Vec<(Time, SightTotal)>>);

async fn read(url: &str, window: Window, is_hourly: bool) -> Result<Totals, Failure> {
    let store = Store::open_existing(url).await?;
    let totals = store.visibility(window).await?;
    let hours = if is_hourly { Some(store.visibility_by_hour(window).await?) } else { None };
    store.close().await;
    Ok((totals, hours))
}

fn by_hour(rows: &[(Time, SightTotal)]) -> Vec<HourSight> {
    let mut hours: BTreeMap<Time, Vec<SightTotal>> = BTreeMap::new();
    for (hour, total) in rows {
        hours.entry(*hour).or_default().push(total.clone());
    }
    let of_hour = |(hour, totals): (Time, Vec<SightTotal>)| {
        zone_sights(&totals).into_iter().map(move |sight| HourSight { hour: clock::rfc3339(hour), sight })
    };
    hours.into_iter().flat_map(of_hour).collect()
}
