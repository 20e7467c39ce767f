//! The report for people.

use super::table::{Table, figure};
use super::{SUBJECT, Versions};
use crate::allocator;
use crate::cases::root;
use crate::driver::{Block, Results, Row};
use crate::machine;
use crate::options::Options;
use crate::probe::{CPU, Kind, WALL};
use crate::stats::{Combine, Series};

/// Shown where there is no figure.
const NONE: &str = "-";

/// The number of workers that the figures with other numbers are compared with.
const REFERENCE: usize = 2;

/// The whole report.
pub fn render(options: &Options, versions: &Versions, results: &Results) -> String {
    let mut sections = vec![heading(options, versions, results)];
    for block in &results.blocks {
        let number = match &*results.blocks {
            [_] => String::new(),
            _ => format!("Workers: {}. ", block.workers),
        };
        let tables = tables(results, block).into_iter().filter(|(_, table)| table.has_rows());
        sections
            .extend(tables.map(|(title, table)| format!("{number}{title}\n\n{}", table.render())));
    }
    sections.join("\n")
}

fn tables(results: &Results, block: &Block) -> [(&'static str, Table); 4] {
    let cases = |row: &&Row| row.probe.kind == Kind::Case;
    let wall = block.rows.iter().filter(cases).filter(|row| row.field == WALL);
    let cpu = block.rows.iter().filter(cases).filter(|row| row.field == CPU);
    let guards = block.rows.iter().filter(|row| !cases(row));
    let field = |row: &Row| format!("{}.{}", row.probe.name, row.field.name);
    [
        (
            "Throughput: ns per operation, median (min–max)",
            figures(results, block, wall, |row| row.probe.name.into()),
        ),
        (
            "CPU time of all threads: ns per operation, median (min–max)",
            figures(results, block, cpu, |row| row.probe.name.into()),
        ),
        ("block_on root ÷ the same inside a task", roots(results, block)),
        (
            "Guards: median (min–max), or worst of the rounds where named max",
            figures(results, block, guards, field),
        ),
    ]
}

fn heading(options: &Options, versions: &Versions, results: &Results) -> String {
    let versions: Vec<_> =
        versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let workers: Vec<_> = options.workers.iter().map(usize::to_string).collect();
    format!(
        "\n{}\n{}, {} processors, {} % of them taken by other processes; allocator: {}\n{} workers, {} round(s){}\n",
        versions.join(", "),
        machine::cpu_model(),
        machine::processors(),
        spread(&results.neighbours, Combine::Median),
        allocator::name(),
        workers.join(", "),
        options.rounds,
        if options.quick { ", quick" } else { "" },
    )
}

fn figures<'a>(
    results: &Results,
    block: &Block,
    rows: impl Iterator<Item = &'a Row>,
    name: impl Fn(&Row) -> String,
) -> Table {
    let mut headings = vec!["".into(), "per / what".into()];
    headings.extend(results.runtimes.iter().map(|name| (*name).to_owned()));
    headings.push(format!("{SUBJECT} ÷ best peer"));
    let reference = results.blocks.iter().find(|one| one.workers == REFERENCE);
    let reference = reference.filter(|one| one.workers != block.workers);
    headings.extend(reference.map(|_| format!("{SUBJECT} ÷ itself with {REFERENCE}")));
    let mut table = Table::new(headings);
    for row in rows {
        let mut cells = vec![name(row), row.probe.operation.to_owned()];
        cells.extend(row.series.iter().map(|one| {
            one.as_ref().map_or_else(String::new, |one| spread(one, row.field.combine))
        }));
        cells.push(ratio(best(results, row, Side::Subject), best(results, row, Side::Peers)));
        cells.extend(reference.map(|block| {
            let with_two = block.row(row.probe.name, row.field).expect("the same rows");
            ratio(best(results, row, Side::Subject), best(results, with_two, Side::Subject))
        }));
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Subject,
    Peers,
}

/// The least figure of the subject, or of all its peers.
fn best(results: &Results, row: &Row, side: Side) -> Option<f64> {
    let side_of = |name| if name == SUBJECT { Side::Subject } else { Side::Peers };
    let runtimes = results.runtimes.iter().enumerate();
    runtimes
        .filter(|(_, name)| side_of(**name) == side)
        .filter_map(|(runtime, _)| row.figure(runtime))
        .min_by(f64::total_cmp)
}

/// `-` where there is nothing to divide, or nothing to divide by.
fn ratio(value: Option<f64>, by: Option<f64>) -> String {
    match (value, by) {
        (Some(value), Some(by)) if by > 0.0 => figure(value / by),
        _ => NONE.into(),
    }
}

fn roots(results: &Results, block: &Block) -> Table {
    let mut headings = vec!["".into(), "per / what".into()];
    headings.extend(results.runtimes.iter().map(|name| (*name).to_owned()));
    let mut table = Table::new(headings);
    for (at_root, in_task) in [root::BATCH, root::ONE] {
        let rows = (block.row(at_root, WALL), block.row(in_task, WALL));
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
