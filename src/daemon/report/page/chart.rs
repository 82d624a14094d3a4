//! What was sent day by day, by status: bars in a drawing of 1000 by 120.

use serde::Serialize;

use super::super::summary::urgency;
use super::rows::day;
use crate::daemon::store::DayTotal;
use crate::daemon::table::bytes;
use crate::engine::policy::Status;

/// Days beyond which a bar stands for several.
const BARS: i64 = 180;
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 120.0;

/// The drawing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Chart {
    pub first: String,
    pub last: String,
    pub most: String,
    pub bars: Vec<Bar>,
}

/// One status of one day.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Bar {
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
    pub status: &'static str,
    pub title: String,
}

/// The drawing of days, in order; none of a single day or of nothing.
pub(super) fn of(totals: &[DayTotal]) -> Option<Chart> {
    let (first, last) = (totals.first()?.day, totals.last()?.day);
    let span = last.saturating_sub(first).saturating_add(1);
    if span < 2 {
        return None;
    }
    let step = span.saturating_add(BARS - 1) / BARS;
    let slots = usize::try_from(span.saturating_add(step - 1) / step).ok()?;
    let mut sent = vec![[0_u64; Status::ALL.len()]; slots];
    for total in totals {
        let slot = usize::try_from(total.day.saturating_sub(first) / step).ok()?;
        let cell = sent.get_mut(slot).zip(usize::try_from(total.status).ok()).and_then(|(row, status)| row.get_mut(status));
        if let Some(cell) = cell {
            *cell = cell.saturating_add(u64::try_from(total.bytes_up).unwrap_or(0));
        }
    }
    let most = sent.iter().map(|row| row.iter().fold(0_u64, |a, b| a.saturating_add(*b))).max().filter(|most| *most > 0)?;
    let pitch = WIDTH / slots as f64;
    let bars = sent.iter().enumerate().flat_map(|(slot, row)| stack(slot, row, pitch, most, first.saturating_add(slot as i64 * step)));
    Some(Chart { first: day(first), last: day(last), most: bytes(most), bars: bars.collect() })
}

/// The bars of one day, what is least allowed at the foot.
fn stack(slot: usize, row: &[u64; Status::ALL.len()], pitch: f64, most: u64, number: i64) -> Vec<Bar> {
    let mut parts: Vec<(Status, u64)> = Status::ALL.into_iter().zip(row.iter().copied()).filter(|(_, sent)| *sent > 0).collect();
    parts.sort_by_key(|(status, _)| urgency(*status));
    let mut foot = HEIGHT;
    let bar = |(status, sent): (Status, u64)| {
        let height = (sent as f64 / most as f64 * HEIGHT).max(0.5);
        foot -= height;
        Bar {
            x: format!("{:.1}", slot as f64 * pitch),
            y: format!("{:.1}", foot.max(0.0)),
            width: format!("{:.1}", (pitch * 0.85).max(0.5)),
            height: format!("{height:.1}"),
            status: status.word(),
            title: format!("{}: {}, {}", day(number), status.word(), bytes(sent)),
        }
    };
    parts.into_iter().map(bar).collect()
}
