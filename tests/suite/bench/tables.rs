//! The report in words.

use super::figures::report::{Bar, Cell, Figure, Row};
use super::figures::table::*;

#[test]
fn numbers_have_three_digits_that_count() {
    assert_eq!([12_345.6, 99.96, 1.234, 0.0123, 0.0].map(short), ["12346", "100.0", "1.23", "0.012", "0"]);
}

#[test]
fn what_was_not_measured_says_so_in_its_row() {
    let row = Row { scenario: "s".to_owned(), connections: 16, cells: Vec::new() };
    let missing = line(&row, &Cell::missing("kubectl proxy", "not there (no\nfile | found)"));
    assert_eq!(missing, "| 16 | kubectl proxy | not there (no file / found) | | | | | | |\n");
    let figure = figure(&Figure { name: "n".into(), unit: "ms".into(), value: None, note: "why".into() });
    assert_eq!(figure, "| n | not measured | | why |\n");
}

#[test]
fn failed_requests_and_a_generator_at_its_end_are_told() {
    let failed = [("429".to_owned(), 7)].into();
    let cell = Cell { way: "w".to_owned(), failed, generator: 0.99, ..Cell::default() };
    let line = line(&Row { scenario: String::new(), connections: 1, cells: Vec::new() }, &cell);
    assert!(line.contains("(7 FAILED: 429: 7)") && line.contains("99 % (all of it)"), "{line}");
    assert_eq!(line.matches('|').count(), 10, "{line}");
}

#[test]
fn the_page_has_a_table_of_bars_and_each_says_whether_it_is_met() {
    let bar = |name: &str, met| Bar { name: name.to_owned(), met, measured: "1 ms".to_owned() };
    let table = bars(&[bar("fast", true), bar("small", false)]);
    let (head, rows) = table.split_at(table.find("| fast").unwrap());
    assert_eq!(rows, "| fast | 1 ms | met |\n| small | 1 ms | MISSED |\n");
    assert!(include_str!("../../../docs/PERFORMANCE.md").contains(head), "the page has another table");
}
