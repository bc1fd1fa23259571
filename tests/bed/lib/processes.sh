# shellcheck shell=bash disable=SC2034 # variables are given to other functions by name
# Starting, watching and stopping processes.

declare -A SERVERS=() # name to process id, which is also the id of the process group
LOGS=                 # the directory of the servers' logs; empty: they write where we write

# start NAME COMMAND…: in the background, with a session of its own, so that Ctrl-C in a terminal
# reaches the bed alone, which then stops its servers.
start() {
  local name=$1
  shift
  if [[ -n "$LOGS" ]]; then
    tied setsid "$@" >"$LOGS/$name.log" 2>&1 </dev/null {RUN_LOCK}>&- &
  else
    tied setsid "$@" </dev/null &
  fi
  SERVERS[$name]=$!
}

# wait_ready NAME PID SECONDS CONDITION…: polls the condition until it holds.
wait_ready() {
  local name=$1 pid=$2 seconds=$3 begin
  begin=$(now_ms)
  shift 3
  until "$@" >/dev/null 2>&1; do
    kill -0 "$pid" 2>/dev/null || server_failed "$name" "ended while it started"
    (($(now_ms) - begin < seconds * 1000)) || server_failed "$name" "is not ready after $seconds s"
    sleep 0.1
  done
}

# ready NAME SECONDS CONDITION…: the same for a server of ours, with a line of progress.
ready() {
  local name=$1 seconds=$2
  shift 2
  wait_ready "$name" "${SERVERS[$name]}" "$seconds" "$@"
  say "$name is ready after $(since "$STARTED")"
}

server_failed() {
  [[ -z "$LOGS" ]] || tail -n 30 "$LOGS/$1.log" >&2
  die "$1 $2"
}

# kill_servers: at once; their data is thrown away with them.
kill_servers() {
  local pid
  for pid in "${SERVERS[@]}"; do
    kill -KILL -- "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
  done
  for pid in "${SERVERS[@]}"; do
    wait "$pid" 2>/dev/null || true # without the shell's remark on the killed
    while kill -0 -- "-$pid" 2>/dev/null; do sleep 0.05; done
  done
}

# stop_gently NAME SECONDS: SIGTERM, and SIGKILL for what does not end in time.
stop_gently() {
  local pid=${SERVERS[$1]} deadline=$((SECONDS + $2))
  kill -TERM "$pid" 2>/dev/null || true
  while kill -0 -- "-$pid" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.1; done
  kill_servers
}

# watch_servers COMMAND…: returns when a watcher ends, fails when a server does. Watchers:
# UNTIL_STDIN_CLOSES=1 (the caller holds the other end of a pipe), UNTIL_PROCESS=PID.
watch_servers() {
  local watchers=() ended name
  if [[ -n "${UNTIL_STDIN_CLOSES:-}" ]]; then
    tied cat <&0 >/dev/null &
    watchers+=($!)
  fi
  if [[ -n "${UNTIL_PROCESS:-}" ]]; then
    tied tail --pid="$UNTIL_PROCESS" -s 0.5 -f /dev/null &
    watchers+=($!)
  fi
  wait -n -p ended "${SERVERS[@]}" "${watchers[@]}" || true
  for name in "${!SERVERS[@]}"; do
    [[ "${SERVERS[$name]}" != "$ended" ]] || server_failed "$name" "ended by itself"
  done
}
