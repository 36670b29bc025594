//! Capabilities are types: what a handle may not do does not compile, and the same call on the right handle does.
//!
//! Each file in `ui/may_not` has a twin of the same name in `ui/may`, so that none fails for another reason than the one it is for.

use std::{collections::BTreeSet, error::Error, fs, path::Path};

#[test]
fn i8_what_a_handle_may_not_do_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/may/*.rs");
    cases.compile_fail("tests/ui/may_not/*.rs");
}

#[test]
fn everything_that_does_not_compile_has_a_twin_that_does() -> Result<(), Box<dyn Error>> {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let names = |folder: &str| {
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(ui.join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                names.extend(path.file_name().map(ToOwned::to_owned));
            }
        }
        Ok::<_, std::io::Error>(names)
    };
    let lonely: Vec<_> = names("may_not")?
        .difference(&names("may")?)
        .cloned()
        .collect();
    assert!(lonely.is_empty(), "{lonely:?}");
    Ok(())
}
