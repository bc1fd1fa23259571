# shellcheck shell=bash disable=SC2034 # variables are given to other functions by name
# PostgreSQL for Keycloak, where BED_DATABASE asks for it: for figures rather than for tests.

# postgres_program NAME: its path; Debian keeps them apart from the others.
postgres_program() {
  local found
  found=$(find /usr/lib/postgresql -path "*/bin/$1" 2>/dev/null | sort -V | tail -n 1)
  echo "${found:-$(command -v "$1")}"
}

need_postgres() {
  [[ -n "$(postgres_program initdb)" ]] || need initdb postgresql
  [[ -n "$(postgres_program initdb)" ]] || die "initdb is missing: apt-get install postgresql"
}

# It refuses to work for root, and a change of user unties a process, so that it is tied after that.
as_postgres() {
  local user=()
  ((EUID != 0)) || user=(--reuid=postgres --regid=postgres --init-groups)
  exec setpriv "${user[@]}" --pdeathsig KILL -- "$@"
}

# build_keycloak-postgres DIR: the same server, built for the other database.
build_keycloak-postgres() {
  cp -r "$(tool_dir keycloak)/server" "$1/server"
  (tied env "JAVA=$BED_SOURCE/lib/java-tied" "$1/server/bin/kc.sh" build \
    --db=postgres --health-enabled=true --metrics-enabled=true)
}

# start_postgres PORT: an empty database for Keycloak. As little as etcd does it wait for the disk.
start_postgres() {
  local port=$1 data="$BED_DIR/postgres" initdb
  initdb=$(postgres_program initdb)
  mkdir "$data"
  if ((EUID == 0)); then
    chmod o+x "$BED_DIR"
    chown postgres: "$data"
  fi
  (as_postgres "$initdb" --pgdata="$data" --username=keycloak --auth=trust --encoding=UTF8 --locale=C) \
    >"$LOGS/initdb.log" 2>&1
  export -f as_postgres
  start postgres bash -c 'as_postgres "$@"' as_postgres "$(postgres_program postgres)" -D "$data" -p "$port" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c synchronous_commit=off \
    -c full_page_writes=off -c shared_buffers=256MB -c max_connections=200
  ready postgres 30 "$(postgres_program pg_isready)" --host=127.0.0.1 --port="$port"
}

# What Keycloak is told of it; the administrators are made at its start.
postgres_options() {
  OPTIONS=("--db-url=jdbc:postgresql://127.0.0.1:$1/postgres" --db-username=keycloak --db-password=none)
  export KC_BOOTSTRAP_ADMIN_USERNAME=$KEYCLOAK_ADMIN KC_BOOTSTRAP_ADMIN_PASSWORD=$KEYCLOAK_ADMIN_PASSWORD
  export KC_BOOTSTRAP_ADMIN_CLIENT_ID=$KEYCLOAK_ADMIN_CLIENT
  export KC_BOOTSTRAP_ADMIN_CLIENT_SECRET=$KEYCLOAK_ADMIN_CLIENT_SECRET
}
