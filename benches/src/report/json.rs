//! The report for programs.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::allocator;
use crate::counters::NAMES;
use crate::machine;
use crate::options::Options;
use crate::probe::Kind;
use crate::results::{Block, Results, Row};
use crate::stats::Combine;

/// Writes every sample to `path`.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, options: &Options, results: &Results) -> io::Result<()> {
    let versions: Map<_, _> =
        results.runtimes.iter().map(|one| (one.name.to_owned(), json!(one.version))).collect();
    let report = json!({
        "versions": versions,
        "not_found": results.absent.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "cpu": machine::cpu_model(),
        "processors": machine::processors(),
        "allocator": allocator::name(),
        "workers": options.workers,
        "rounds": options.rounds,
        "quick": options.quick,
        "percent_taken_by_others": results.neighbours.samples(),
        "figures": results.blocks.iter().flat_map(|block| figures(results, block)).collect::<Vec<_>>(),
        "counters": results.blocks.iter().flat_map(|block| counters(results, block)).collect::<Vec<_>>(),
        "failures": results.failures.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    fs::write(path, format!("{report:#}\n"))
}

fn figures(results: &Results, block: &Block) -> Vec<Value> {
    block.rows.iter().map(|row| figure(results, block.workers, row)).collect()
}

fn figure(results: &Results, workers: usize, row: &Row) -> Value {
    let kind = match row.probe.kind {
        Kind::Case => "case",
        Kind::Guard => "guard",
    };
    let combine = match row.field.combine {
        Combine::Median => "median",
        Combine::Max => "max",
    };
    let by_runtime: Map<_, _> = results
        .runtimes
        .iter()
        .zip(&row.series)
        .enumerate()
        .filter_map(|(runtime, (info, series))| {
            let series = series.as_ref()?;
            let value = json!({ "figure": row.figure(runtime), "samples": series.samples() });
            Some((info.name.to_owned(), value))
        })
        .collect();
    json!({
        "kind": kind,
        "name": row.probe.name,
        "operation": row.probe.operation,
        "field": row.field.name,
        "workers": workers,
        "combine": combine,
        "runtimes": by_runtime,
    })
}

fn counters(results: &Results, block: &Block) -> Vec<Value> {
    let counted = block.counted.iter().map(|counted| {
        let each: Map<_, _> = NAMES
            .iter()
            .zip(&counted.series)
            .map(|(name, series)| {
                let figure = series.combined(Combine::Median);
                (name.to_string(), json!({ "figure": figure, "samples": series.samples() }))
            })
            .collect();
        json!({
            "name": counted.probe.name,
            "operation": counted.probe.operation,
            "workers": block.workers,
            "runtime": results.runtimes[counted.runtime].name,
            "per_operation": each,
        })
    });
    counted.collect()
}
