//! What the compiler says: one file for each mistake, and what cannot be written in this crate.

#[test]
fn each_mistake_is_one_error_in_its_place() {
    let tests = trybuild::TestCases::new();
    tests.pass("tests/ui/pass/*.rs");
    tests.compile_fail("tests/ui/fail/*.rs");
}
