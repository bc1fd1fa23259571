# shellcheck shell=bash disable=SC2034 # variables are given to other functions by name
# A whole bed: its run directory, its servers, and running a command in it.

# ---- the run directory -----------------------------------------------------------------------

# A bed is alive as long as it holds the lock in its directory; process ids may be used again.
bed_alive() { [[ -f "$1/lock" ]] && ! flock --nonblock --shared "$1/lock" true; }

# Leaves new beds out: those have no lock yet, or are kept from us by the lock of take_run_dir.
remove_dead_beds() {
  local dir
  for dir in "$RUN_PREFIX".*; do
    if [[ -O "$dir" && -f "$dir/lock" ]] && ! bed_alive "$dir"; then rm -rf "$dir"; fi
  done
}

# take_run_dir [DIR]: sets BED_DIR to an empty directory that is locked by this process.
take_run_dir() {
  local beds_lock
  lock beds_lock "$CACHE/beds.lock"
  remove_dead_beds
  if [[ -n "${1:-}" ]]; then
    BED_DIR=$(realpath -m "$1")
    bed_alive "$BED_DIR" && die "a bed is running in $BED_DIR"
    [[ ! -f "$BED_DIR/lock" ]] || rm -rf "$BED_DIR"
    mkdir -p "$BED_DIR"
    [[ -z "$(ls -A "$BED_DIR")" ]] || die "$BED_DIR is neither empty nor left by a bed"
  else
    BED_DIR=$(mktemp -d "$RUN_PREFIX.XXXXXX")
  fi
  lock RUN_LOCK "$BED_DIR/lock"
  unlock beds_lock
  echo $$ >"$BED_DIR/pid"
  LOGS="$BED_DIR/logs"
  mkdir "$LOGS"
}

# At the end of `bed up`: nothing stays, but after a failure the logs, until the next bed starts.
leave_run_dir() {
  local status=$?
  trap '' INT TERM HUP
  kill_servers
  if ((status == 0)); then
    rm -rf "$BED_DIR"
  else
    find "$BED_DIR" -mindepth 1 -maxdepth 1 ! -name logs ! -name lock -exec rm -rf {} +
    say "the logs are in $LOGS"
  fi
}

# ---- the bed ---------------------------------------------------------------------------------

start_etcd() {
  start etcd "$(tool_dir etcd)/etcd" --data-dir "$BED_DIR/etcd" --unsafe-no-fsync \
    --listen-client-urls "$BED_ETCD_URL" --advertise-client-urls "$BED_ETCD_URL" \
    --listen-peer-urls "http://127.0.0.1:$1" --initial-advertise-peer-urls "http://127.0.0.1:$1" \
    --initial-cluster "default=http://127.0.0.1:$1"
}

# start_apiserver PORT [OPTION…]
start_apiserver() {
  local port=$1 emulated=()
  shift
  # One binary stands for older servers too, for example 1.33.
  [[ -z "${BED_KUBE_VERSION:-}" ]] || emulated=("--emulated-version=kube=$BED_KUBE_VERSION")
  start kube-apiserver "$(tool_dir kubernetes)/kube-apiserver" \
    --etcd-servers="$BED_ETCD_URL" --bind-address=127.0.0.1 --secure-port="$port" \
    --advertise-address=127.0.0.1 --endpoint-reconciler-type=none \
    --tls-cert-file="$BED_DIR/kube.crt" --tls-private-key-file="$BED_DIR/kube.key" \
    --cert-dir="$BED_DIR" \
    --token-auth-file="$BED_DIR/tokens.csv" --authorization-mode=RBAC \
    --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$BED_DIR/service-accounts.key" \
    --service-account-signing-key-file="$BED_DIR/service-accounts.key" \
    --service-cluster-ip-range=10.96.0.0/24 "${emulated[@]}" "$@"
}

# Only the controllers that make namespaces, owner references, service accounts and aggregated
# roles behave; there is no node to run anything on.
start_controller_manager() {
  local controllers=namespace-controller,garbage-collector-controller,serviceaccount-controller
  controllers+=,root-ca-certificate-publisher-controller,clusterrole-aggregation-controller
  start kube-controller-manager "$(tool_dir kubernetes)/kube-controller-manager" \
    --kubeconfig="$KUBECONFIG" --root-ca-file="$BED_KUBE_CA" \
    --service-account-private-key-file="$BED_DIR/service-accounts.key" \
    --leader-elect=false --secure-port=0 --controllers=$controllers
}

write_kubeconfig() {
  cat >"$KUBECONFIG" <<END
apiVersion: v1
kind: Config
current-context: bed
clusters:
- name: bed
  cluster: {server: "$BED_KUBE_URL", certificate-authority: "$BED_KUBE_CA"}
users:
- name: admin
  user: {token: "$BED_KUBE_TOKEN"}
contexts:
- name: bed
  context: {cluster: bed, user: admin, namespace: default}
END
}

# Its appearance is the sign that the bed is ready, so it comes at once and as the last thing.
write_env() {
  local name
  for name in BED_DIR KUBECONFIG BED_ETCD_URL BED_KUBE_URL BED_KUBE_CA BED_KUBE_TOKEN BED_KEYCLOAK_URL \
    BED_KEYCLOAK_HTTPS_URL BED_KEYCLOAK_CA BED_KEYCLOAK_MANAGEMENT_URL BED_KEYCLOAK_VERSION \
    BED_KEYCLOAK_ADMIN_USERNAME BED_KEYCLOAK_ADMIN_PASSWORD BED_KEYCLOAK_ADMIN_CLIENT_ID \
    BED_KEYCLOAK_ADMIN_CLIENT_SECRET BED_KUBECTL BED_HELM; do
    printf "export %s='%s'\n" "$name" "${!name//\'/\'\\\'\'}"
  done >"$BED_DIR/env.new"
  mv "$BED_DIR/env.new" "$BED_DIR/env"
}

kube_get() { curl -sf --cacert "$BED_KUBE_CA" -H "Authorization: Bearer $BED_KUBE_TOKEN" "$BED_KUBE_URL$1"; }

# The controllers work once they have made what every namespace gets.
controllers_work() {
  kube_get /api/v1/namespaces/default/serviceaccounts/default &&
    kube_get /api/v1/namespaces/default/configmaps/kube-root-ca.crt
}

use_database() {
  [[ "$BED_DATABASE" == postgres ]] || die "BED_DATABASE is '$BED_DATABASE'; there is postgres"
  need_postgres
  cmd_tools keycloak-postgres
}

cmd_up() {
  local dir='' ports server OPTIONS=()
  while (($# > 0)); do
    case $1 in
      --until-stdin-closes) UNTIL_STDIN_CLOSES=1 ;;
      -*) die "up: unknown option $1" ;;
      *) dir=$1 ;;
    esac
    shift
  done
  cmd_tools
  [[ -z "${BED_DATABASE:-}" ]] || use_database
  STARTED=$(now_ms)
  take_run_dir "$dir"
  trap leave_run_dir EXIT
  trap 'exit 0' INT TERM HUP

  mapfile -t ports < <(free_ports 7)
  BED_ETCD_URL="http://127.0.0.1:${ports[0]}"
  BED_KUBE_URL="https://127.0.0.1:${ports[2]}"
  BED_KUBE_CA="$BED_DIR/kube-ca.crt"
  BED_KUBE_TOKEN=$(openssl rand -hex 16)
  KUBECONFIG="$BED_DIR/kubeconfig"
  BED_KEYCLOAK_URL="http://127.0.0.1:${ports[3]}"
  BED_KEYCLOAK_HTTPS_URL="https://127.0.0.1:${ports[4]}"
  BED_KEYCLOAK_MANAGEMENT_URL="http://127.0.0.1:${ports[5]}"
  BED_KEYCLOAK_CA="$BED_DIR/keycloak-ca.crt"
  BED_KEYCLOAK_VERSION=$KEYCLOAK_VERSION
  BED_KEYCLOAK_ADMIN_USERNAME=$KEYCLOAK_ADMIN
  BED_KEYCLOAK_ADMIN_PASSWORD=$KEYCLOAK_ADMIN_PASSWORD
  BED_KEYCLOAK_ADMIN_CLIENT_ID=$KEYCLOAK_ADMIN_CLIENT
  BED_KEYCLOAK_ADMIN_CLIENT_SECRET=$KEYCLOAK_ADMIN_CLIENT_SECRET
  BED_KUBECTL=$(client kubectl)
  BED_HELM=$(client helm)

  certificates "$BED_DIR" keycloak
  server="$(tool_dir "keycloak${BED_DATABASE:+-$BED_DATABASE}")/server"
  if [[ -n "${BED_DATABASE:-}" ]]; then
    start_postgres "${ports[6]}"
    postgres_options "${ports[6]}"
  fi
  keycloak_home "$server" "$BED_DIR/keycloak"
  keycloak_command "$server" "$BED_DIR/keycloak" "${ports[3]}" "${ports[5]}" \
    "--https-port=${ports[4]}" "--https-certificate-file=$BED_DIR/keycloak.crt" \
    "--https-certificate-key-file=$BED_DIR/keycloak.key" "${OPTIONS[@]}"
  start keycloak "${COMMAND[@]}" # first, it takes longest
  start_etcd "${ports[1]}"

  certificates "$BED_DIR" kube
  openssl genrsa -out "$BED_DIR/service-accounts.key" 2048 2>/dev/null
  printf '%s,admin,admin,"system:masters"\n' "$BED_KUBE_TOKEN" >"$BED_DIR/tokens.csv"
  write_kubeconfig
  ready etcd 30 curl -sf "$BED_ETCD_URL/health"
  start_apiserver "${ports[2]}"
  ready kube-apiserver 90 kube_get /readyz
  start_controller_manager
  ready kube-controller-manager 60 controllers_work
  ready keycloak 180 curl -sf "$BED_KEYCLOAK_MANAGEMENT_URL/health/ready"

  write_env
  say "ready after $(since "$STARTED"); ends with Ctrl-C. In another shell:"
  printf '. %s/env\n' "$BED_DIR"
  watch_servers
}

cmd_apiserver() {
  local port='' options=()
  while (($# > 0)); do
    case $1 in
      --port) port=$2; shift 2 ;;
      --etcd-prefix) options=("--etcd-prefix=$2"); shift 2 ;;
      --until-stdin-closes) UNTIL_STDIN_CLOSES=1; shift ;;
      *) die "apiserver: unknown option $1" ;;
    esac
  done
  [[ -n "$port" && -n "${BED_DIR:-}" ]] || die "usage: BED_DIR=… bed apiserver --port PORT"
  # shellcheck source=/dev/null
  source "$BED_DIR/env"
  trap 'stop_gently kube-apiserver 30' EXIT
  trap 'exit 0' INT TERM HUP
  # Our parent as a process: a death signal would already come when the thread that started us ends.
  UNTIL_PROCESS=$PPID
  start_apiserver "$port" "${options[@]}"
  watch_servers
}

cmd_run() {
  local dir up
  [[ "${1:-}" != -- ]] || shift
  (($# > 0)) || die "usage: bed run [--] COMMAND…"
  if [[ -n "${BED_DIR:-}" && -f "${BED_DIR:-}/env" ]] && bed_alive "$BED_DIR"; then
    dir=$BED_DIR
  else
    need_runtime
    dir=$(mktemp -d "$RUN_PREFIX.XXXXXX")
    # Its SIGTERM, should we be killed, lets the bed clean up.
    setpriv --pdeathsig TERM -- "$BED_SOURCE/bed" up "$dir" >/dev/null </dev/null &
    up=$!
    # shellcheck disable=SC2064 # this bed
    trap "kill -TERM $up 2>/dev/null || true; wait $up || true; rmdir '$dir' 2>/dev/null || true" EXIT
    trap 'exit 130' INT TERM HUP
    until [[ -f "$dir/env" ]]; do
      kill -0 "$up" 2>/dev/null || die "the bed did not start"
      sleep 0.1
    done
    # From here on the command decides what a signal means; the bed ends after it.
    trap : INT TERM HUP
  fi
  # shellcheck source=/dev/null
  source "$dir/env"
  PATH="$PATH:$(dirname "$BED_KUBECTL"):$(dirname "$BED_HELM")"
  (tied "$@")
}
