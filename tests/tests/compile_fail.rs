//! What must not compile, and what the compiler says about it.
//!
//! The texts are those of the oldest Rust that the project supports. To write them anew after it was
//! raised: `TRYBUILD=overwrite cargo test -p filch-tests --test compile_fail`.

// Sanitizers need a nightly compiler, which words its errors as it likes.
#![cfg(not(any(filch_asan, filch_tsan)))]

#[test]
fn misuse_is_refused_by_the_compiler() {
    trybuild::TestCases::new().compile_fail("compile_fail/*.rs");
}
