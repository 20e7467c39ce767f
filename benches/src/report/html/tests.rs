use super::*;
use crate::contestants;
use crate::results::Failure;

/// All there is, with a figure for each that is another in each round.
fn everything(workers: &[usize]) -> (Options, Results) {
    let options = Options { workers: workers.to_vec(), ..Options::default() };
    let contestants = contestants();
    let probes = contestants[0].probes();
    let mut results = Results::empty(workers, &contestants, &probes);
    for block in &mut results.blocks {
        for (number, probe) in probes.iter().enumerate() {
            for (runtime, contestant) in contestants.iter().enumerate() {
                for round in 0..3 {
                    let figures = vec![
                        (1 + number + round) as f64 * 30_f64.powi(runtime as i32);
                        probe.fields.len()
                    ];
                    if contestant.takes_part(probe) {
                        block.record(probe, runtime, &figures.into());
                    }
                }
            }
        }
    }
    results.absent.push(("c<++>", "a & b"));
    results.failures.push(Failure { what: "case/x".into(), message: "left < right".into() });
    (options, results)
}

/// The names of all elements, if each is closed where it must be and all else is escaped.
fn elements(page: &str) -> Vec<&str> {
    let mut open = Vec::new();
    let mut all = Vec::new();
    let mut rest = page.strip_prefix("<!doctype html>").expect("a page");
    while let Some((text, behind)) = rest.split_once('<') {
        assert!(!text.contains('>'), "text: {text}");
        for (at, _) in text.match_indices('&') {
            let entities = ["&amp;", "&lt;", "&gt;", "&quot;"];
            assert!(entities.iter().any(|one| text[at..].starts_with(one)), "text: {text}");
        }
        let (tag, behind) = behind.split_once('>').expect("a tag ends");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "what is closed");
        } else {
            let name = tag.split(' ').next().expect("a tag has a name");
            assert_eq!(tag.matches('"').count() % 2, 0, "quotes of {tag}");
            all.push(name);
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
        rest = behind;
    }
    assert!(open.is_empty(), "still open: {open:?}");
    all
}

#[test]
fn the_page_is_well_formed() {
    let (options, results) = everything(&[2]);
    let page = render(&options, &results);
    let all = elements(&page);
    let charts: usize = results.blocks[0].rows.iter().filter(|row| row.field != CPU).count();
    for name in ["svg", "desc", "figure"] {
        assert_eq!(all.iter().filter(|one| **one == name).count(), charts, "{name}");
    }
    assert!(!all.contains(&"script"));
    assert!(!page.contains("href") && !page.contains("src="), "needs nothing from elsewhere");
    assert!(page.contains("left &lt; right") && page.contains("a &amp; b"));
}

#[test]
fn every_case_and_every_field_of_a_guard_is_on_the_page() {
    let (options, results) = everything(&[2]);
    let page = render(&options, &results);
    for row in &results.blocks[0].rows {
        let title = match row.probe.kind {
            Kind::Case => row.probe.name.to_owned(),
            Kind::Guard => format!("{}.{}", row.probe.name, row.field.name),
        };
        assert!(page.contains(&format!("<h3>{title}</h3>")), "{title}");
        assert!(page.contains(&format!("id=\"w2-{title}-text\"")), "{title}");
    }
}

#[test]
fn every_field_of_a_guard_has_a_unit() {
    for row in &everything(&[2]).1.blocks[0].rows {
        assert!(row.probe.kind == Kind::Case || !unit(row.field.name).is_empty(), "{row:?}");
    }
}

#[test]
fn all_is_drawn_within_the_picture() {
    let (options, results) = everything(&[2]);
    let page = render(&options, &results);
    for rectangle in page.split("<rect ").skip(1) {
        let number = |name: &str| -> f64 {
            let (_, behind) = rectangle.split_once(&format!("{name}=\"")).expect(name);
            behind.split('"').next().expect("a value").parse().expect("a number")
        };
        assert!(number("x") + number("width") <= 340.0, "{rectangle}");
        assert!(number("width") >= 0.0 && number("height") > 0.0, "{rectangle}");
    }
}

#[test]
fn several_numbers_of_workers_are_compared_with_two() {
    let (options, results) = everything(&[1, 2]);
    let page = render(&options, &results);
    assert!(page.contains("Throughput, 1 workers") && page.contains("Guards, 2 workers"));
    if results.runtimes.iter().any(|one| one.side() == Side::Subject) {
        assert!(page.contains("takes 1.00× what it takes with 2 workers"));
    }
    let ids: Vec<_> = page.split(" id=\"").skip(1).map(|one| one.split('"').next()).collect();
    let mut different = ids.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(ids.len(), different.len(), "ids are unique");
}
