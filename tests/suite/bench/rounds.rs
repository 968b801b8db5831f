//! Medians, spreads and ratios of rounds.

use super::figures::statistics::*;

#[test]
fn the_median_is_the_middle_one_or_between_the_two_in_the_middle() {
    assert_eq!(Spread::of(&[3.0, 1.0, 200.0]), Some(Spread { median: 3.0, least: 1.0, most: 200.0 }));
    assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 9.0]).map(|spread| spread.median), Some(3.0));
    assert_eq!(Spread::of(&[]), None);
}

#[test]
fn a_ratio_is_taken_round_by_round() {
    // In the second round the machine was four times slower for both.
    let spread = Spread::of_ratios(&[90.0, 22.5, 80.0], &[100.0, 25.0, 100.0]);
    assert_eq!(spread, Some(Spread { median: 0.9, least: 0.8, most: 0.9 }));
    assert_eq!(Spread::of_ratios(&[1.0], &[0.0]), None, "nothing is a share of nothing");
}

#[test]
fn a_quantile_is_one_of_the_values() {
    let values: Vec<u32> = (1..=100).collect();
    let of = |share| quantile_of_sorted(&values, share);
    assert_eq!((of(0.0), of(0.5), of(0.99), of(1.0)), (Some(1), Some(50), Some(99), Some(100)));
    assert_eq!(quantile_of_sorted::<u32>(&[], 0.5), None);
    assert_eq!(quantile_of_sorted(&[7], 0.99), Some(7));
}
