//! Samples: quantiles of what was observed, and how far two samples are apart.

/// `count` evenly spaced quantiles of `values`, from the least to the most; none of no values.
pub(crate) fn quantiles(mut values: Vec<u64>, count: usize) -> Vec<u64> {
    values.sort_unstable();
    let Some(last) = values.len().checked_sub(1) else {
        return Vec::new();
    };
    let at = |index: usize| values[index * last / (count - 1)];
    let quantiles: Vec<u64> = (0..count).map(at).collect();
    // All alike is one number.
    if quantiles.first() == quantiles.last() {
        return vec![quantiles[0]];
    }
    quantiles
}

/// The two-sample Kolmogorov–Smirnov distance: the most by which the shares of values up to any value differ. `None` if a
/// sample is empty.
pub(crate) fn distance(mut one: Vec<u64>, mut other: Vec<u64>) -> Option<f64> {
    if one.is_empty() || other.is_empty() {
        return None;
    }
    one.sort_unstable();
    other.sort_unstable();
    let (mut at, mut most) = ([0, 0], 0.0_f64);
    while at[0] < one.len() && at[1] < other.len() {
        let value = one[at[0]].min(other[at[1]]);
        at[0] += one[at[0]..].partition_point(|found| *found <= value);
        at[1] += other[at[1]..].partition_point(|found| *found <= value);
        let shares = [
            at[0] as f64 / one.len() as f64,
            at[1] as f64 / other.len() as f64,
        ];
        most = most.max((shares[0] - shares[1]).abs());
    }
    Some(most)
}

/// Burstiness after Goh and Barabási: (σ − μ) / (σ + μ) of the gaps. −1 is a clock, 0 a Poisson process, 1 all at once.
pub(crate) fn burstiness(gaps: &[u64]) -> Option<f64> {
    if gaps.is_empty() {
        return None;
    }
    let count = gaps.len() as f64;
    let mean = gaps.iter().map(|gap| *gap as f64).sum::<f64>() / count;
    let squares = gaps.iter().map(|gap| (*gap as f64 - mean).powi(2));
    let deviation = (squares.sum::<f64>() / count).sqrt();
    (mean + deviation > 0.0).then(|| (deviation - mean) / (deviation + mean))
}
