//! The heat strip: one column a second, the latest at the right; rows are latencies on a logarithmic scale, and a cell
//! shows which share of its second's calls took so long.

use std::collections::VecDeque;

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use report::{HEAT_PER_OCTAVE, heat_floor_us};

use crate::figures;
use crate::history::{BUCKETS, Second};
use crate::palette::{FAINT, Palette};

/// Which bucket is on which row, counted from below. With colours a line of text holds two rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scale {
    lowest: u16,
    /// Buckets to the row …
    buckets: u16,
    /// … or else rows to the bucket.
    rows: u16,
}

impl Scale {
    /// Of so many rows that the buckets from the smallest to the largest have room.
    fn fit(smallest: u16, largest: u16, rows: u16) -> Self {
        // From doubling to doubling: else all of it would jump with each straggler.
        let lowest = smallest - smallest % HEAT_PER_OCTAVE;
        let highest = largest - largest % HEAT_PER_OCTAVE + HEAT_PER_OCTAVE - 1;
        let span = highest - lowest + 1;
        let rows = rows.max(1);
        Self {
            lowest,
            buckets: span.div_ceil(rows),
            rows: (rows / span).max(1),
        }
    }

    fn row(self, bucket: u16) -> u16 {
        (bucket.saturating_sub(self.lowest)) / self.buckets * self.rows
    }

    /// The smallest bucket of a row.
    fn bucket(self, row: u16) -> u16 {
        self.lowest + row / self.rows * self.buckets
    }
}

/// Draws the strip into `area`, and its labels into what is left of it, `gutter` wide.
pub(super) fn draw(
    seconds: &VecDeque<Second>,
    palette: Palette,
    gutter: u16,
    area: Rect,
    buffer: &mut Buffer,
) {
    let seen = seconds.iter().rev().take(usize::from(area.width));
    let buckets = || seen.clone().flat_map(|second| second.heat.iter());
    let (Some(smallest), Some(largest)) = (
        buckets().map(|(bucket, _)| *bucket).min(),
        buckets().map(|(bucket, _)| *bucket).max(),
    ) else {
        return;
    };
    let halves = if palette.has_ramp() { 2 } else { 1 };
    let rows = area.height * halves;
    let scale = Scale::fit(smallest, largest, rows);
    let mut shares = vec![0.0; usize::from(rows)];
    for (second, x) in seen.clone().zip((area.left()..area.right()).rev()) {
        shares.fill(0.0);
        let all: f64 = second.heat.iter().map(|(_, count)| *count as f64).sum();
        for (bucket, count) in &second.heat {
            let row = scale.row(*bucket);
            for row in row..row + scale.rows {
                if let Some(share) = shares.get_mut(usize::from(row)) {
                    *share += *count as f64 / all.max(1.0);
                }
            }
        }
        for (line, y) in (0..).zip((area.top()..area.bottom()).rev()) {
            let Some(cell) = buffer.cell_mut((x, y)) else {
                continue;
            };
            let at = |row: usize| shares.get(row).copied().unwrap_or(0.0);
            if palette.has_ramp() {
                cell.set_symbol("▀")
                    .set_fg(palette.ramp(at(line * 2 + 1)))
                    .set_bg(palette.ramp(at(line * 2)));
            } else {
                cell.set_symbol(Palette::shade(at(line)));
            }
        }
    }
    label(scale, halves, gutter, area, buffer);
}

/// Says at every other line where its latencies begin.
fn label(scale: Scale, halves: u16, gutter: u16, area: Rect, buffer: &mut Buffer) {
    let step = if area.height < 4 { 1 } else { 2 };
    let lines = (0_u16..).zip((area.top()..area.bottom()).rev());
    let mut last = String::new();
    for (line, y) in lines.step_by(step) {
        let bucket = scale.bucket(line * halves);
        if bucket >= BUCKETS {
            break;
        }
        let text = figures::latency(heat_floor_us(bucket).round() as u64);
        if text == last {
            continue;
        }
        let width = text.chars().count() as u16;
        if width < gutter {
            buffer.set_stringn(
                area.left().saturating_sub(1 + width),
                y,
                &text,
                usize::from(width),
                FAINT,
            );
        }
        last = text;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_has_a_row() {
        for (smallest, largest) in [(0, 0), (5, 5), (40, 62), (0, 127)] {
            for rows in [1, 2, 3, 10, 24, 200] {
                let scale = Scale::fit(smallest, largest, rows);
                assert_eq!(scale.lowest % HEAT_PER_OCTAVE, 0);
                for bucket in smallest..=largest {
                    let row = scale.row(bucket);
                    assert!(
                        row + scale.rows <= rows,
                        "{smallest} {largest} {rows} {row}"
                    );
                    let from = scale.bucket(row);
                    assert!((from..from + scale.buckets).contains(&bucket));
                }
            }
        }
    }
}
