# shellcheck shell=bash disable=SC2034 # OUTPUT is used by the acts
# What the demo shows it also checks: the first thing that is not as promised ends it.

# Where the logs go when it fails; the bed takes its own with it.
KEPT_LOGS="$TARGET/demo-logs"

OUTPUT='' # what the last command printed

# show COMMAND: as a person would type it, with its output. It must end well.
show() {
  printf '%s$ %s%s\n' "$BOLD" "$1" "$PLAIN"
  local status=0
  OUTPUT=$(eval "$1" 2>&1) || status=$?
  [[ -z "$OUTPUT" ]] || printf '%s\n' "$OUTPUT"
  ((status == 0)) || broken "$1" "the command ends well" "it ended with status $status"
}

# expect WHAT EXPECTED SEEN
expect() {
  [[ "$3" == "$2" ]] || broken "$1" "$2" "$3"
  printf '%s   ok: %s%s\n' "$GREEN" "$1" "$PLAIN"
}

# expect_output WHAT TEXT: the last command printed TEXT somewhere.
expect_output() {
  [[ "$OUTPUT" == *"$2"* ]] || broken "$1" "$2" "$OUTPUT"
  printf '%s   ok: %s%s\n' "$GREEN" "$1" "$PLAIN"
}

# await WHAT EXPECTED SECONDS COMMAND…: polls until the command prints that.
await() {
  local what=$1 expected=$2 seconds=$3 begin seen=''
  begin=$(now_ms)
  shift 3
  until seen=$("$@" 2>&1) && [[ "$seen" == "$expected" ]]; do
    (($(now_ms) - begin < seconds * 1000)) || broken "$what, within $seconds s" "$expected" "$seen"
    sleep 0.1
  done
  printf '%s   ok: %s, after %s%s\n' "$GREEN" "$what" "$(since "$begin")" "$PLAIN"
}

# broken WHAT EXPECTED SEEN
broken() {
  rm -rf "$KEPT_LOGS"
  mkdir -p "$KEPT_LOGS"
  cp "$BED_DIR"/logs/*.log "$KEPT_LOGS/"
  failure "not as promised: $1
  expected: $2
  seen:     $3
  logs:     $KEPT_LOGS"
  exit 1
}
