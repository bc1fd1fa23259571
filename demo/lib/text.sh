# shellcheck shell=bash disable=SC2034 # the colours are used elsewhere too
# How the scripts talk to people: headlines with the time gone by, colours on a terminal alone.
# Takes now_ms and since of tests/bed/lib/common.sh.

# When the whole began, for the scripts that this one starts too.
export RUN_STARTED=${RUN_STARTED:-$(now_ms)}

if [[ -t 1 && -z "${NO_COLOR:-}" ]]; then
  BOLD=$'\e[1m' FAINT=$'\e[2m' GREEN=$'\e[32m' RED=$'\e[31m' PLAIN=$'\e[0m'
else
  BOLD='' FAINT='' GREEN='' RED='' PLAIN=''
fi

headline() { printf '\n%s== %s  (at %s)%s\n' "$BOLD" "$1" "$(since "$RUN_STARTED")" "$PLAIN"; }
note() { printf '%s   %s%s\n' "$FAINT" "$1" "$PLAIN"; }
failure() { printf '\n%s%s%s\n' "$RED" "$1" "$PLAIN" >&2; }
give_up() {
  failure "$1"
  exit 1
}
