//! The report for people.

use super::SUBJECT;
use super::table::{Table, figure};
use crate::allocator;
use crate::cases::root;
use crate::counters::NAMES;
use crate::machine;
use crate::options::Options;
use crate::probe::{CPU, Kind, WALL};
use crate::results::{BASE, Block, Counted, Results, Row, Side};
use crate::stats::{Combine, Series};

/// Shown where there is no figure.
const NONE: &str = "-";

/// The whole report.
pub fn render(options: &Options, results: &Results) -> String {
    let mut sections = vec![heading(options, results)];
    for block in &results.blocks {
        let number = match &*results.blocks {
            [_] => String::new(),
            _ => format!("Workers: {}. ", block.workers),
        };
        let mut tables = tables(results, block);
        if options.counters {
            tables.push(("Counters: per 1 000 operations, medians", counters(results, block)));
        }
        let tables = tables.into_iter().filter(|(_, table)| table.has_rows());
        sections
            .extend(tables.map(|(title, table)| format!("{number}{title}\n\n{}", table.render())));
    }
    sections.join("\n")
}

fn tables(results: &Results, block: &Block) -> Vec<(&'static str, Table)> {
    let cases = |row: &&Row| row.probe.kind == Kind::Case;
    let wall = block.rows.iter().filter(cases).filter(|row| row.field == WALL);
    let cpu = block.rows.iter().filter(cases).filter(|row| row.field == CPU);
    let guards = block.rows.iter().filter(|row| !cases(row));
    let field = |row: &Row| format!("{}.{}", row.probe.name, row.field.name);
    vec![
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

fn heading(options: &Options, results: &Results) -> String {
    let versions: Vec<_> =
        results.runtimes.iter().map(|one| format!("{} {}", one.name, one.version)).collect();
    let absent: Vec<_> = results
        .absent
        .iter()
        .map(|(name, how_to_get)| format!("{name} was not found: {how_to_get}\n"))
        .collect();
    let workers: Vec<_> = options.workers.iter().map(usize::to_string).collect();
    format!(
        "\n{}\n{}{}, {} processors, {} % of them taken by other processes; allocator: {}\n{} workers, {} round(s){}\n",
        versions.join(", "),
        absent.concat(),
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
    headings.extend(results.runtimes.iter().map(|one| one.name.to_owned()));
    headings.push(format!("{SUBJECT} ÷ best peer"));
    let references = results.runtimes.iter().any(|one| one.is_reference);
    if references {
        headings.push(format!("{SUBJECT} ÷ best reference"));
    }
    let with_two = results.base_of(block);
    headings.extend(with_two.map(|_| format!("{SUBJECT} ÷ itself with {BASE}")));
    let mut table = Table::new(headings);
    for row in rows {
        let mut cells = vec![name(row), row.probe.operation.to_owned()];
        cells.extend(row.series.iter().map(|one| {
            one.as_ref().map_or_else(String::new, |one| spread(one, row.field.combine))
        }));
        let own = results.best(row, Side::Subject);
        cells.push(ratio(own, results.best(row, Side::Peer)));
        cells.extend(references.then(|| ratio(own, results.best(row, Side::Reference))));
        cells.extend(with_two.map(|block| {
            let row = block.row(row.probe.name, row.field).expect("the same rows");
            ratio(own, results.best(row, Side::Subject))
        }));
        table.push(cells);
    }
    table
}

/// A figure with the least and the greatest of its rounds.
pub(super) fn spread(series: &Series, combine: Combine) -> String {
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

/// `-` where there is nothing to divide, or nothing to divide by.
fn ratio(value: Option<f64>, by: Option<f64>) -> String {
    match (value, by) {
        (Some(value), Some(by)) if by > 0.0 => figure(value / by),
        _ => NONE.into(),
    }
}

fn roots(results: &Results, block: &Block) -> Table {
    let mut headings = vec!["".into(), "per / what".into()];
    let peers: Vec<_> =
        (0..results.runtimes.len()).filter(|one| !results.runtimes[*one].is_reference).collect();
    headings.extend(peers.iter().map(|one| results.runtimes[*one].name.to_owned()));
    let mut table = Table::new(headings);
    for (at_root, in_task) in [root::BATCH, root::ONE] {
        let rows = (block.row(at_root, WALL), block.row(in_task, WALL));
        let (Some(at_root), Some(in_task)) = rows else {
            continue;
        };
        let mut cells = vec![in_task.probe.name.to_owned(), "wall time".to_owned()];
        let ratios = peers.iter().map(|one| ratio(at_root.figure(*one), in_task.figure(*one)));
        cells.extend(ratios);
        table.push(cells);
    }
    table
}

/// By the thousand, as some things happen once in ten thousand operations.
fn counters(results: &Results, block: &Block) -> Table {
    let names = NAMES.iter().map(|name| name.replace('_', " "));
    let mut table = Table::new(["".into(), "1 000 × / with".into()].into_iter().chain(names));
    for Counted { probe, runtime, series } in &block.counted {
        let runtime = results.runtimes[*runtime].name;
        let cells = [probe.name.to_owned(), format!("{} / {runtime}", probe.operation)];
        let medians = series.iter().map(|one| {
            one.combined(Combine::Median).map_or(NONE.into(), |median| figure(1_000.0 * median))
        });
        table.push(cells.into_iter().chain(medians));
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
