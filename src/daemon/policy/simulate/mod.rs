//! `policy simulate`: what another policy would have said of the sightings in the store, beside the one in force.

mod comparison;
mod show;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use super::draft;
use crate::daemon::check::print_warnings;
use crate::daemon::clock;
use crate::daemon::config::Config;
use crate::daemon::diagnostic::any_error;
use crate::daemon::failure::Failure;
use crate::daemon::output::{Output, print};
use crate::daemon::rules::Rules;
use crate::daemon::since;
use crate::daemon::store::{Store, Window};
use comparison::Comparison;

/// Which policy, and on what.
#[derive(clap::Args)]
pub struct Args {
    /// The policy file to try, in the place of the whole policy in force
    #[arg(long, value_name = "NEW.toml")]
    policy: PathBuf,
    /// From when on: a duration before now (90m, 12h, 7d, 2w), RFC 3339, or all
    #[arg(long, value_name = "T", default_value = "30d")]
    since: String,
    /// Up to when; now if not given
    #[arg(long, value_name = "T")]
    until: Option<String>,
    /// The store to read; default that of the configuration
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Configuration with the policy in force; default /etc/shadowtap/config.toml where it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to answer: one JSON object, or tables
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Prints what would change. A daemon may write the store meanwhile.
///
/// # Errors
/// A configuration or a policy that is refused, a moment that is none, the store's errors.
pub fn run(args: Args) -> Result<(), Failure> {
    let now = clock::now();
    let moment = |option: &str, text: &str| since::parse(text, now).map_err(|e| Failure::Setting(format!("{option}: {e}")));
    let since = moment("--since", &args.since)?;
    let until = args.until.as_deref().map(|t| moment("--until", t)).transpose()?.flatten();
    let config = Config::load(args.config.as_deref()).map_err(Failure::Configuration)?.value;
    let today = Rules::load(&config).map_err(Failure::Configuration)?.value;
    let mut other = config.clone();
    let mut problems = draft::replace(&mut other, &args.policy);
    let (new, more) = Rules::survey(&other);
    problems.extend(more);
    if any_error(&problems) {
        return Err(Failure::Configuration(problems));
    }
    print_warnings(&problems);
    let store = args.store.as_deref().unwrap_or(&config.store.url);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let comparison = runtime.block_on(compare(store, Window { since, until }, &today, &new))?;
    match args.output {
        Output::Table => print(&show::text(&comparison, since, until.unwrap_or(now))),
        Output::Json => print(&show::json(&comparison, since, until.unwrap_or(now))),
    }
}

async fn compare<'r>(store: &str, window: Window, today: &'r Rules, new: &'r Rules) -> Result<Comparison<'r>, Failure> {
    let store = Store::open_existing(store).await?;
    let mut pages = store.sightings(window).await?;
    let mut comparison = Comparison::new(today, new);
    while let Some(page) = pages.next().await? {
        page.into_iter().for_each(|sighting| comparison.add(sighting));
    }
    store.close().await;
    Ok(comparison)
}
