//! Writes metrics in Prometheus' text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>): [`Exposition`].

use std::fmt::{self, Display, Write as _};
use std::time::Duration;

use crate::telemetry::metrics::Histogram;

#[derive(Debug, Default)]
pub struct Exposition(String);

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric. Its samples stand together below its HELP and TYPE lines.
#[derive(Debug)]
pub struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

/// Names and values.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

impl Exposition {
    pub fn family(&mut self, kind: Kind, name: &'static str, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing to a string cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Family { text: &mut self.0, name }
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}

impl Family<'_> {
    pub fn sample(&mut self, labels: Labels, value: impl Display) {
        self.line("", labels, value);
    }

    pub fn histogram(&mut self, labels: Labels, histogram: &Histogram) {
        let mut total = 0;
        for (bound, count) in histogram.cumulative() {
            total = count;
            let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
            self.line("_bucket", &[labels, &[("le", bound.as_str())]].concat(), count);
        }
        self.line("_sum", labels, Seconds(histogram.sum()));
        self.line("_count", labels, total);
    }

    fn line(&mut self, suffix: &str, labels: Labels, value: impl Display) {
        let text = &mut *self.text;
        let _ = write!(text, "{}{suffix}", self.name);
        for (index, (name, value)) in labels.iter().enumerate() {
            let separator = if index == 0 { '{' } else { ',' };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(text, "{separator}{name}=\"{value}\"");
        }
        let _ = writeln!(text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

/// Displays a time in seconds, with all its digits.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(pub Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{}.{:09}", self.0.as_secs(), self.0.subsec_nanos());
        f.write_str(digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(exposition: Exposition) -> String {
        String::from_utf8(exposition.into_bytes()).unwrap()
    }

    #[test]
    fn a_label_cannot_forge_a_line() {
        let mut exposition = Exposition::default();
        let mut family = exposition.family(Kind::Gauge, "a", "A thing.");
        family.sample(&[], 1);
        family.sample(&[("x", "1\"} 2\nb 3\\"), ("y", "")], 4);
        let expected = "# HELP a A thing.\n# TYPE a gauge\na 1\na{x=\"1\\\"} 2\\nb 3\\\\\",y=\"\"} 4\n";
        assert_eq!(text(exposition), expected);
    }

    #[test]
    fn a_histogram_ends_with_its_total() {
        let (mut exposition, histogram) = (Exposition::default(), Histogram::default());
        histogram.note(Duration::from_millis(3));
        histogram.note(Duration::from_hours(1));
        exposition.family(Kind::Histogram, "t", "Times.").histogram(&[("code", "200")], &histogram);
        let text = text(exposition);
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(lines[1], "t_bucket{code=\"200\",le=\"0.0025\"} 0");
        assert_eq!(lines[2], "t_bucket{code=\"200\",le=\"0.005\"} 1");
        let end = ["t_bucket{code=\"200\",le=\"+Inf\"} 2", "t_sum{code=\"200\"} 3600.003", "t_count{code=\"200\"} 2"];
        assert_eq!(lines[lines.len() - 3..], end);
    }

    #[test]
    fn seconds_keep_all_their_digits() {
        for (nanos, shown) in
            [(0, "0"), (1, "0.000000001"), (2_500_000, "0.0025"), (1_795_478_110_120_000_000, "1795478110.12")]
        {
            assert_eq!(Seconds(Duration::from_nanos(nanos)).to_string(), shown);
        }
    }
}
