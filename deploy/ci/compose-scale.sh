#!/usr/bin/env bash
# Three instances of one service on a Docker engine: retrieval on one Qdrant,
# then buffer on one PostgreSQL. Each instance answers calls, two are killed in
# mid-run, and the hashes are those of one process. Qdrant's engine and Debian's
# PostgreSQL take the places of their images.
set -euo pipefail
cd "$(dirname "$0")/../.."
NAME=test-compose-scale INDEX=qdrant
POSTGRES_BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
export POSTGRES_BIN PROMETHEUS_DIR=.
. deploy/ci/constellation.sh
export PSIM_PERSONAS=1-2 PSIM_DAYS=${DAYS:-20} PSIM_SEED=4 PSIM_METHOD=proper
total=$((2 * PSIM_DAYS * 576))
quietly outside simulate --personas 1-2 --days "$PSIM_DAYS" --seed 4 --out "$work/together"

# answered prints how many calls each instance of a service has answered.
answered() {
  local token id ip
  token=$(docker compose exec -T environment /propersim token show /secrets/token)
  for id in $(docker compose ps -q "$1"); do
    ip=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$id")
    curl -sf -H "authorization: Bearer $token" "http://${ip%% *}:9464/metrics" |
      awk '/^propersim_rpc_server_handled_total/ && /"propersim\./ && /"OK"/ { sum += $NF } END { print sum + 0 }'
  done
}

# scaled lets the two people live with three instances of a service.
scaled() {
  local counts i
  quietly docker compose up --no-build -d --scale "$1=3" simulation
  reach $((total / 2)) "all of $1 were seen"
  counts=$(answered "$1" | sort -n | tr '\n' ' ')
  [ "$(wc -w <<<"$counts")" = 3 ] && [ "${counts%% *}" -gt 0 ] || fail "not every instance of $1 is called: $counts"
  echo "calls answered by each $1 by step $now of $total: $counts"
  for i in 1 2; do
    reach $((total * (4 + i) / 8)) "$1 $i was killed"
    quietly docker kill -s KILL "$COMPOSE_PROJECT_NAME-$1-$i"
    echo "killed $1 $i of 3 at step $now of $total"
  done
  ended
  figures simulation "$work/$1.json"
  echo "with three instances of $1, two of them killed:"
  same_hashes "$work/$1.json" "$work/together/metrics.json"
  quietly docker compose --profile '*' down -v --timeout 5
}

if [ -n "$engine" ]; then
  scaled retrieval
else
  echo "retrieval: SKIPPED: PROPERSIM_TEST_QDRANT_ENGINE names no Python with Qdrant's engine"
fi
if [ -n "$POSTGRES_BIN" ]; then
  export COMPOSE_FILE=docker-compose.yml:deploy/ci/compose.profiles.yml COMPOSE_PROFILES=postgres
  export PSIM_STORE='postgres://propersim@postgres:5432/propersim?passfile=/postgres/pgpass'
  scaled buffer
else
  echo "buffer: SKIPPED: no PostgreSQL of Debian's packages here"
fi
