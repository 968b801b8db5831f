//! The arithmetic of many rounds: medians, spreads, and ratios of what was measured side by side.

use serde::{Deserialize, Serialize};

/// What the rounds gave: the middle one, and the lowest and the highest.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Nothing if there was no round.
    pub(crate) fn of(rounds: &[f64]) -> Option<Self> {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let half = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) };
        Some(Self { median, least, most })
    }

    /// Of each round's ratio: what slowed the machine down for a round is in both, and not in the ratio.
    pub(crate) fn of_ratios(these: &[f64], to: &[f64]) -> Option<Self> {
        let ratios = these.iter().zip(to).filter(|(_, to)| **to > 0.0).map(|(this, to)| this / to);
        Self::of(&ratios.collect::<Vec<_>>())
    }
}

/// The smallest value that at least this share of all is not above.
pub(crate) fn quantile_of_sorted<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the length")]
    let place = (float(sorted.len() as u64) * share).ceil() as usize;
    sorted.get(place.saturating_sub(1).min(sorted.len().checked_sub(1)?)).copied()
}

/// Counts are far below 2^52 here.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub(crate) const fn float(number: u64) -> f64 {
    number as f64
}
