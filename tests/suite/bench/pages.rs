//! How the table of bars gets onto docs/PERFORMANCE.md.

use super::figures::page::*;

#[test]
fn what_is_between_the_marks_is_replaced_and_nothing_else() {
    let page = format!("# Title\n{BEGIN}old\n{END}after\n");
    let new = with(&page, "\n| new |\n").unwrap();
    assert_eq!(new, format!("# Title\n{BEGIN}\n| new |\n\n{END}after\n"));
    assert_eq!(with(&new, "| new |"), Some(new.clone()), "again and again");
}

#[test]
fn a_page_without_its_marks_is_left_alone() {
    for page in
        [format!("{BEGIN}only one"), format!("{END}the wrong way round{BEGIN}"), format!("{BEGIN}{END}{BEGIN}{END}")]
    {
        assert_eq!(with(&page, "x"), None, "{page}");
    }
}

#[test]
fn the_page_has_its_marks() {
    let page = include_str!("../../../docs/PERFORMANCE.md");
    assert!(with(page, "x").is_some());
}
