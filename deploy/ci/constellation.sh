# Sourced: a constellation of its own on a Docker engine, from a binary built
# outside, taken down at the end whatever happens. Without an engine it says so
# and ends the script as skipped. NAME names the script in what is printed. With
# INDEX=qdrant the container "qdrant" runs Qdrant's engine from this machine's
# Python, where PROPERSIM_TEST_QDRANT_ENGINE names one; else the index is embedded.
if ! docker info >/dev/null 2>&1 || ! docker compose version >/dev/null 2>&1; then
  echo "$NAME: SKIPPED: no Docker engine with the compose plugin here"
  exit 0
fi
# a name of its own: two of them on one engine leave each other alone
export COMPOSE_PROJECT_NAME=propersim-test-$$ COMPOSE_FILE=docker-compose.yml:compose.test.yml COMPOSE_PROFILES=
export PSIM_IMAGE=propersim:test-$$ PSIM_BUILD_TARGET=prebuilt
for service in ENVIRONMENT USER ASSISTANT RETRIEVAL BUFFER TRAINER; do
  export "PSIM_${service}_PORT=0" # any free one
done
engine=
if [ "${INDEX:-}" = qdrant ] && [ -n "${PROPERSIM_TEST_QDRANT_ENGINE:-}" ]; then
  engine=$PROPERSIM_TEST_QDRANT_ENGINE
  export COMPOSE_FILE=docker-compose.yml:deploy/ci/compose.engine.yml ENGINE_PYTHON=$engine
  ENGINE_VENV=$("$engine" -c 'import sys; print(sys.prefix)')
  ENGINE_BASE=$("$engine" -c 'import sys; print(sys.base_prefix)')
  ENGINE_PROTOS=$(go list -m -f '{{.Dir}}' github.com/qdrant/go-client)/internal/proto
  export ENGINE_VENV ENGINE_BASE ENGINE_PROTOS
fi
work=$(mktemp -d)
fail() { echo "$NAME: $*" >&2; docker compose logs --tail 20 >&2 || true; exit 1; }
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "failed: $*"; }; }
# outside is the program on this machine, which knows nothing of the variables above.
outside() { env -i PATH="$PATH" HOME="$HOME" dist/propersim "$@"; }
finish() {
  docker rm -f "$COMPOSE_PROJECT_NAME-third" >/dev/null 2>&1 || true
  docker compose --profile '*' down -v --timeout 5 >/dev/null 2>&1 || true
  docker rmi "$PSIM_IMAGE" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

mkdir -p dist
CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o dist/propersim ./cmd/propersim
DOCKER_BUILDKIT=0 quietly docker build -q -f deploy/docker/Dockerfile --target prebuilt -t "$PSIM_IMAGE" .

# ended waits for the simulation's container, shows how it ended, and wants success.
ended() {
  local simulation code
  simulation=$(docker compose ps -aq simulation)
  code=$(timeout 900 docker wait "$simulation") || fail "the simulation does not end"
  docker logs "$simulation" 2>&1 | tail -12
  [ "$code" = 0 ] || fail "the simulation ended with code $code"
}
# figures copies the metrics.json of a result in the volume "results".
figures() { quietly docker cp "$(docker compose ps -aq simulation)":/data/"$1"/metrics.json "$2"; }
# same_hashes shows the hashes of two metrics.json, which must be the same.
same_hashes() {
  local of
  for of in "$@"; do grep -oE '"final_hash": *"[0-9a-f]+"' "$of" >"$of.hashes"; done
  diff "$1.hashes" "$2.hashes" || fail "the hashes differ"
  echo "the same hashes as in one process:"
  cat "$1.hashes"
}

# steps prints the committed steps of all runs, 0 while the environment is away.
steps() {
  docker compose exec -T environment /propersim runs ls --address 127.0.0.1:7070 --json 2>/dev/null |
    grep -oE '"steps": *[0-9]+' | awk '{ sum += $2 } END { print sum + 0 }' || true
}
# reach waits until so many steps are committed, for at most two minutes.
reach() {
  local until=$((SECONDS + 120))
  while now=$(steps); [ "${now:-0}" -lt "$1" ]; do
    [ $SECONDS -lt $until ] || fail "no more than ${now:-0} of $total steps in two minutes"
  done
  [ "$now" -lt "$total" ] || fail "the runs were over before $2: take more DAYS"
}

# kill_process ends a container's process as a crash does, after which the engine
# starts it again: what `docker kill` ends stays down.
kill_process() {
  local id pid
  id=$(docker compose ps -q "$1")
  pid=$(docker inspect -f '{{.State.Pid}}' "$id")
  if [ "$pid" -gt 0 ] && kill -9 "$pid" 2>/dev/null; then return; fi
  docker kill -s KILL "$id" >/dev/null 2>&1 || true # an engine elsewhere, or a container on its way up
  quietly docker compose up --no-build -d --no-deps "$1"
}
