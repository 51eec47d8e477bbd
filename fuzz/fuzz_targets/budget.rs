#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cf_migrate_fuzz::fuzzing::budget(data));
