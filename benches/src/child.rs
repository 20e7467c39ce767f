//! A measurement of memory in a fresh process: an allocator that has worked before has memory to reuse.

use std::env;
use std::process::{Command, Stdio};
use std::str::FromStr;

use crate::probe::{Scale, Setup};

/// What the fresh process is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Name of the runtime.
    pub runtime: String,
    /// Its worker threads.
    pub workers: usize,
    /// How many tenths below the full size.
    pub reduction: u32,
    /// What to measure.
    pub memory: Memory,
}

/// Memory of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Growth for each task that waits.
    Waiting,
    /// Growth for each task that sleeps.
    Sleeping,
    /// Peak of the case `skynet`.
    Skynet,
    /// Peak of the case `spawn_join_batch`.
    Batch,
    /// Peak of the case `spawn_detached`.
    Detached,
}

impl Memory {
    const NAMES: [(&'static str, Self); 5] = [
        ("waiting", Self::Waiting),
        ("sleeping", Self::Sleeping),
        ("skynet", Self::Skynet),
        ("batch", Self::Batch),
        ("detached", Self::Detached),
    ];

    fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(_, memory)| *memory == self);
        found.expect("all are listed").0
    }
}

impl FromStr for Memory {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, memory)| *memory).ok_or(())
    }
}

impl Child {
    /// The argument that says that the others are a child's.
    pub const FLAG: &'static str = "--child-memory";

    /// A child that measures a runtime as `setup` says.
    pub fn new(runtime: &str, setup: &Setup, memory: Memory) -> Self {
        let reduction = setup.scale.reduction();
        Self { runtime: runtime.into(), workers: setup.workers, reduction, memory }
    }

    /// The size of its work.
    pub fn scale(&self) -> Scale {
        Scale::reduced(self.reduction)
    }

    /// Runs this program once more, as the child.
    ///
    /// # Panics
    /// When it fails, or prints no number.
    pub fn run(&self) -> f64 {
        let output = Command::new(env::current_exe().expect("path of this program"))
            .args(self.to_args())
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .expect("the child runs");
        assert!(output.status.success(), "child: {}", output.status);
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim().parse().expect("the child prints a number")
    }

    /// The arguments that [`Options::parse`](crate::options::Options::parse) turns into this again.
    pub fn to_args(&self) -> [String; 5] {
        let (workers, reduction) = (self.workers.to_string(), self.reduction.to_string());
        [Self::FLAG.into(), self.runtime.clone(), workers, reduction, self.memory.name().into()]
    }

    /// Reads what stands behind [`FLAG`](Self::FLAG).
    ///
    /// # Errors
    /// A sentence about what makes no sense.
    pub fn from_args(args: &mut impl Iterator<Item = String>) -> Result<Self, String> {
        use crate::options::value;
        Ok(Self {
            runtime: value(args, Self::FLAG)?,
            workers: value(args, Self::FLAG)?,
            reduction: value(args, Self::FLAG)?,
            memory: value(args, Self::FLAG)?,
        })
    }
}
