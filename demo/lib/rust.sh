# shellcheck shell=bash
# What cargo is asked by more than one script. Takes tests/bed/lib/tools.sh and text.sh.

need_rust() {
  command -v cargo >/dev/null ||
    give_up "cargo is missing: install Rust $(sed -nE 's/^rust-version = "(.*)"/\1/p' Cargo.toml) or newer with rustup"
  mkdir -p "$CACHE" # where `need` leaves its log
  need cc build-essential
}

# Where cargo builds, however it was told.
target_directory() {
  cargo metadata --locked --no-deps --format-version 1 | sed -nE 's/.*"target_directory":"([^"]*)".*/\1/p'
}
