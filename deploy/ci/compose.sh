#!/usr/bin/env bash
# End to end on a Docker engine: the constellation from a binary built outside,
# two people for two days, every container killed once in mid-run, and the same
# hashes as in one process. Takes everything down. Without an engine it is
# skipped, and says so.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! docker info >/dev/null 2>&1 || ! docker compose version >/dev/null 2>&1; then
  echo "test-compose: SKIPPED: no Docker engine with the compose plugin here"
  exit 0
fi
export COMPOSE_PROJECT_NAME=propersim-test PROPERSIM_IMAGE=propersim:test PROPERSIM_BUILD_TARGET=prebuilt
export PROPERSIM_PERSONAS=1-2 PROPERSIM_DAYS=${DAYS:-14} PROPERSIM_SEED=4
for service in ENVIRONMENT USER ASSISTANT RETRIEVAL BUFFER TRAINER; do
  export "PROPERSIM_${service}_PORT=0" # any free one
done
compose() { docker compose --profile cli "$@"; }
work=$(mktemp -d)
finish() { compose down -v --timeout 5 >/dev/null 2>&1 || true; rm -rf "$work"; }
trap finish EXIT

mkdir -p dist
CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o dist/propersim ./services/propersim
DOCKER_BUILDKIT=0 docker build -q -f deploy/docker/Dockerfile --target prebuilt -t "$PROPERSIM_IMAGE" . 2>/dev/null
compose down -v >/dev/null 2>&1
compose up --no-build -d --quiet-pull simulation 2>&1 | grep -iE 'error' || true

# steps prints the committed steps of all runs, 0 while the environment is away.
steps() {
  compose run --rm -T --no-deps cli runs ls --address environment:7070 --json 2>/dev/null |
    grep -oE '"steps": *[0-9]+' | awk '{ sum += $2 } END { print sum + 0 }'
}
total=$((2 * PROPERSIM_DAYS * 576))
at=0
for service in retrieval buffer user assistant trainer environment; do
  at=$((at + total / 8))
  for _ in $(seq 600); do
    now=$(steps || true); [ "${now:-0}" -ge "$at" ] && break
  done
  if [ "${now:-0}" -ge "$total" ]; then echo "the run was over before $service was killed: take more DAYS"; exit 1; fi
  docker kill -s KILL "$(compose ps -q "$service")" >/dev/null
  echo "killed $service at step $now of $total"
  for _ in 1 2 3 4 5; do compose up --no-build -d --no-deps "$service" >/dev/null 2>&1 && break; sleep 1; done
done
docker wait "$(compose ps -aq simulation)" >"$work/code"
compose logs --no-log-prefix simulation | tail -12
[ "$(cat "$work/code")" = 0 ] || { echo "the simulation ended with code $(cat "$work/code")"; exit 1; }

docker cp -q "$(compose ps -aq simulation)":/data/simulation/metrics.json "$work/apart.json" 2>/dev/null ||
  docker cp "$(compose ps -aq simulation)":/data/simulation/metrics.json "$work/apart.json"
env -i PATH="$PATH" HOME="$HOME" dist/propersim simulate --personas 1-2 --days "$PROPERSIM_DAYS" --seed 4 --out "$work/together" >/dev/null 2>&1
hashes() { grep -oE '"final_hash": *"[0-9a-f]+"' "$1"; }
if diff <(hashes "$work/apart.json") <(hashes "$work/together/metrics.json"); then
  echo "the same hashes in containers, each killed once, as in one process:"
  hashes "$work/apart.json"
else
  echo "the hashes differ"; exit 1
fi
