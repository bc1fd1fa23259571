# shellcheck shell=bash disable=SC2034 # variables are given to other functions by name
# Paths, messages, locks and ports: what every other part of the bed uses.

# shellcheck source-path=SCRIPTDIR source=../versions.env
source "$BED_SOURCE/versions.env"
KEYCLOAK_VERSION=${BED_KEYCLOAK_VERSION:-$KEYCLOAK_VERSION}

# Built and fetched programs; never inside the checkout.
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/keycloak-user-operator/bed"
# Every run directory lives here under this name, so that those of dead beds can be found.
RUN_PREFIX="${TMPDIR:-/tmp}/kuo-bed"

say() { printf 'bed: %s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Runs a command that is killed by the kernel when this script dies, however it dies.
# The setting survives exec but not fork: what forks again needs its own (see java-tied).
tied() { exec setpriv --pdeathsig KILL -- "$@"; }

# lock VARIABLE FILE: holds FILE's lock until `unlock VARIABLE`, or until the process is gone.
lock() {
  local fd
  exec {fd}>"$2"
  flock "$fd"
  printf -v "$1" %s "$fd"
}
unlock() {
  local fd=${!1}
  exec {fd}>&-
}

now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo "${t%???}"; }
# since MS: the seconds since then, with one decimal.
since() {
  local ms=$(($(now_ms) - $1))
  echo "$((ms / 1000)).$((ms % 1000 / 100)) s"
}

# in_use PORT: something on loopback accepts connections there.
in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_ports COUNT: prints free ports, one a line. They lie below the range the kernel hands out
# for outgoing connections, and each is reserved for two minutes (a file named after it), so that
# two callers do not get the same one before either listens on it.
free_ports() {
  local count=$1 port reserved="$CACHE/ports" ports_lock
  mkdir -p "$reserved"
  lock ports_lock "$CACHE/ports.lock"
  find "$reserved" -type f -mmin +2 -delete
  while ((count > 0)); do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    if [[ -e "$reserved/$port" ]] || in_use "$port"; then continue; fi
    : >"$reserved/$port"
    echo "$port"
    count=$((count - 1))
  done
  unlock ports_lock
}
