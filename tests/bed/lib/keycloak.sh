# shellcheck shell=bash disable=SC2034 # variables are given to other functions by name
# Keycloak: its certificates, and an instance of its own beside a bed.

# Made once, when Keycloak is built into the cache (see build_keycloak).
KEYCLOAK_ADMIN='admin'
KEYCLOAK_ADMIN_PASSWORD='admin'
KEYCLOAK_ADMIN_CLIENT=bootstrap
KEYCLOAK_ADMIN_CLIENT_SECRET=bootstrap-secret

# ---- certificates ----------------------------------------------------------------------------

# certificate FILE NAME EXTENSIONS [OPENSSL ARGUMENT…]: writes FILE.crt and FILE.key.
certificate() {
  local file=$1 name=$2 extensions=$3
  shift 3
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
    -keyout "$file.key" -out "$file.crt" "$@" -config <(
      printf '[req]\nprompt=no\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\nCN=%s\n[ext]\n%b\n' \
        "$name" "$extensions"
    ) 2>/dev/null
}

# certificates DIR NAME: an authority DIR/NAME-ca.crt, and DIR/NAME.crt and .key issued by it.
certificates() {
  local file="$1/$2"
  certificate "$file-ca" "$2 test authority" \
    'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash'
  certificate "$file" "$2" \
    'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid' \
    -CA "$file-ca.crt" -CAkey "$file-ca.key"
}

# ---- the server ------------------------------------------------------------------------------

# keycloak_home SERVER HOME: a home of its own for one instance. It shares the read-only parts with
# all others; a new one gets the database that was made with SERVER.
keycloak_home() {
  local server=$1 home=$2 part
  mkdir -p "$home"
  for part in bin conf lib providers themes version.txt; do
    ln -sfn "$server/$part" "$home/$part"
  done
  if [[ ! -d "$home/data" && -d "$server/../data" ]]; then
    cp -r "$server/../data" "$home/data.new"
    mv "$home/data.new" "$home/data"
  fi
}

# keycloak_command SERVER HOME PORT MANAGEMENT_PORT [OPTION…]: sets COMMAND.
# The server was built in advance, which start-dev cannot make use of; the options make `start` as
# open as start-dev is. BED_KEYCLOAK_ARGS takes further ones, such as --http-access-log-enabled=true.
keycloak_command() {
  local server=$1 home=$2 port=$3 management=$4 more
  shift 4
  read -ra more <<<"${BED_KEYCLOAK_ARGS:-}"
  COMMAND=(
    env "JAVA=$BED_SOURCE/lib/java-tied"
    "JAVA_OPTS_KC_HEAP=${JAVA_OPTS_KC_HEAP:--Xms64m -Xmx768m}"
    "$server/bin/kc.sh" start --optimized "-Dkc.home.dir=$home"
    --cache=local --hostname-strict=false
    --http-enabled=true --http-host=127.0.0.1 "--http-port=$port"
    "--http-management-port=$management" --http-management-scheme=http
    "$@" "${more[@]}"
  )
}

cmd_keycloak() {
  local port='' https_port='' management='' dir='' server options=()
  while (($# > 0)); do
    case $1 in
      --port) port=$2; shift 2 ;;
      --https-port) https_port=$2; shift 2 ;;
      --management-port) management=$2; shift 2 ;;
      --until-stdin-closes) UNTIL_STDIN_CLOSES=1; shift ;;
      -*) die "keycloak: unknown option $1" ;;
      *) dir=$(realpath -m "$1"); shift ;;
    esac
  done
  [[ -n "$port" && -n "$dir" ]] || die "usage: bed keycloak --port PORT DIR"
  cmd_tools keycloak
  server="$(tool_dir keycloak)/server"
  keycloak_home "$server" "$dir"
  if [[ -n "$https_port" ]]; then
    [[ -f "$dir/keycloak.crt" ]] || certificates "$dir" keycloak
    options=("--https-port=$https_port" "--https-certificate-file=$dir/keycloak.crt"
      "--https-certificate-key-file=$dir/keycloak.key")
  fi
  keycloak_command "$server" "$dir" "$port" "${management:-$(free_ports 1)}" "${options[@]}"
  trap 'stop_gently keycloak 30' EXIT
  trap 'exit 0' INT TERM HUP
  # Our parent as a process: a death signal would already come when the thread that started us ends.
  UNTIL_PROCESS=$PPID
  start keycloak "${COMMAND[@]}"
  watch_servers
}
