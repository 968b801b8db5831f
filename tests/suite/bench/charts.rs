//! The pictures of series.

use super::figures::chart::*;
use super::figures::report::Series;

fn series(title: &str, lines: Vec<(String, Vec<(f64, f64)>)>) -> Series {
    let [file, x, y] = ["f", "jobs", "a second"].map(str::to_owned);
    Series { file, title: title.to_owned(), x, y, lines }
}

/// The elements that are open after all, and how many there were: enough of XML for what is written here.
fn balance(svg: &str) -> (Vec<String>, usize) {
    let (mut open, mut all) = (Vec::new(), 0);
    for tag in svg.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').expect("a tag ends");
        assert!(!text.contains('>') && tag.matches('"').count() % 2 == 0, "{tag}>{text}");
        all += 1;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap_or_default().to_owned());
        }
    }
    (open, all)
}

#[test]
fn a_picture_is_well_formed_whatever_its_words_are() {
    let points = vec![(10.0, 5.0), (1000.0, 50.0)];
    let svg = svg(&series("a < b & \"c\" > d", vec![("one".to_owned(), points), ("none".to_owned(), vec![])]));
    let (open, all) = balance(&svg);
    assert!(open.is_empty() && all > 20, "{open:?}");
    assert!(svg.contains("a &lt; b &amp; \"c\" &gt; d") && svg.matches("<circle").count() == 2);
}

#[test]
fn points_lie_within_the_axes_and_more_is_higher() {
    let axis = Axis::of([3.0, 700.0].into_iter());
    assert_eq!((axis.low, axis.high), (0, 3));
    assert!(axis.place(3.0) < axis.place(700.0) && axis.place(1000.0) <= 1.0 && axis.place(0.0) == 0.0);
    assert!(down(1.0) < down(0.0) && across(0.0) < across(1.0));
    let empty = svg(&series("nothing", vec![]));
    assert!(!empty.contains("NaN") && !empty.contains("inf"), "{empty}");
}

#[test]
fn powers_of_ten_are_written_short() {
    assert_eq!([-2, 0, 3, 4, 5, 6].map(number), ["0.01", "1", "1000", "10k", "100k", "1M"]);
}
