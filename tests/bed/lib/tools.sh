# shellcheck shell=bash disable=SC2034 # variables are given to other functions by name
# Building and fetching the programs of the bed into the cache.
#
# Each tool is a directory $CACHE/NAME-VERSION. It is made under a temporary name and then moved,
# so that an interrupted build is never taken for a finished one.

TOOLS=(kubernetes etcd keycloak kubectl helm)

tool_version() {
  case $1 in
    kubernetes | kubectl) echo "$KUBERNETES_VERSION" ;;
    etcd) echo "$ETCD_VERSION" ;;
    helm) echo "$HELM_VERSION" ;;
    keycloak | keycloak-postgres) echo "$KEYCLOAK_VERSION" ;;
    *) die "there is no tool '$1'; there are: ${TOOLS[*]}" ;;
  esac
}

tool_dir() { echo "$CACHE/$1-$(tool_version "$1")"; }

# client NAME: the path of kubectl or helm, the one on PATH before our own.
client() { command -v "$1" || echo "$(tool_dir "$1")/$1"; }

tool_present() {
  case $1 in
    kubectl | helm) [[ -x "$(client "$1")" ]] ;;
    *) [[ -d "$(tool_dir "$1")" ]] ;;
  esac
}

# ---- what must be on the machine -------------------------------------------------------------

# need PROGRAM PACKAGE: PACKAGE is the Debian package; root on Debian gets it installed.
need() {
  command -v "$1" >/dev/null && return
  if ((EUID == 0)) && command -v apt-get >/dev/null; then
    say "$1 is missing, installing the package $2"
    if { apt-get update && DEBIAN_FRONTEND=noninteractive \
      apt-get install -y --no-install-recommends "$2"; } >"$CACHE/apt.log" 2>&1; then return; fi
    tail -n 30 "$CACHE/apt.log" >&2
  fi
  die "$1 is missing: apt-get install $2"
}

java_major() { java -version 2>&1 | sed -nE 's/.* version "([0-9]+).*/\1/p'; }

need_java() {
  need java default-jre-headless
  local major
  major=$(java_major)
  ((${major:-0} >= 17)) ||
    die "java is ${major:-of an unknown version}, Keycloak needs 17 or newer: apt-get install default-jre-headless"
}

need_go() {
  command -v go >/dev/null ||
    die "go is missing: install Go $(sed -n 's/^go //p' "$BED_SOURCE/go/kubernetes/go.mod") or newer (a distribution's package or the archive of the Go project) and put it on PATH"
}

# What running takes; what building takes is asked for by the builds.
need_runtime() {
  mkdir -p "$CACHE"
  need setpriv util-linux
  need flock util-linux
  need curl curl
  need openssl openssl
  need_java
}

# ---- builds: each fills the directory $1 -----------------------------------------------------

# go_build MODULE LDFLAGS OUT PACKAGE…: the versions are those of go/MODULE/go.mod and go.sum.
go_build() {
  local module=$1 ldflags=$2 out=$3
  shift 3
  (cd "$BED_SOURCE/go/$module" && CGO_ENABLED=0 tied \
    go build -buildvcs=false -trimpath -ldflags "-s -w $ldflags" -o "$out/" "$@")
}

# Without these the server calls itself v0.0.0-master, on which kubectl and helm choke.
kubernetes_ldflags() {
  local variable=k8s.io/component-base/version major minor _
  IFS=. read -r major minor _ <<<"$KUBERNETES_VERSION"
  echo "-X $variable.gitVersion=v$KUBERNETES_VERSION -X $variable.gitMajor=$major -X $variable.gitMinor=$minor"
}

build_kubernetes() {
  go_build kubernetes "$(kubernetes_ldflags)" "$1" \
    k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager
}

build_kubectl() { go_build kubernetes "$(kubernetes_ldflags)" "$1" k8s.io/kubernetes/cmd/kubectl; }

build_etcd() {
  go_build etcd "" "$1" go.etcd.io/etcd/server/v3
  mv "$1/server" "$1/etcd" # go names a program after the last part of its path
}

build_helm() {
  go_build helm "-X helm.sh/helm/v4/internal/version.version=v$HELM_VERSION" "$1" \
    helm.sh/helm/v4/cmd/helm
}

# Fetches Keycloak and does once what every first start would do again: the build of the server
# (some 15 s) and the making of the database with the master realm and its administrators.
build_keycloak() {
  local out=$1 port management archive="keycloak-quarkus-dist-$KEYCLOAK_VERSION.tar.gz"
  (cd "$out" && tied mvn -B -C \
    "org.apache.maven.plugins:maven-dependency-plugin:$MAVEN_DEPENDENCY_PLUGIN_VERSION:copy" \
    "-Dartifact=org.keycloak:keycloak-quarkus-dist:$KEYCLOAK_VERSION:tar.gz" \
    "-DoutputDirectory=$out")
  tar -xzf "$out/$archive" -C "$out"
  mv "$out/keycloak-$KEYCLOAK_VERSION" "$out/server"
  rm "$out/$archive"

  # The quick compiler alone is faster for runs this short.
  export JAVA_OPTS_APPEND=-XX:TieredStopAtLevel=1
  (tied env "JAVA=$BED_SOURCE/lib/java-tied" "$out/server/bin/kc.sh" build \
    --db=dev-file --health-enabled=true --metrics-enabled=true)

  { read -r port; read -r management; } < <(free_ports 2)
  keycloak_home "$out/server" "$out/first-start"
  keycloak_command "$out/server" "$out/first-start" "$port" "$management"
  tied setsid env \
    "KC_BOOTSTRAP_ADMIN_USERNAME=$KEYCLOAK_ADMIN" \
    "KC_BOOTSTRAP_ADMIN_PASSWORD=$KEYCLOAK_ADMIN_PASSWORD" \
    "KC_BOOTSTRAP_ADMIN_CLIENT_ID=$KEYCLOAK_ADMIN_CLIENT" \
    "KC_BOOTSTRAP_ADMIN_CLIENT_SECRET=$KEYCLOAK_ADMIN_CLIENT_SECRET" \
    "${COMMAND[@]}" &
  wait_ready keycloak $! 300 curl -sf "http://127.0.0.1:$management/health/ready"
  kill -TERM $!
  wait $! || true # 143, the signal
  mv "$out/first-start/data" "$out/data"
  rm -r "$out/first-start"
}

# ---- the command -----------------------------------------------------------------------------

# make_tool NAME: builds it in a process of its own, shows that it is alive, moves it into place.
make_tool() {
  local name=$1 dir log out pid start=$SECONDS shown=0 build_lock
  dir=$(tool_dir "$name")
  log="$dir.log"
  case $name in
    keycloak) need mvn maven ;;
    keycloak-postgres) ;;
    *) need_go ;;
  esac
  lock build_lock "$dir.lock"
  if [[ -d "$dir" ]]; then # made by another bed while we waited for the lock
    unlock build_lock
    return
  fi
  rm -rf "$dir".new.*
  out=$(mktemp -d "$dir.new.XXXXXX")

  say "$name $(tool_version "$name") is missing, making it (log: $log)"
  tied "$BED_SOURCE/bed" build-tool "$name" "$out" >"$log" 2>&1 </dev/null &
  pid=$!
  # shellcheck disable=SC2064 # this build, not a later one
  trap "kill -KILL $pid 2>/dev/null; exit 130" INT TERM HUP
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.5
    if ((SECONDS - start >= shown + 10)); then
      shown=$((SECONDS - start))
      say "  $name: $shown s"
    fi
  done
  trap - INT TERM HUP
  if ! wait "$pid"; then
    tail -n 30 "$log" >&2
    rm -rf "$out"
    die "making $name $(tool_version "$name") failed after $((SECONDS - start)) s, the whole log is $log"
  fi
  mv "$out" "$dir"
  say "$name $(tool_version "$name") made in $((SECONDS - start)) s"
  unlock build_lock
}

cmd_tools() {
  local name
  need_runtime
  (($# > 0)) || set -- "${TOOLS[@]}"
  for name in "$@"; do
    tool_version "$name" >/dev/null
    tool_present "$name" || make_tool "$name"
  done
}

# ---- changing a version ----------------------------------------------------------------------

# block KEYWORD: the lines it reads as a block of go.mod, nothing if there are none.
block() {
  local lines
  lines=$(cat)
  [[ -z "$lines" ]] || printf '%s (\n%s\n)\n\n' "$1" "$lines"
}

# write_module NAME MODULE VERSION PACKAGE…: a module whose only purpose is to pin and build those.
write_module() {
  local name=$1 module=$2 version=$3 upstream
  shift 3
  upstream=$(cd / && go mod download -json "$module@v$version" | sed -nE 's/.*"GoMod": "(.*)".*/\1/p')
  {
    printf '// Pins %s for the test bed. Written by "bed update-modules".\n' "$name"
    printf 'module bed/%s\n\n' "$name"
    grep -E '^(go|godebug) ' "$upstream"
    printf '\t%s\n' "$@" | block tool
    printf '\t%s\n' "$module v$version" | block require
    # Kubernetes names its own parts v0.0.0, which exist only as v0.MINOR.PATCH.
    sed -nE "s/^\t(k8s\.io\/[a-z0-9-]+) v0\.0\.0( .*)?\$/\t\1 => \1 v0.${version#*.}/p" "$upstream" |
      block replace
  } >"$BED_SOURCE/go/$name/go.mod"
  rm -f "$BED_SOURCE/go/$name/go.sum"
  (cd "$BED_SOURCE/go/$name" && go mod tidy)
}

cmd_update_modules() {
  local kubernetes=k8s.io/kubernetes
  need_go
  write_module kubernetes $kubernetes "$KUBERNETES_VERSION" \
    $kubernetes/cmd/kube-apiserver $kubernetes/cmd/kube-controller-manager $kubernetes/cmd/kubectl
  write_module etcd go.etcd.io/etcd/server/v3 "$ETCD_VERSION" go.etcd.io/etcd/server/v3
  write_module helm helm.sh/helm/v4 "$HELM_VERSION" helm.sh/helm/v4/cmd/helm
}
