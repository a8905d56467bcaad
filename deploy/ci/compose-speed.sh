#!/usr/bin/env bash
# What the network costs: PEOPLE people for DAYS days in the constellation and in
# one process on the same machine, and the steps per second of both.
set -euo pipefail
cd "$(dirname "$0")/../.."
NAME=bench-compose
. deploy/ci/constellation.sh
export PROPERSIM_PERSONAS=1-${PEOPLE:-32} PROPERSIM_DAYS=${DAYS:-7} PROPERSIM_SEED=4 PROPERSIM_METHOD=proper
quietly docker compose up --no-build -d simulation
ended
figures simulation "$work/apart.json"
quietly docker compose down --timeout 10
quietly outside simulate --personas "$PROPERSIM_PERSONAS" --days "$PROPERSIM_DAYS" --seed 4 --out "$work/together"
rate() { grep -oE '"steps_per_second": *[0-9.]+' "$1" | grep -oE '[0-9.]+'; }
awk -v apart="$(rate "$work/apart.json")" -v together="$(rate "$work/together/metrics.json")" 'BEGIN {
  printf "steps per second: %.0f in containers, %.0f in one process, a share of %.2f\n", apart, together, apart / together }'
