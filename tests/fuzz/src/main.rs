//! One probe of `tenantpilot::probe`, the one that the variable `PROBE` names, on whatever inputs
//! reach code that none reached before. See `.ci/fuzz`.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use tenantpilot::probe::{ALL, Probe};

static PROBE: OnceLock<Probe> = OnceLock::new();

fn chosen() -> Probe {
    let name = std::env::var("PROBE").expect("PROBE names what is tried");
    let known = ALL.iter().find(|(known, _)| *known == name);
    known.expect("no probe has that name").1
}

fuzz_target!(|bytes: &[u8]| PROBE.get_or_init(chosen)(bytes));
