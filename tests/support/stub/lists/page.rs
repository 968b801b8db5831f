//! Cutting one page out of a whole list.

use crate::support::stub::selector::Selector;
use crate::support::stub::store::Object;

#[derive(Debug)]
pub struct Page<'a> {
    pub items: Vec<&'a Object>,
    /// The last object that was looked at, if there are more behind it.
    pub last: Option<&'a Object>,
    /// How many there are behind it, whether they fit or not.
    pub left: usize,
}

impl<'a> Page<'a> {
    /// The objects that come after this place. As on a real server, the page is the last one only
    /// if no object is left at all: one that does not fit costs the reader an empty page.
    pub fn read(objects: &'a [Object], after: Option<&str>, limit: usize, selector: &Selector) -> Self {
        let after = after.map_or(("", ""), parts);
        let start = objects.partition_point(|object| (object.namespace(), object.name()) <= after);
        let mut page = Self { items: Vec::new(), last: None, left: 0 };
        for (at, object) in objects.iter().enumerate().skip(start) {
            if selector.fits(object) {
                page.items.push(object);
            }
            if page.items.len() == limit {
                page.left = objects.len() - at - 1;
                page.last = (page.left > 0).then_some(object);
                break;
            }
        }
        page
    }
}

/// Where an object stands in a list.
pub fn place(object: &Object) -> String {
    format!("{}/{}", object.namespace(), object.name())
}

fn parts(place: &str) -> (&str, &str) {
    place.split_once('/').unwrap_or(("", place))
}
