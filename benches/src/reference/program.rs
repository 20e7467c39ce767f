//! A program in another language, which measures itself.
//!
//! Called with `list` it prints its version and what it has, cases and guards; with one of those, the number of
//! workers and how many tenths below the full size, it does the work, checks the result and prints the figures by
//! their names. A case it warms up with a tenth of the work. Its process is alone while it runs, as a
//! runtime in this one is.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::child::Child;
use crate::probe::{Contestant, ProbeInfo, Setup};
use crate::results::Measured;

/// The program.
#[derive(Debug)]
pub(super) struct Program {
    name: &'static str,
    path: PathBuf,
    version: String,
    cases: Vec<String>,
    probes: Vec<ProbeInfo>,
}

impl Program {
    /// Asks the program what it can do.
    pub(super) fn open(
        name: &'static str,
        path: PathBuf,
        probes: &[ProbeInfo],
    ) -> Result<Self, String> {
        let answer = ask(&path, &["list"])?;
        let version = answer["version"].as_str().ok_or("it has no version")?.to_owned();
        let cases = answer["cases"].as_array().ok_or("it has no cases")?;
        let cases: Vec<_> = cases.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if let Some(unknown) = cases.iter().find(|case| probes.iter().all(|one| one.name != **case))
        {
            return Err(format!("there is no case and no guard {unknown}"));
        }
        Ok(Self { name, path, version, cases, probes: probes.to_vec() })
    }
}

/// What the program prints: one line of JSON.
fn ask(path: &PathBuf, arguments: &[&str]) -> Result<Value, String> {
    let output = Command::new(path)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{}: {error}", path.display()))?;
    if !output.status.success() {
        return Err(format!("it ended with {}", output.status));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("its answer: {error}"))
}

impl Contestant for Program {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn is_reference(&self) -> bool {
        true
    }

    fn probes(&self) -> Vec<ProbeInfo> {
        self.probes.clone()
    }

    fn takes_part(&self, probe: &ProbeInfo) -> bool {
        self.cases.iter().any(|case| case == probe.name)
    }

    fn measure(&self, probe: usize, setup: &Setup) -> Measured {
        let (workers, reduction) = (setup.workers.to_string(), setup.scale.reduction().to_string());
        let arguments = [self.probes[probe].name, &workers, &reduction];
        let answer = ask(&self.path, &arguments).unwrap_or_else(|why| panic!("{why}"));
        let figure = |name| answer[name].as_f64().unwrap_or_else(|| panic!("{name} is missing"));
        let fields = self.probes[probe].fields.iter();
        fields.map(|field| figure(field.name)).collect::<Vec<_>>().into()
    }

    fn memory(&self, _child: &Child) -> f64 {
        unreachable!("it has no guard of memory")
    }
}
