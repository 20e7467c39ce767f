//! What filch is looked at beside, but not compared with line by line: an executor that has nothing to share; rayon,
//! whose tasks are no futures; and programs in other languages that do the work of the same cases with the same
//! parameters and checks.
//!
//! A program is built and run if its language is at hand; else the report says how to get it.

pub(crate) mod bare;
mod program;
mod rayon;
mod recipe;

use std::fmt;

use crate::options::Options;
use crate::probe::{Contestant, Kind, ProbeInfo};
use program::Program;
use recipe::{Built, RECIPES};

/// The references that can take part, and the others.
#[derive(Default)]
pub struct References {
    /// Those that can.
    pub contestants: Vec<Box<dyn Contestant>>,
    /// Name of each that is not here, and how to get it.
    pub absent: Vec<(&'static str, &'static str)>,
    /// Each that is here and does not work.
    pub broken: Vec<String>,
}

impl fmt::Debug for References {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { contestants, absent, broken } = self;
        let names: Vec<_> = contestants.iter().map(|one| one.name()).collect();
        f.debug_tuple("References").field(&names).field(absent).field(broken).finish()
    }
}

impl References {
    /// Looks for those that `options` let take part in any of these probes, and builds them.
    pub fn find(options: &Options, probes: &[ProbeInfo]) -> Self {
        let mut found = Self::default();
        // None has any of the other guards.
        let has_references = |probe: &ProbeInfo| probe.kind == Kind::Case || probe.timers;
        if !probes.iter().any(|probe| has_references(probe) && options.selects(probe)) {
            return found;
        }
        if options.lets_take_part(bare::NAME) {
            found.contestants.push(Box::new(bare::Floor::new(probes)));
        }
        if options.lets_take_part(rayon::NAME) {
            found.contestants.push(Box::new(rayon::Rayon::new(probes)));
        }
        for recipe in RECIPES.iter().filter(|recipe| options.lets_take_part(recipe.name)) {
            match recipe.build() {
                Built::Absent => found.absent.push((recipe.name, recipe.how_to_get)),
                Built::Broken(why) => found.broken.push(format!("{}: {why}", recipe.name)),
                Built::Program(path) => match Program::open(recipe.name, path, probes) {
                    Ok(program) => found.contestants.push(Box::new(program)),
                    Err(why) => found.broken.push(format!("{}: {why}", recipe.name)),
                },
            }
        }
        found
    }

    /// The names of all, here or not.
    pub fn names() -> impl Iterator<Item = &'static str> {
        [bare::NAME, rayon::NAME].into_iter().chain(RECIPES.iter().map(|recipe| recipe.name))
    }
}
