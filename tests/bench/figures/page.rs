//! Puts the table of bars between two marks of docs/PERFORMANCE.md.

pub(crate) const BEGIN: &str = "<!-- measured by tests/bench/run: begin -->\n";
pub(crate) const END: &str = "<!-- measured by tests/bench/run: end -->\n";

/// The page with this between its marks; nothing if it has not both of them, once and in their order.
pub(crate) fn with(page: &str, tables: &str) -> Option<String> {
    let (front, rest) = page.split_once(BEGIN)?;
    let (_, back) = rest.split_once(END)?;
    let once = !back.contains(BEGIN) && !back.contains(END) && !front.contains(END);
    once.then(|| format!("{front}{BEGIN}\n{}\n\n{END}{back}", tables.trim()))
}
