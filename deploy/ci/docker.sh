# Sourced: makes sure of a Docker engine with the compose plugin where that can
# be done (root on Debian); says so where it cannot. stop_docker stops an engine
# that was started here.
docker_pid=""
stop_docker() {
  [ -n "$docker_pid" ] || return 0
  { kill "$docker_pid" && wait "$docker_pid"; } 2>/dev/null || true
  rm -rf "$docker_data"
}

start_docker() {
  [ "$(id -u)" = 0 ] || docker info >/dev/null 2>&1 || return 1
  if ! command -v dockerd >/dev/null; then
    command -v apt-get >/dev/null || return 1
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq docker.io iptables; } >/dev/null 2>&1 || return 1
  fi
  if ! docker info >/dev/null 2>&1; then
    # a folder of its own: an engine that was cut off may have left the usual one unusable
    docker_data=$(mktemp -d /var/lib/propersim-docker.XXXXXX) || return 1
    dockerd --data-root "$docker_data" >/tmp/propersim-dockerd.log 2>&1 &
    docker_pid=$!
    local i
    for i in $(seq 30); do docker info >/dev/null 2>&1 && break; sleep 1; done
    docker info >/dev/null 2>&1 || return 1
  fi
  docker compose version >/dev/null 2>&1 && return 0
  # built from source: a Go module is all that is needed
  local plugins=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins scratch
  scratch=$(mktemp -d)
  (
    cd "$scratch" && printf 'module scratch\n\ngo 1.26\n' >go.mod && export GOWORK=off GOFLAGS=-buildvcs=false &&
      go get github.com/docker/compose/v2/cmd@v2.40.3 && mkdir -p "$plugins" &&
      go build -o "$plugins/docker-compose" github.com/docker/compose/v2/cmd
  ) >/dev/null 2>&1
  rm -rf "$scratch"
  docker compose version >/dev/null 2>&1
}
if start_docker; then
  echo "Docker engine $(docker version --format '{{.Server.Version}}'), compose $(docker compose version --short)"
else
  echo "no Docker engine with compose to be had: the constellation is not tested"
fi
