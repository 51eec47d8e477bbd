//! The question before, and the exit codes, on the real binary.
