//! Builds the tree of each document from the events of the parser. Resolves anchors and merge keys, and refuses a key
//! that is given twice.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use saphyr_parser::{Event, Marker, Parser, Tag};

use super::error::Error;
use super::scalar::Scalar;

/// Containers inside containers.
const MAX_DEPTH: usize = 64;
/// The least size of a member as JSON, without its name: `"":0,`.
const MEMBER_BYTES: usize = 5;

/// A value, and the place where it begins.
pub(super) struct Node {
    pub at: Marker,
    /// How deep it nests, aliases included. So no walk over the tree can exhaust the stack.
    depth: usize,
    pub value: Value,
}

pub(super) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Rc<Node>>),
    /// In the order of the text, each key once.
    Mapping(Vec<(String, Rc<Node>)>),
}

impl Value {
    fn depth(&self) -> usize {
        let inner = match self {
            Self::Scalar(_) => return 0,
            Self::Sequence(items) => items.iter().map(|item| item.depth).max(),
            Self::Mapping(members) => members.iter().map(|(_, value)| value.depth).max(),
        };
        1 + inner.unwrap_or(0)
    }
}

/// A container whose end has not come yet.
struct Open {
    at: Marker,
    anchor: usize,
    is_mapping: bool,
    /// Of a mapping: key, value, key, value.
    items: Vec<Rc<Node>>,
}

/// Returns the documents that hold anything but null.
pub(super) fn documents(text: &str, max_bytes: usize) -> Result<Vec<Rc<Node>>, Error> {
    let mut left = max_bytes * 2;
    let (mut documents, mut open) = (Vec::new(), Vec::<Open>::new());
    let mut anchors: HashMap<usize, Rc<Node>> = HashMap::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| Error::at(error.marker(), error.info()))?;
        let at = span.start;
        let (node, anchor) = match event {
            Event::Alias(anchor) => {
                let node = anchors.get(&anchor);
                (Rc::clone(node.ok_or_else(|| Error::at(&at, "the anchor of this alias contains the alias"))?), 0)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let value = Value::Scalar(Scalar::new(&at, text.into_owned(), style, tag.as_deref())?);
                (Rc::new(Node { at, depth: 0, value }), anchor)
            }
            Event::SequenceStart(anchor, ref tag) | Event::MappingStart(anchor, ref tag) => {
                let is_mapping = matches!(event, Event::MappingStart(..));
                check_tag(&at, tag.as_deref(), if is_mapping { &["map", "set"] } else { &["seq"] })?;
                open.push(Open { at, anchor, is_mapping, items: Vec::new() });
                check_depth(&at, open.len())?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { at, anchor, is_mapping, items }) = open.pop() else { continue };
                let value =
                    if is_mapping { Value::Mapping(mapping(&items, &mut left)?) } else { Value::Sequence(items) };
                let depth = value.depth();
                check_depth(&at, depth)?;
                (Rc::new(Node { at, depth, value }), anchor)
            }
            _ => continue,
        };
        if anchor != 0 {
            anchors.insert(anchor, Rc::clone(&node));
        }
        match open.last_mut() {
            Some(parent) => parent.items.push(node),
            None if matches!(&node.value, Value::Scalar(Scalar::Null)) => {}
            None => documents.push(node),
        }
    }
    Ok(documents)
}

fn check_depth(at: &Marker, depth: usize) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(Error::at(at, format!("the YAML is nested more than {MAX_DEPTH} levels deep")));
    }
    Ok(())
}

/// Charges a member, or a merge, to what is left of the memory for names. Aliases and merges copy names.
fn charge(at: &Marker, left: &mut usize, name: usize) -> Result<(), Error> {
    *left =
        left.checked_sub(name + MEMBER_BYTES).ok_or_else(|| Error::at(at, "the names of all members are too long"))?;
    Ok(())
}

fn check_tag(at: &Marker, tag: Option<&Tag>, known: &[&str]) -> Result<(), Error> {
    let is_known = |tag: &Tag| tag.is_yaml_core_schema() && known.contains(&tag.suffix.as_str());
    if tag.is_some_and(|tag| !is_known(tag)) {
        return Err(Error::at(at, "this tag is not supported"));
    }
    Ok(())
}

/// Returns the members of a mapping. Merging has the order of kubectl: a later member replaces an earlier one of the same
/// name. Only two written keys of the same name are an error.
fn mapping(items: &[Rc<Node>], left: &mut usize) -> Result<Vec<(String, Rc<Node>)>, Error> {
    let (mut members, mut written) = (Members::default(), HashSet::new());
    for pair in items.chunks_exact(2) {
        let [key, value] = pair else { continue };
        let Value::Scalar(scalar) = &key.value else {
            return Err(Error::at(&key.at, "a key must be a string, a number or a boolean"));
        };
        if matches!(scalar, Scalar::Merge) {
            members.merge(value, left)?;
            continue;
        }
        let name = scalar.to_key(&key.at)?;
        charge(&key.at, left, name.len())?;
        if !written.insert(name.clone()) {
            return Err(Error::at(&key.at, "this key is given twice in one mapping"));
        }
        members.set(&name, value);
    }
    Ok(members.list)
}

/// Members in order, found by name.
#[derive(Default)]
struct Members {
    list: Vec<(String, Rc<Node>)>,
    places: HashMap<String, usize>,
}

impl Members {
    fn set(&mut self, name: &str, value: &Rc<Node>) {
        if let Some(place) = self.places.get(name) {
            self.list[*place].1 = Rc::clone(value);
        } else {
            self.places.insert(name.to_owned(), self.list.len());
            self.list.push((name.to_owned(), Rc::clone(value)));
        }
    }

    /// Merges a mapping, or a list of mappings. In a list the first mapping with a name counts.
    fn merge(&mut self, node: &Node, left: &mut usize) -> Result<(), Error> {
        match &node.value {
            Value::Mapping(members) => {
                charge(&node.at, left, 0)?;
                for (name, value) in members {
                    charge(&node.at, left, name.len())?;
                    self.set(name, value);
                }
            }
            Value::Sequence(items) if items.iter().all(|item| matches!(item.value, Value::Mapping(_))) => {
                items.iter().rev().try_for_each(|item| self.merge(item, left))?;
            }
            _ => return Err(Error::at(&node.at, "a merge key takes a mapping or a list of mappings")),
        }
        Ok(())
    }
}
