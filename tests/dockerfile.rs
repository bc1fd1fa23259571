//! The image is built from a part of the checkout, and that part is a whole package.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// What the Dockerfile takes from the checkout before it builds.
fn sources(dockerfile: &str) -> Vec<&str> {
    let build = dockerfile.split("\nFROM ").nth(1).expect("a stage that builds");
    let copied = build.lines().filter_map(|line| line.strip_prefix("COPY "));
    copied.flat_map(|copy| copy.rsplit_once(' ').expect("COPY has a destination").0.split(' ')).collect()
}

#[test]
fn cargo_can_build_what_the_dockerfile_takes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(root.join(name)).expect("a file of the checkout");
    let (dockerfile, let_in) = (read("Dockerfile"), read(".dockerignore"));
    let taken = Path::new(env!("CARGO_TARGET_TMPDIR")).join("of-the-image");
    let _ = fs::remove_dir_all(&taken);
    fs::create_dir_all(&taken).expect("a directory");
    for source in sources(&dockerfile) {
        assert!(let_in.lines().any(|line| line == format!("!{source}")), "{source} is not let in by .dockerignore");
        let copied = Command::new("cp").arg("-r").arg(root.join(source)).arg(&taken).status();
        assert!(copied.is_ok_and(|status| status.success()), "{source} can be copied");
    }
    // Asked for a program that there is not, cargo reads the whole package and builds nothing.
    let cargo = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--offline", "--release", "--bin=none"])
        .current_dir(&taken)
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&cargo.stderr);
    assert!(said.contains("no bin target named `none`"), "{said}");
}
