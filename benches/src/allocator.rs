//! The allocator: the system's or, with the feature `mimalloc`, that one.

#[cfg(feature = "mimalloc")]
#[global_allocator]
static MIMALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Which one this program uses, for the head of a report.
pub fn name() -> String {
    if cfg!(feature = "mimalloc") {
        format!("mimalloc (crate {})", crate::machine::locked_version("mimalloc"))
    } else {
        "the system's".into()
    }
}
