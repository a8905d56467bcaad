#!/usr/bin/env bash
# End to end on a Docker engine: the constellation from a binary built outside,
# two people for DAYS days, every container killed once in mid-run, all stopped
# and started once, and the same hashes as in one process. Takes everything down.
# Without an engine it is skipped, and says so.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! docker info >/dev/null 2>&1 || ! docker compose version >/dev/null 2>&1; then
  echo "test-compose: SKIPPED: no Docker engine with the compose plugin here"
  exit 0
fi
# a name of its own: two tests on one engine leave each other alone
export COMPOSE_PROJECT_NAME=propersim-test-$$ COMPOSE_FILE=docker-compose.yml:compose.test.yml COMPOSE_PROFILES=
export PROPERSIM_IMAGE=propersim:test-$$ PROPERSIM_BUILD_TARGET=prebuilt
export PROPERSIM_PERSONAS=1-2 PROPERSIM_DAYS=${DAYS:-14} PROPERSIM_SEED=4 PROPERSIM_METHOD=proper
for service in ENVIRONMENT USER ASSISTANT RETRIEVAL BUFFER TRAINER; do
  export "PROPERSIM_${service}_PORT=0" # any free one
done
work=$(mktemp -d)
fail() { echo "test-compose: $*" >&2; docker compose logs --tail 20 >&2 || true; exit 1; }
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "failed: $*"; }; }
# outside is the program on this machine, which knows nothing of the variables above.
outside() { env -i PATH="$PATH" HOME="$HOME" dist/propersim "$@"; }
finish() { docker compose --profile '*' down -v --timeout 5 >/dev/null 2>&1 || true; docker rmi "$PROPERSIM_IMAGE" >/dev/null 2>&1 || true; rm -rf "$work"; }
trap finish EXIT

mkdir -p dist
CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o dist/propersim ./services/propersim
DOCKER_BUILDKIT=0 quietly docker build -q -f deploy/docker/Dockerfile --target prebuilt -t "$PROPERSIM_IMAGE" .
quietly docker compose up --no-build -d simulation

# steps prints the committed steps of all runs, 0 while the environment is away.
steps() {
  docker compose exec -T environment /propersim runs ls --address 127.0.0.1:7070 --json 2>/dev/null |
    grep -oE '"steps": *[0-9]+' | awk '{ sum += $2 } END { print sum + 0 }' || true
}
total=$((2 * PROPERSIM_DAYS * 576))
# reach waits until so many steps are committed, for at most two minutes.
reach() {
  local until=$((SECONDS + 120))
  while now=$(steps); [ "${now:-0}" -lt "$1" ]; do
    [ $SECONDS -lt $until ] || fail "no more than ${now:-0} of $total steps in two minutes"
  done
  [ "$now" -lt "$total" ] || fail "the runs were over before $2: take more DAYS"
}

for port in 7070 7071; do # nobody is let in without the secret
  address=$(docker compose port "$([ $port = 7070 ] && echo environment || echo user)" $port)
  case $address in 127.0.0.1:*) ;; *) fail "published on $address, not on loopback" ;; esac
  list=$([ $port = 7070 ] && echo runs || echo persona)
  if outside "$list" ls --address "$address" >"$work/log" 2>&1; then fail "$address lets anybody in"; fi
  grep -q unauthenticated "$work/log" || { cat "$work/log"; fail "$address did not ask for a token"; }
done

at=0
for service in retrieval buffer user assistant trainer environment; do
  at=$((at + total / 10))
  reach $at "$service was killed"
  quietly docker kill -s KILL "$(docker compose ps -q "$service")"
  echo "killed $service at step $now of $total"
  quietly docker compose up --no-build -d --no-deps "$service"
done

reach $((at + total / 10)) "all was stopped"
began=$SECONDS
quietly docker compose stop
took=$((SECONDS - began))
[ $took -le 15 ] || fail "it took $took s to stop"
echo "stopped all at step $now of $total in $took s"
quietly docker compose up --no-build -d simulation

simulation=$(docker compose ps -aq simulation)
code=$(timeout 600 docker wait "$simulation") || fail "the simulation does not end"
docker logs "$simulation" 2>&1 | tail -12
[ "$code" = 0 ] || fail "the simulation ended with code $code"
docker compose ps -a --format '{{.Service}} {{.State}} {{.Health}}' | sort

quietly docker cp "$simulation":/data/simulation/metrics.json "$work/apart.json"
quietly outside simulate --personas 1-2 --days "$PROPERSIM_DAYS" --seed 4 --out "$work/together"
hashes() { grep -oE '"final_hash": *"[0-9a-f]+"' "$1"; }
hashes "$work/apart.json" >"$work/apart"
hashes "$work/together/metrics.json" >"$work/together.txt"
diff "$work/apart" "$work/together.txt" || fail "the hashes differ"
echo "the same hashes in containers, each killed once, as in one process:"
cat "$work/apart"
