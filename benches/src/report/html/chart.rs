//! A chart: a bar for each runtime.
//!
//! Its width is that of a small phone, where its units are pixels; elsewhere it grows with its column.

use super::markup::Element;
use super::scale::Scale;
use crate::report::table::figure;
use crate::results::{Results, Row, Side};
use crate::stats::Series;

const WIDTH: f64 = 340.0;
/// Left and right of the bars, for the ends of whiskers.
const MARGIN: f64 = 1.0;
/// From one runtime to the next.
const PITCH: f64 = 38.0;
/// Baseline of the text above a bar.
const TEXT: f64 = 13.0;
/// Top and height of a bar.
const BAR: (f64, f64) = (18.0, 10.0);
/// Top and height of the bar of CPU time.
const THIN_BAR: (f64, f64) = (30.0, 3.0);
/// Height of the axis with its labels.
const AXIS: f64 = 18.0;

/// What a chart is drawn from.
#[derive(Debug)]
pub(super) struct Chart<'a> {
    pub(super) results: &'a Results,
    /// The bars.
    pub(super) row: &'a Row,
    /// The thin bars below them, on the same scale.
    pub(super) thin: Option<&'a Row>,
    /// Unit of the figures.
    pub(super) unit: &'a str,
    /// What it is about.
    pub(super) title: &'a str,
    /// Unique on the page.
    pub(super) id: String,
}

/// One runtime's part.
struct Bar<'a> {
    name: &'static str,
    side: Side,
    series: &'a Series,
    figure: f64,
    thin: Option<f64>,
}

impl Chart<'_> {
    /// The picture, and the name of its scale.
    pub(super) fn draw(&self) -> (Element, &'static str) {
        let bars = self.bars();
        let scale = self.scale(&bars);
        let height = PITCH * bars.len() as f64 + AXIS;
        let (title, description) = (format!("{}-title", self.id), format!("{}-text", self.id));
        let best = self.results.best(self.row, Side::Peer);
        let picture = Element::new("svg")
            .attribute("viewBox", format!("0 0 {WIDTH} {height}"))
            .attribute("role", "img")
            .attribute("aria-labelledby", format!("{title} {description}"))
            .child(Element::of("title", self.title).attribute("id", title))
            .child(Element::of("desc", self.in_words(&bars, &scale)).attribute("id", description))
            .children(axis(&scale, height))
            .children(
                bars.iter()
                    .enumerate()
                    .map(|(place, bar)| self.bar(bar, &scale, best, PITCH * place as f64)),
            );
        (picture, scale.name())
    }

    fn bars(&self) -> Vec<Bar<'_>> {
        let runtimes = self.results.runtimes.iter().enumerate();
        runtimes
            .filter_map(|(index, runtime)| {
                Some(Bar {
                    name: runtime.name,
                    side: runtime.side(),
                    series: self.row.series[index].as_ref()?,
                    figure: self.row.figure(index).filter(|figure| figure.is_finite())?,
                    thin: self.thin.and_then(|row| row.figure(index)),
                })
            })
            .collect()
    }

    fn scale(&self, bars: &[Bar<'_>]) -> Scale {
        let figures = bars.iter().flat_map(|bar| {
            [Some(bar.figure), bar.thin, bar.series.min(), bar.series.max()].into_iter().flatten()
        });
        Scale::of(&figures.collect::<Vec<_>>())
    }

    /// What the picture shows, for those who cannot see it.
    fn in_words(&self, bars: &[Bar<'_>], scale: &Scale) -> String {
        let parts: Vec<_> = bars
            .iter()
            .map(|bar| {
                let (name, value, unit) = (bar.name, figure(bar.figure), self.unit);
                match (bar.series.min(), bar.series.max()) {
                    (Some(min), Some(max)) if bar.series.samples().len() > 1 => {
                        format!("{name} {value} {unit}, {} to {}", figure(min), figure(max))
                    }
                    _ => format!("{name} {value} {unit}"),
                }
            })
            .collect();
        format!("Bars on a {}: {}.", scale.name(), parts.join("; "))
    }

    fn bar(&self, bar: &Bar<'_>, scale: &Scale, best: Option<f64>, top: f64) -> Element {
        let class = match bar.side {
            Side::Subject => "subject",
            Side::Peer => "peer",
            Side::Reference => "reference",
        };
        let value = format!("{} {}", figure(bar.figure), self.unit);
        let ratio = match best {
            Some(best) if bar.side == Side::Peer && bar.figure == best => "best peer".into(),
            Some(best) if best > 0.0 => format!("{}×", figure(bar.figure / best)),
            _ => String::new(),
        };
        let text = |x: f64, anchor: &str, text: &str| {
            let place = Element::of("text", text).length("x", x).length("y", top + TEXT);
            place.attribute("text-anchor", anchor)
        };
        let bars = rectangle(scale.place(bar.figure), top, BAR);
        let group = Element::new("g")
            .class(class)
            .child(text(0.0, "start", bar.name).class("name"))
            .child(text(WIDTH - 76.0, "end", &value))
            .child(text(WIDTH, "end", &ratio).class("ratio"))
            .child(bars.class("bar"));
        let thin = bar.thin.map(|thin| rectangle(scale.place(thin), top, THIN_BAR).class("thin"));
        group.children(thin).children(whisker(bar.series, scale, top))
    }
}

/// From the left end to this place.
fn rectangle(place: f64, top: f64, (offset, height): (f64, f64)) -> Element {
    Element::new("rect")
        .length("x", MARGIN)
        .length("y", top + offset)
        .length("width", place * (WIDTH - 2.0 * MARGIN))
        .length("height", height)
}

fn x(place: f64) -> f64 {
    MARGIN + place * (WIDTH - 2.0 * MARGIN)
}

/// From the least to the greatest sample, if there are several.
fn whisker(series: &Series, scale: &Scale, top: f64) -> Option<Element> {
    let (least, most) = (series.min()?, series.max()?);
    if series.samples().len() < 2 {
        return None;
    }
    let [from, to] = [least, most].map(|figure| x(scale.place(figure)));
    let (upper, lower) = (top + BAR.0 + 1.0, top + BAR.0 + BAR.1 - 1.0);
    let middle = (upper + lower) / 2.0;
    let path = format!(
        "M{from:.1} {upper:.1}V{lower:.1}M{from:.1} {middle:.1}H{to:.1}M{to:.1} {upper:.1}V{lower:.1}"
    );
    Some(Element::new("path").class("whisker").attribute("d", path))
}

/// Lines and labels of the ticks; the bars are drawn over them.
fn axis(scale: &Scale, height: f64) -> Vec<Element> {
    let bottom = height - AXIS;
    let ticks = scale.ticks();
    let last = ticks.len() - 1;
    let mut elements = Vec::new();
    for (number, tick) in ticks.into_iter().enumerate() {
        let x = x(scale.place(tick));
        let line = Element::new("path").class("tick");
        elements.push(line.attribute("d", format!("M{x:.1} 0V{bottom:.1}")));
        let label = Element::of("text", label(tick)).class("label");
        let label = label.length("x", x).length("y", height - 4.0);
        // The outermost labels stay within the picture.
        let anchor = if number == 0 { "start" } else { "middle" };
        elements.push(label.attribute("text-anchor", if number == last { "end" } else { anchor }));
    }
    elements
}

/// A round number, short: 2000 is `2k`.
fn label(tick: f64) -> String {
    let units = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    let unit = units.into_iter().find(|(unit, _)| tick >= *unit);
    let (unit, name) = unit.unwrap_or((1.0, ""));
    // As many decimals as a round number needs, and none that come from its division.
    let digits = format!("{:.6}", tick / unit);
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short() {
        let labels = [0.0, 0.001, 0.75, 2.5, 100.0, 1500.0, 1e7].map(label);
        assert_eq!(labels, ["0", "0.001", "0.75", "2.5", "100", "1.5k", "10M"]);
    }
}
