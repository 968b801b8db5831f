//! A series as an SVG picture: both axes are logarithmic, as what grows here grows by tens.

use std::fmt::Write;

use super::report::Series;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 60.0;
const COLOURS: [&str; 5] = ["#1f5fa8", "#c0392b", "#2e8b57", "#8e44ad", "#b7791f"];

/// From a power of ten to another, so that all values are between.
pub(crate) struct Axis {
    pub(crate) low: i32,
    pub(crate) high: i32,
}

impl Axis {
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| *value > 0.0) {
            low = low.min(value.log10());
            high = high.max(value.log10());
        }
        if low > high {
            return Self { low: 0, high: 1 };
        }
        #[expect(clippy::cast_possible_truncation, reason = "logarithms of what is measured are small")]
        let (low, high) = (low.floor() as i32, high.ceil() as i32);
        Self { low, high: high.max(low + 1) }
    }

    /// 0 at its beginning, 1 at its end. What is not above 0 lies at the beginning.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let place = (value.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        if place.is_finite() { place.max(0.0) } else { 0.0 }
    }
}

pub(crate) fn across(place: f64) -> f64 {
    LEFT + place * (WIDTH - LEFT - RIGHT)
}

pub(crate) fn down(place: f64) -> f64 {
    HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM)
}

pub(crate) fn svg(series: &Series) -> String {
    let points = || series.lines.iter().flat_map(|(_, points)| points);
    let (x, y) = (Axis::of(points().map(|point| point.0)), Axis::of(points().map(|point| point.1)));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    text(&mut svg, (WIDTH / 2.0, 22.0), "middle", "black", &series.title);
    text(&mut svg, (f64::midpoint(LEFT, WIDTH - RIGHT), HEIGHT - 14.0), "middle", "black", &series.x);
    text(&mut svg, (8.0, TOP - 10.0), "start", "black", &series.y);
    for power in x.low..=x.high {
        let at = across(x.place(10_f64.powi(power)));
        line(&mut svg, (at, down(0.0)), (at, down(1.0)));
        text(&mut svg, (at, HEIGHT - BOTTOM + 18.0), "middle", "black", &number(power));
    }
    for power in y.low..=y.high {
        let at = down(y.place(10_f64.powi(power)));
        line(&mut svg, (across(0.0), at), (across(1.0), at));
        text(&mut svg, (LEFT - 8.0, at + 4.0), "end", "black", &number(power));
    }
    for ((place, (name, points)), colour) in series.lines.iter().enumerate().zip(COLOURS.iter().cycle()) {
        let at = |(a, b): &(f64, f64)| (across(x.place(*a)), down(y.place(*b)));
        let path: Vec<String> = points.iter().map(at).map(|(a, b)| format!("{a:.1},{b:.1}")).collect();
        let path = path.join(" ");
        let _ = writeln!(svg, "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
        for (a, b) in points.iter().map(at) {
            let _ = writeln!(svg, "<circle cx=\"{a:.1}\" cy=\"{b:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        let row = TOP + 16.0 + 16.0 * f64::from(u8::try_from(place).unwrap_or(u8::MAX));
        text(&mut svg, (LEFT + 10.0, row), "start", colour, name);
    }
    svg + "</svg>\n"
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ = writeln!(svg, "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#ddd\"/>");
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, colour: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{text}</text>");
}

pub(crate) fn number(power: i32) -> String {
    match power {
        0..=3 => format!("{}", 10_f64.powi(power)),
        4..=5 => format!("{}k", 10_f64.powi(power - 3)),
        6.. => format!("{}M", 10_f64.powi(power - 6)),
        _ => format!("{:.*}", usize::try_from(-power).unwrap_or_default(), 10_f64.powi(power)),
    }
}
