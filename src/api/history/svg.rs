//! Draws the plot: [`Chart`].
//!
//! All lengths are in tenths of a pixel.

use std::fmt::Write as _;

use crate::util::text::duration;

/// The runs of a day or an hour.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    pub(super) label: String,
    pub(super) runs: u64,
    pub(super) completed: u64,
    pub(super) failed: u64,
    /// Of the times that runs took, in milliseconds.
    pub(super) p50: Option<u64>,
    pub(super) p95: Option<u64>,
}

/// Stacked bars of runs with an axis on the left, and lines of percentiles with an axis on the right.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) slots: Vec<Slot>,
}

const WIDTH: u64 = 9600;
const HEIGHT: u64 = 4200;
const LEFT: u64 = 700;
const RIGHT: u64 = 8800;
const TOP: u64 = 900;
const BOTTOM: u64 = 3500;
const MAX_TICKS: u64 = 5;
/// The most dates below the bars.
const MAX_DATES: usize = 8;

/// The colours keep their contrast on both backgrounds. A browser chooses by the setting of its user.
const STYLE: &str = "
text{font:120px system-ui,sans-serif;fill:#1f2328}
.title{font-size:160px;font-weight:600}
.middle{text-anchor:middle}
.end{text-anchor:end}
.background{fill:#fff}
.grid{stroke:#d1d9e0;stroke-width:10}
.completed{fill:#9bd3ab}
.failed{fill:#cf222e}
.other{fill:#9198a1}
.p50,.p95{fill:none;stroke-width:28;stroke-linecap:round;stroke-linejoin:round}
.p50{stroke:#0969da}
.p95{stroke:#8250df}
.slot{fill:transparent}
.slot:hover{fill:#8884}
@media(prefers-color-scheme:dark){
text{fill:#e6edf3}
.background{fill:#0d1117}
.grid{stroke:#30363d}
.completed{fill:#25683c}
.failed{fill:#f85149}
.other{fill:#6e7681}
.p50{stroke:#79c0ff}
.p95{stroke:#d2a8ff}
}
";

impl Chart {
    pub(super) fn svg(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"960\" height=\"420\" \
             role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
             <rect class=\"background\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n",
            escaped(&self.title)
        );
        text(&mut svg, "title", LEFT, 330, &self.title);
        let most = |value: fn(&Slot) -> Option<u64>| self.slots.iter().filter_map(value).max().unwrap_or(0);
        let runs = Axis::new(most(|slot| Some(slot.runs)), count_step);
        let times = Axis::new(most(|slot| slot.p50.max(slot.p95)), time_step);
        for tick in (0..=runs.top).step_by(usize::try_from(runs.step).unwrap_or(1)) {
            let y = runs.y(tick);
            let _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT},{y}H{RIGHT}\"/>");
            text(&mut svg, "end", LEFT - 80, y + 40, &tick.to_string());
        }
        if self.slots.iter().all(|slot| slot.runs == 0) {
            text(&mut svg, "middle", u64::midpoint(LEFT, RIGHT), u64::midpoint(TOP, BOTTOM), "No runs in this time");
        }
        self.bars(&mut svg, &runs);
        if times.most > 0 {
            for tick in (0..=times.top).step_by(usize::try_from(times.step).unwrap_or(1)) {
                text(&mut svg, "", RIGHT + 80, times.y(tick) + 40, &duration(tick));
            }
            self.line(&mut svg, "p95", &times, |slot| slot.p95);
            self.line(&mut svg, "p50", &times, |slot| slot.p50);
        }
        self.dates(&mut svg);
        legend(&mut svg);
        self.tooltips(&mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    /// Returns the left edge of a slot. That of the slot after the last is the right edge of the plot.
    fn x(&self, index: usize) -> u64 {
        let index = u64::try_from(index).unwrap_or(0);
        LEFT + (RIGHT - LEFT) * index / u64::try_from(self.slots.len()).unwrap_or(1).max(1)
    }

    /// Failures are at the bottom, so that days can be compared by them.
    fn bars(&self, svg: &mut String, axis: &Axis) {
        for (index, slot) in self.slots.iter().enumerate() {
            let (left, right) = (self.x(index), self.x(index + 1));
            let gap = (right - left) / 8;
            let mut below = 0;
            let others = slot.runs.saturating_sub(slot.completed + slot.failed);
            for (class, count) in [("failed", slot.failed), ("completed", slot.completed), ("other", others)] {
                let (from, to) = (axis.y(below), axis.y(below + count));
                below += count;
                if from > to {
                    let (x, width, height) = (left + gap, right - left - 2 * gap, from - to);
                    let _ = writeln!(
                        svg,
                        "<rect class=\"{class}\" x=\"{x}\" y=\"{to}\" width=\"{width}\" height=\"{height}\"/>"
                    );
                }
            }
        }
    }

    /// Draws a line that has a gap where no run ended.
    fn line(&self, svg: &mut String, class: &str, axis: &Axis, value: fn(&Slot) -> Option<u64>) {
        let (mut path, mut is_connected) = (String::new(), false);
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(value) = value(slot) else {
                is_connected = false;
                continue;
            };
            let (x, y) = (u64::midpoint(self.x(index), self.x(index + 1)), axis.y(value));
            // A line of no length is a dot.
            let _ = if is_connected { write!(path, "L{x},{y}") } else { write!(path, "M{x},{y}h0") };
            is_connected = true;
        }
        let _ = writeln!(svg, "<path class=\"{class}\" d=\"{path}\"/>");
    }

    fn dates(&self, svg: &mut String) {
        let step = self.slots.len().div_ceil(MAX_DATES).max(1);
        for (index, slot) in self.slots.iter().enumerate().step_by(step) {
            text(svg, "middle", u64::midpoint(self.x(index), self.x(index + 1)), BOTTOM + 200, &slot.label);
        }
        text(svg, "middle", u64::midpoint(LEFT, RIGHT), BOTTOM + 480, "time of creation, UTC");
        for (x, label) in [(220, "runs"), (WIDTH - 160, "time to run")] {
            let y = u64::midpoint(TOP, BOTTOM);
            let _ = writeln!(svg, "<text class=\"middle\" transform=\"translate({x} {y}) rotate(-90)\">{label}</text>");
        }
    }

    fn tooltips(&self, svg: &mut String) {
        for (index, slot) in self.slots.iter().enumerate() {
            let (x, width) = (self.x(index), self.x(index + 1) - self.x(index));
            let Slot { label, runs, completed, failed, p50, p95 } = slot;
            let _ = write!(
                svg,
                "<rect class=\"slot\" x=\"{x}\" y=\"{TOP}\" width=\"{width}\" height=\"{}\"><title>{}: {runs} runs, \
                 {completed} completed, {failed} failed",
                BOTTOM - TOP,
                escaped(label)
            );
            for (name, time) in [("p50", p50), ("p95", p95)] {
                if let Some(time) = time {
                    let _ = write!(svg, ", {name} {}", duration(*time));
                }
            }
            svg.push_str("</title></rect>\n");
        }
    }
}

/// A scale from 0 to the first step that no value exceeds.
#[derive(Debug)]
struct Axis {
    most: u64,
    step: u64,
    top: u64,
}

impl Axis {
    fn new(most: u64, step: fn(u64) -> u64) -> Self {
        let step = step(most.div_ceil(MAX_TICKS)).max(1);
        Self { most, step, top: most.div_ceil(step).max(1).saturating_mul(step) }
    }

    fn y(&self, value: u64) -> u64 {
        BOTTOM - value.min(self.top).saturating_mul(BOTTOM - TOP) / self.top
    }
}

/// Returns 1, 2 or 5 times a power of ten, of at least this many runs.
fn count_step(least: u64) -> u64 {
    let powers = std::iter::successors(Some(1_u64), |power| power.checked_mul(10));
    let mut steps = powers.flat_map(|power| [1, 2, 5].map(|times| power.saturating_mul(times)));
    steps.find(|step| *step >= least).unwrap_or(u64::MAX)
}

/// Returns a time that is easy to read, of at least this many milliseconds.
fn time_step(least: u64) -> u64 {
    const DAY: u64 = 86_400;
    let steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200];
    let found = steps.into_iter().find(|step| step * 1000 >= least);
    found.unwrap_or_else(|| DAY.saturating_mul(count_step(least.div_ceil(DAY * 1000)))).saturating_mul(1000)
}

fn legend(svg: &mut String) {
    let entries = [("failed", "failed"), ("completed", "completed"), ("other", "other states")];
    let mut x = LEFT;
    for (class, label) in entries {
        let _ = writeln!(svg, "<rect class=\"{class}\" x=\"{x}\" y=\"540\" width=\"130\" height=\"130\"/>");
        text(svg, "", x + 190, 650, label);
        x += 1300;
    }
    for (class, label) in [("p50", "median (p50) of the time to run"), ("p95", "p95")] {
        let _ = writeln!(svg, "<path class=\"{class}\" d=\"M{x},605h200\"/>");
        text(svg, "", x + 270, 650, label);
        x += 2500;
    }
}

fn text(svg: &mut String, class: &str, x: u64, y: u64, content: &str) {
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(content));
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
#[path = "svg_tests.rs"]
mod tests;
