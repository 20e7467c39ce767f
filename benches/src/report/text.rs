//! The report for people.

use super::table::{Table, figure};
use super::{SUBJECT, Versions};
use crate::allocator;
use crate::cases::root;
use crate::driver::{Results, Row};
use crate::machine;
use crate::options::Options;
use crate::probe::{CPU, Kind, WALL};
use crate::stats::{Combine, Series};

/// Shown where there is no figure.
const NONE: &str = "-";

/// The whole report.
pub fn render(options: &Options, versions: &Versions, results: &Results) -> String {
    let mut sections = vec![heading(options, versions, results)];
    let cases = |row: &&Row| row.probe.kind == Kind::Case;
    let mut add = |title: &str, table: Table| {
        if table.has_rows() {
            sections.push(format!("{title}\n\n{}", table.render()));
        }
    };
    let wall = results.rows.iter().filter(cases).filter(|row| row.field == WALL);
    add(
        "Throughput: ns per operation, median (min–max)",
        figures(results, wall, |row| row.probe.name.into()),
    );
    let cpu = results.rows.iter().filter(cases).filter(|row| row.field == CPU);
    add(
        "CPU time of all threads: ns per operation, median (min–max)",
        figures(results, cpu, |row| row.probe.name.into()),
    );
    add("block_on root ÷ the same inside a task", roots(results));
    let guards = results.rows.iter().filter(|row| !cases(row));
    add(
        "Guards: median (min–max), or worst of the rounds where named max",
        figures(results, guards, |row| format!("{}.{}", row.probe.name, row.field.name)),
    );
    sections.join("\n")
}

fn heading(options: &Options, versions: &Versions, results: &Results) -> String {
    let versions: Vec<_> =
        versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    format!(
        "\n{}\n{}, {} processors, {} % of them taken by other processes; allocator: {}\n{} workers, {} round(s){}\n",
        versions.join(", "),
        machine::cpu_model(),
        machine::processors(),
        spread(&results.neighbours, Combine::Median),
        allocator::name(),
        options.workers,
        options.rounds,
        if options.quick { ", quick" } else { "" },
    )
}

fn figures<'a>(
    results: &Results,
    rows: impl Iterator<Item = &'a Row>,
    name: impl Fn(&Row) -> String,
) -> Table {
    let mut headings = vec!["".into(), "per / what".into()];
    headings.extend(results.runtimes.iter().map(|name| (*name).to_owned()));
    headings.push(format!("{SUBJECT} ÷ best peer"));
    let mut table = Table::new(headings);
    for row in rows {
        let mut cells = vec![name(row), row.probe.operation.to_owned()];
        cells.extend(row.series.iter().map(|one| {
            one.as_ref().map_or_else(String::new, |one| spread(one, row.field.combine))
        }));
        cells.push(ratio_to_best(results, row));
        table.push(cells);
    }
    table
}

fn spread(series: &Series, combine: Combine) -> String {
    let (Some(value), Some(min), Some(max)) =
        (series.combined(combine), series.min(), series.max())
    else {
        return NONE.into();
    };
    if series.samples().len() == 1 {
        return figure(value);
    }
    format!("{} ({}–{})", figure(value), figure(min), figure(max))
}

fn ratio_to_best(results: &Results, row: &Row) -> String {
    let of = |wanted: bool| {
        let runtimes = results.runtimes.iter().enumerate();
        runtimes
            .filter(move |(_, name)| (**name == SUBJECT) == wanted)
            .filter_map(|(runtime, _)| row.figure(runtime))
            .min_by(f64::total_cmp)
    };
    ratio(of(true), of(false))
}

/// `-` where there is nothing to divide, or nothing to divide by.
fn ratio(value: Option<f64>, by: Option<f64>) -> String {
    match (value, by) {
        (Some(value), Some(by)) if by > 0.0 => figure(value / by),
        _ => NONE.into(),
    }
}

fn roots(results: &Results) -> Table {
    let mut headings = vec!["".into(), "per / what".into()];
    headings.extend(results.runtimes.iter().map(|name| (*name).to_owned()));
    let mut table = Table::new(headings);
    for (at_root, in_task) in [root::BATCH, root::ONE] {
        let rows = (results.row(at_root, WALL), results.row(in_task, WALL));
        let (Some(at_root), Some(in_task)) = rows else {
            continue;
        };
        let mut cells = vec![in_task.probe.name.to_owned(), "wall time".to_owned()];
        let ratios = (0..results.runtimes.len())
            .map(|runtime| ratio(at_root.figure(runtime), in_task.figure(runtime)));
        cells.extend(ratios);
        table.push(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_needs_both_sides() {
        assert_eq!(ratio(Some(1.0), Some(2.0)), "0.50");
        assert_eq!(ratio(None, Some(2.0)), NONE);
        assert_eq!(ratio(Some(1.0), None), NONE);
        assert_eq!(ratio(Some(1.0), Some(0.0)), NONE);
    }
}
