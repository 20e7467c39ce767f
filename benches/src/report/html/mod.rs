//! The report as a page: one file, without scripts, that needs nothing from elsewhere.

mod chart;
mod markup;
mod scale;

use std::fs;
use std::io;
use std::path::Path;

use super::SUBJECT;
use super::table::figure;
use super::text::spread;
use crate::allocator;
use crate::machine;
use crate::options::Options;
use crate::probe::{CPU, Kind, WALL};
use crate::results::{BASE, Block, Results, Row, Side};
use crate::stats::Combine;
use chart::Chart;
use markup::Element;

/// Writes the page to `path`.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, options: &Options, results: &Results) -> io::Result<()> {
    fs::write(path, render(options, results))
}

/// The page.
pub fn render(options: &Options, results: &Results) -> String {
    let title = format!("{SUBJECT} beside its peers");
    let viewport = "width=device-width, initial-scale=1";
    let head = Element::new("head")
        .child(Element::new("meta").attribute("charset", "utf-8"))
        .child(Element::new("meta").attribute("name", "viewport").attribute("content", viewport))
        .child(Element::of("title", &title))
        .child(Element::new("style").style_sheet(include_str!("style.css")));
    let body = Element::new("body")
        .child(Element::of("h1", &title))
        .child(facts(options, results))
        .children(failures(results))
        .child(legend(results))
        .children(results.blocks.iter().flat_map(|block| sections(results, block)));
    let page = Element::new("html").attribute("lang", "en").child(head).child(body);
    format!("<!doctype html>\n{}\n", page.render())
}

/// What the figures were taken from and on.
fn facts(options: &Options, results: &Results) -> Element {
    let versions = results.runtimes.iter().map(|one| format!("{} {}", one.name, one.version));
    let processors = format!("{}, {} processors", machine::cpu_model(), machine::processors());
    let others =
        format!("{} % of the processors, a round", spread(&results.neighbours, Combine::Median));
    let workers: Vec<_> = options.workers.iter().map(usize::to_string).collect();
    let quick = if options.quick { ", a tenth of the work" } else { "" };
    let mut facts = vec![
        ("Versions", versions.collect::<Vec<_>>().join(", ")),
        ("Machine", processors),
        ("Taken by others", others),
        ("Allocator", allocator::name()),
        ("Workers", workers.join(", ")),
        ("Rounds", format!("{}{quick}", options.rounds)),
    ];
    let absent = results.absent.iter().map(|(name, how_to_get)| format!("{name} ({how_to_get})"));
    let absent: Vec<_> = absent.collect();
    if !absent.is_empty() {
        facts.push(("Not found", absent.join("; ")));
    }
    let pairs = facts
        .into_iter()
        .flat_map(|(name, value)| [Element::of("dt", name), Element::of("dd", value)]);
    Element::new("dl").children(pairs)
}

fn failures(results: &Results) -> Option<Element> {
    if results.failures.is_empty() {
        return None;
    }
    let failed = results.failures.iter().map(|one| Element::of("li", one).class("failed"));
    Some(Element::new("ul").children(failed))
}

fn legend(results: &Results) -> Element {
    let has = |side| results.runtimes.iter().any(|one| one.side() == side);
    let sides = [
        (Side::Subject, "subject", SUBJECT),
        (Side::Peer, "peer", "peers: the same source"),
        (Side::Reference, "reference", "references: the same work by other means"),
    ];
    let keys = sides.into_iter().filter(|(side, ..)| has(*side)).map(|(_, class, text)| {
        let colour = Element::new("span").class(class);
        Element::new("span").class("key").child(colour).text(text)
    });
    Element::new("p").children(keys).text(
        "Shorter is better. A bar is the median of the rounds, or the worst where it is named max; the \
         line across its end goes from the least to the greatest. N× is the ratio to the best peer.",
    )
}

/// Cases, then guards.
fn sections(results: &Results, block: &Block) -> Vec<Element> {
    let number = match &*results.blocks {
        [_] => String::new(),
        _ => format!(", {} workers", block.workers),
    };
    let walls = block.rows.iter().filter(|row| row.field == WALL);
    let cases = walls.map(|row| case(results, block, row)).collect();
    let guards = block.rows.iter().filter(|row| row.probe.kind == Kind::Guard);
    let guards = guards.map(|row| guard(results, block, row)).collect();
    let about_cases = "Thick: wall time for an operation. Thin: CPU time of all threads for it.";
    let about_guards = "What a win must not be bought with.";
    [
        section(format!("Throughput{number}"), about_cases, cases),
        section(format!("Guards{number}"), about_guards, guards),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// None without charts.
fn section(title: String, about: &str, charts: Vec<Element>) -> Option<Element> {
    if charts.is_empty() {
        return None;
    }
    let charts = Element::new("div").class("charts").children(charts);
    let section = Element::new("section").child(Element::of("h2", title));
    Some(section.child(Element::of("p", about)).child(charts))
}

fn case(results: &Results, block: &Block, row: &Row) -> Element {
    let chart = Chart {
        results,
        row,
        thin: block.row(row.probe.name, CPU),
        unit: "ns",
        title: row.probe.name,
        id: format!("w{}-{}", block.workers, row.probe.name),
    };
    let about = format!("per {}{}", row.probe.operation, to_base(results, block, row));
    card(&chart, &about)
}

fn guard(results: &Results, block: &Block, row: &Row) -> Element {
    let title = format!("{}.{}", row.probe.name, row.field.name);
    let chart = Chart {
        results,
        row,
        thin: None,
        unit: unit(row.field.name),
        title: &title,
        id: format!("w{}-{title}", block.workers),
    };
    let about = format!("{}{}", row.probe.operation, to_base(results, block, row));
    card(&chart, &about)
}

fn card(chart: &Chart<'_>, about: &str) -> Element {
    let (picture, scale) = chart.draw();
    let caption = Element::new("figcaption")
        .child(Element::of("h3", chart.title))
        .child(Element::of("p", format!("{about}; {scale}")));
    Element::new("figure").child(caption).child(picture)
}

/// What the subject takes, by what it takes with two workers.
fn to_base(results: &Results, block: &Block, row: &Row) -> String {
    let ratio = || {
        let base = results.base_of(block)?.row(row.probe.name, row.field)?;
        let own = results.best(row, Side::Subject)?;
        let base = results.best(base, Side::Subject).filter(|base| *base > 0.0)?;
        Some(own / base)
    };
    ratio().map_or_else(String::new, |ratio| {
        format!("; {SUBJECT} takes {}× what it takes with {BASE} workers", figure(ratio))
    })
}

/// The unit that a field's name ends in.
fn unit(field: &str) -> &'static str {
    let units = [
        ("us_per_s", "µs/s"),
        ("_per_s", "/s"),
        ("_us", "µs"),
        ("_mib", "MiB"),
        ("bytes", "bytes"),
        ("polls", "polls"),
    ];
    units.into_iter().find(|(end, _)| field.ends_with(end)).map_or("", |(_, unit)| unit)
}

#[cfg(test)]
mod tests;
