//! Black-box tests of filch, one file per promise, in `tests/`.
