//! Feeds one target, named by EKS_API_FUZZ_TARGET, with what libFuzzer makes up. tests/fuzz/run builds and starts it;
//! without a name it tells the targets.

#![no_main]

mod targets;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

fuzz_target!(
    init: {
        let wanted = std::env::var("EKS_API_FUZZ_TARGET").unwrap_or_default();
        match targets::TARGETS.iter().find(|(name, _)| *name == wanted) {
            Some((_, target)) => {
                TARGET.get_or_init(|| *target);
            }
            None => {
                targets::TARGETS.iter().for_each(|(name, _)| println!("{name}"));
                std::process::exit(i32::from(!wanted.is_empty()));
            }
        }
    },
    |data: &[u8]| {
        if let Some(target) = TARGET.get() {
            target(data);
        }
    }
);
