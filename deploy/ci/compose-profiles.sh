#!/usr/bin/env bash
# The profiles on a Docker engine: two people for DAYS days with every store in
# PostgreSQL, whose process dies twice in mid-run; the hashes are those of one
# process with its files, and Prometheus has seen every service and every step.
set -euo pipefail
cd "$(dirname "$0")/../.."
NAME=test-compose-profiles
POSTGRES_BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
PROMETHEUS_DIR=$(dirname "$(command -v prometheus || echo none)")
[ -n "$POSTGRES_BIN" ] || { echo "$NAME: SKIPPED: no PostgreSQL of Debian's packages here"; exit 0; }
export POSTGRES_BIN PROMETHEUS_DIR
. deploy/ci/constellation.sh
export COMPOSE_FILE=docker-compose.yml:deploy/ci/compose.profiles.yml COMPOSE_PROFILES=postgres,observability
export PSIM_STORE='postgres://propersim@postgres:5432/propersim?passfile=/postgres/pgpass' PSIM_PROMETHEUS_PORT=0
export PSIM_PERSONAS=1-2 PSIM_DAYS=${DAYS:-12} PSIM_SEED=4 PSIM_METHOD=proper
watch=
if [ "$PROMETHEUS_DIR" = . ]; then
  echo "Prometheus: SKIPPED: none on the PATH (deploy/ci/prometheus.sh brings it)"
else
  watch=prometheus
fi
quietly docker compose up --no-build -d simulation $watch
total=$((2 * PSIM_DAYS * 576))
for i in 1 2; do
  reach $((total * i / 3)) "PostgreSQL died"
  kill_process postgres
  echo "postgres died at step $now of $total"
done
ended
figures simulation "$work/apart.json"
quietly outside simulate --personas 1-2 --days "$PSIM_DAYS" --seed 4 --out "$work/together"
same_hashes "$work/apart.json" "$work/together/metrics.json"
quietly docker compose exec -T environment /propersim replay --verify /data
docker cp "$(docker compose ps -q environment)":/data/. - | tar t >"$work/log"
if grep journal.db "$work/log"; then fail "the journal is in a file"; fi

# asked asks Prometheus until it says what is wanted, for at most a minute.
asked() {
  local until=$((SECONDS + 60)) said
  while said=$(docker compose exec -T prometheus "$PROMETHEUS_DIR/promtool" query instant http://127.0.0.1:9090 "$1" 2>&1); [[ $said != *"=> $2 "* ]]; do
    [ $SECONDS -lt $until ] || fail "Prometheus says of $1: $said"
    sleep 1
  done
  echo "Prometheus: $1 is $2"
}
if [ -n "$watch" ]; then
  asked 'sum(up{job!="tempo"})' 6
  # an acknowledgement may get lost with PostgreSQL, of one commit of each run with the sleeping steps before it
  asked "(sum(propersim_steps_total) <= bool $total) * (sum(propersim_steps_total) >= bool $((total - 2 * 2 * 33)))" 1
  asked 'count(ALERTS{alertname="PropersimServiceDown",job!="tempo"}) or vector(0)' 0
fi
