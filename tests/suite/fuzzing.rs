//! Tries every input of fixtures/fuzz again: what once went wrong, and what the parsers are fuzzed from. The fuzzing
//! itself is `tests/fuzz/run`'s.

use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;

use crate::fuzz_targets::TARGETS;

fn corpus() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/fuzz"))
}

fn files(folder: &PathBuf) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_parser_stands_the_inputs_it_is_fuzzed_from() {
    let mut wrong = Vec::new();
    for (name, target) in TARGETS {
        let files = files(&corpus().join(name));
        assert!(files.len() > 1, "{name} has hardly any corpus");
        for file in files {
            let input = fs::read(&file).unwrap();
            // Cut short at any place it must be stood as well.
            let inputs = (0..input.len()).step_by(input.len() / 50 + 1).map(|end| &input[..end]).chain([&*input]);
            if inputs.into_iter().any(|input| catch_unwind(|| target(input)).is_err()) {
                wrong.push(file);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_corpus_belongs_to_a_target() {
    for folder in files(&corpus()) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(TARGETS.iter().any(|(target, _)| *target == name), "{name} is no target");
    }
}
