//! How much was sent today, and on the days before: what is usual is measured against it.
//!
//! Only those who sent more today than a floor are looked at, so what is read of the days before is little. No index leads from a client to
//! its sightings: the key of those days is walked, beside the writer.

use std::collections::HashMap;

use sqlx::Connection;

use super::beside::on_this_thread;
use super::commit::{AlertToPut, json, put_alerts};
use super::daily::DAY;
use super::fate::{Fate, Fates, repeats};
use super::sensor::SensorTold;
use super::sighting_row::{SIGHTINGS, sightings};
use super::{Store, StoreError};
use crate::daemon::clock;
use crate::daemon::dispatch::{About, Dispatch};
use crate::daemon::notice::{Notice, NoticeKind, Repeats, event_id};
use crate::engine::sighting::Sighting;

pub(super) const CLIENTS_TODAY: &str = "
    SELECT client_id, service_id, sum(bytes_up), max(id) FROM sighting
    WHERE first_seen >= ?1 AND first_seen < ?2 GROUP BY client_id, service_id HAVING sum(bytes_up) >= ?3 ORDER BY 3 DESC LIMIT 1000";
pub(super) const CLIENTS_BEFORE: &str = "
    SELECT client_id, service_id, first_seen / 86400000000, sum(bytes_up) FROM sighting
    WHERE first_seen >= ?1 AND first_seen < ?2
      AND (client_id, service_id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?3)) GROUP BY 1, 2, 3";
pub(super) const TEAMS_TODAY: &str = "
    SELECT d.team_id, d.service_id, sum(d.bytes_up),
           (SELECT max(g.id) FROM sighting g WHERE g.first_seen >= ?1 * 86400000000 AND g.first_seen < (?1 + 1) * 86400000000
            AND g.team_id = d.team_id AND g.service_id = d.service_id)
    FROM daily d WHERE d.day = ?1 GROUP BY d.team_id, d.service_id HAVING sum(d.bytes_up) >= ?2";
pub(super) const TEAMS_BEFORE: &str = "
    SELECT team_id, service_id, day, sum(bytes_up) FROM daily WHERE day >= ?1 AND day < ?2
      AND (team_id, service_id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?3)) GROUP BY 1, 2, 3";
/// Days of which anything is kept.
pub(super) const DAYS: &str = "SELECT day FROM calendar WHERE day >= ?1 AND day < ?2";
pub(super) const IS_THERE: &str = "SELECT EXISTS (SELECT 1 FROM alert WHERE key = ?1)";

/// Whose volume.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Sender {
    /// One client's.
    Client,
    /// A whole team's.
    Team,
}

/// What somebody sent to a service today, and on the days before.
#[derive(Clone, PartialEq, Debug)]
pub struct DayVolume {
    /// Who, and to which service, in the store's numbers.
    pub pair: (i64, i64),
    /// Bytes sent today.
    pub today: u64,
    /// Bytes sent on each day before of which anything is kept; 0 where nothing was sent.
    pub before: Vec<u64>,
    /// Row of the newest sighting of today.
    pub newest: i64,
}

impl Store {
    /// Who sent at least `floor` bytes to a service on a day, and what they sent on up to `days` days before it.
    ///
    /// # Errors
    /// The database's own.
    pub async fn day_volumes(&self, sender: Sender, day: i64, days: i64, floor: u64) -> Result<Vec<DayVolume>, StoreError> {
        let floor = i64::try_from(floor).unwrap_or(i64::MAX);
        let (from, first) = (day.saturating_mul(DAY), day.saturating_sub(days));
        let mut reader = self.readers.acquire().await?;
        let today = match sender {
            Sender::Client => sqlx::query_as(CLIENTS_TODAY).bind(from).bind(from.saturating_add(DAY)).bind(floor),
            Sender::Team => sqlx::query_as(TEAMS_TODAY).bind(day).bind(floor),
        };
        let today: Vec<(i64, i64, i64, Option<i64>)> = today.fetch_all(&mut *reader).await?;
        if today.is_empty() {
            return Ok(Vec::new());
        }
        let pairs = json(&today.iter().map(|(who, service, ..)| (who, service)).collect::<Vec<_>>())?;
        let before = match sender {
            Sender::Client => sqlx::query_as(CLIENTS_BEFORE).bind(first.saturating_mul(DAY)).bind(from).bind(pairs),
            Sender::Team => sqlx::query_as(TEAMS_BEFORE).bind(first).bind(day).bind(pairs),
        };
        let before: Vec<(i64, i64, i64, i64)> = before.fetch_all(&mut *reader).await?;
        let known: Vec<i64> = sqlx::query_scalar(DAYS).bind(first).bind(day).fetch_all(&mut *reader).await?;
        let sent: HashMap<(i64, i64, i64), u64> =
            before.into_iter().map(|(who, to, day, up)| ((who, to, day), up.unsigned_abs())).collect();
        let volume = |(who, service, up, newest): (i64, i64, i64, Option<i64>)| {
            let before = known.iter().map(|day| sent.get(&(who, service, *day)).copied().unwrap_or(0)).collect();
            Some(DayVolume { pair: (who, service), today: up.unsigned_abs(), before, newest: newest? })
        };
        Ok(today.into_iter().filter_map(volume).collect())
    }

    /// Puts the alert of an unusual volume, once a day for each; what became of it. The payload is what `render` makes of the newest sighting of
    /// the day, with the day's bytes; a team's has the team as its client.
    ///
    /// # Errors
    /// The database's own; nothing was kept then.
    pub async fn tell_of_volume(
        &self,
        sender: Sender,
        volume: &DayVolume,
        day: i64,
        dispatch: &Dispatch,
        render: &(dyn Fn(&Notice<'_>) -> String + Sync),
    ) -> Result<SensorTold, StoreError> {
        let Some(sighting) = self.newest_of(sender, volume).await? else { return Ok(SensorTold::Nothing) };
        let created = clock::now();
        let kind = NoticeKind::UnusualVolume;
        let id = event_id(&[kind.word(), &sighting.client, &sighting.service, &day.to_string()]);
        let mut connection = self.writer.acquire().await?;
        sqlx::query("PRAGMA synchronous = FULL").execute(&mut *connection).await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        if sqlx::query_scalar(IS_THERE).bind(&id).fetch_one(&mut *transaction).await? {
            return Ok(SensorTold::Nothing);
        }
        let mut notice = Notice { id, kind, created, sighting: &sighting, repeats: Repeats::default() };
        let about = About { kind, severity: notice.severity(), team: &sighting.team, service: &sighting.service, client: &sighting.client };
        let mut fates = on_this_thread(&mut transaction, |connection| Fates::load(connection, dispatch, created)).await?;
        let decided = fates.decide(&about);
        notice.repeats = repeats(0, decided.suppressed, kind, &sighting.team);
        let is_sent = decided.fate == Fate::Sent;
        let alert = AlertToPut {
            incident: notice.incident(),
            payload: render(&notice),
            key: notice.id.clone(),
            created: created.micros(),
            client: Some(volume.pair.0).filter(|_| sender == Sender::Client),
            service: Some(volume.pair.1),
            kind: kind as u8,
            team: &sighting.team,
            severity: about.severity as u8,
            fate: decided.fate as u8,
            why: decided.why,
            resolves: 0,
            sinks: if is_sent { dispatch.sinks_of(&about) } else { Vec::new() },
        };
        on_this_thread(&mut transaction, |connection| {
            put_alerts(connection, &mut [alert])?;
            fates.save(connection)
        })
        .await?;
        transaction.commit().await?;
        Ok(if is_sent { SensorTold::Sent } else { SensorTold::KeptBack(decided.fate) })
    }

    /// The newest sighting of the day, with what the day amounts to.
    async fn newest_of(&self, sender: Sender, volume: &DayVolume) -> Result<Option<Sighting>, StoreError> {
        let page: String = sqlx::query_scalar(SIGHTINGS).bind(json(&[volume.newest])?).fetch_one(&self.readers).await?;
        let newest = sightings(&page)?.into_iter().next();
        Ok(newest.map(|newest| {
            let of_day = Sighting { bytes_up: volume.today, ..newest };
            match sender {
                Sender::Client => of_day,
                Sender::Team => Sighting { client: of_day.team.clone(), identity: Default::default(), names: Vec::new(), ..of_day },
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fixture::{SEVEN, finding, sighting};

    #[tokio::test]
    async fn days_before_are_those_of_which_anything_is_kept() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let today = SEVEN.micros() / DAY;
        let on = |days_ago: u64, client: &str, bytes_up| Sighting {
            client: client.into(),
            first_seen: crate::engine::frame::Time(SEVEN.0 - days_ago * 86_400_000_000_000),
            bytes_up,
            ..sighting()
        };
        let all = [on(0, "10.0.0.5", 900), on(0, "10.0.0.6", 10), on(1, "10.0.0.5", 50), on(3, "10.0.0.6", 70), on(3, "10.0.0.5", 30)];
        store.commit(&all.map(finding).to_vec().into(), None).await.unwrap();
        for stale in store.stale_days(None, None).await.unwrap() {
            store.add_up(stale.day, SEVEN).await.unwrap();
        }
        let clients = store.day_volumes(Sender::Client, today, 14, 100).await.unwrap();
        assert_eq!(clients.iter().map(|v| (v.today, v.before.clone())).collect::<Vec<_>>(), [(900, vec![30, 50])]);
        let teams = store.day_volumes(Sender::Team, today, 14, 100).await.unwrap();
        assert_eq!(teams.iter().map(|v| (v.today, v.before.clone())).collect::<Vec<_>>(), [(910, vec![100, 50])]);

        let dispatch = Dispatch::at_once(&["soc"]);
        let render = |notice: &Notice<'_>| format!("{} {} {}", notice.sighting.client, notice.sighting.bytes_up, notice.incident());
        for (sender, volume, told) in [(Sender::Client, &clients[0], "10.0.0.5 900"), (Sender::Team, &teams[0], "design 910")] {
            let tell = async || store.tell_of_volume(sender, volume, today, &dispatch, &render).await.unwrap();
            assert_eq!((tell().await, tell().await), (SensorTold::Sent, SensorTold::Nothing), "once a day");
            assert!(store.letters("soc", 9).await.unwrap().iter().any(|l| l.payload.starts_with(told)));
        }
    }
}
