//! The tables of `shadowtap visibility`.

use super::Document;
use crate::daemon::table::layout;
use crate::daemon::zone_sight::{ZoneSight, percent, reason_remedy, reason_text, spot_remedy, spot_text};
use crate::engine::event::{BlindSpot, Reason};

/// Everything, for people.
pub(super) fn text(document: &Document) -> String {
    let zones = &document.zones;
    if zones.is_empty() {
        return "no encrypted flow and no blind spot was seen in this time; is the sensor running? See shadowtap doctor".into();
    }
    let mut parts = vec![flows(zones)];
    if zones.iter().any(|z| !z.blind_spots.is_empty()) {
        parts.push(blind_spots(zones));
    }
    if let Some(hours) = &document.hours {
        let rows = hours.iter().map(|h| {
            let hour = h.hour.chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect();
            vec![hour, h.sight.zone.clone(), h.sight.encrypted.to_string(), share(&h.sight), verdict(&h.sight).into()]
        });
        parts.push(layout(&["hour (utc)", "zone", ">encrypted", ">named", "\"no ai use here\""], rows));
    }
    parts.push(zones.iter().map(ZoneSight::sentence).collect::<Vec<_>>().join("\n"));
    parts.join("\n\n")
}

/// A line a zone, and one for each reason below it.
fn flows(zones: &[ZoneSight]) -> String {
    let rows = zones.iter().flat_map(|z| {
        let all = vec![z.zone.clone(), z.encrypted.to_string(), share(z), "named".into(), String::new()];
        let reasons = Reason::ALL.into_iter().filter_map(|reason| {
            let flows = *z.reasons.get(reason.word())?;
            let cells = ["", &flows.to_string(), &percent(flows, z.encrypted), reason_text(reason), reason_remedy(reason)];
            Some(cells.map(str::to_owned).to_vec())
        });
        std::iter::once(all).chain(reasons).collect::<Vec<_>>()
    });
    layout(&["zone", ">encrypted flows", ">share", "what", "what to do"], rows)
}

fn blind_spots(zones: &[ZoneSight]) -> String {
    let rows = zones.iter().flat_map(|z| {
        BlindSpot::ALL.into_iter().filter_map(|spot| {
            let seen = z.blind_spots.get(spot.word())?;
            let cells = [&z.zone, spot_text(spot), &seen.flows.to_string(), &seen.clients.to_string(), spot_remedy(spot)];
            Some(cells.map(str::to_owned).to_vec())
        })
    });
    layout(&["zone", "may hide use", ">flows", ">most clients in an hour", "what to do"], rows)
}

fn share(z: &ZoneSight) -> String {
    percent(z.named, z.encrypted)
}

const fn verdict(z: &ZoneSight) -> &'static str {
    if z.supported { "supported" } else { "not supported" }
}
