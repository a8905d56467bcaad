#!/usr/bin/env bash
# What the network costs: PEOPLE people for DAYS days in the constellation and in
# one process on the same machine, in turns for ROUNDS rounds, since a machine may
# be faster at one time than at another. Prints the steps per second of each and
# the medians.
set -euo pipefail
cd "$(dirname "$0")/../.."
NAME=bench-compose
. deploy/ci/constellation.sh
export PSIM_PERSONAS=1-${PEOPLE:-32} PSIM_DAYS=${DAYS:-7} PSIM_METHOD=proper
rate() { grep -oE '"steps_per_second": *[0-9.]+' "$1" | grep -oE '[0-9.]+'; }
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
for round in $(seq "${ROUNDS:-3}"); do
  export PSIM_SEED=$round PSIM_RESULT=round-$round
  quietly docker compose up --no-build -d simulation
  ended >"$work/log"
  figures "round-$round" "$work/apart.json"
  quietly docker compose stop # and none of it runs beside the one process
  quietly outside simulate --personas "$PSIM_PERSONAS" --days "$PSIM_DAYS" --seed "$round" --out "$work/round-$round"
  a=$(rate "$work/apart.json") b=$(rate "$work/round-$round/metrics.json")
  echo "$a" >>"$work/apart"; echo "$b" >>"$work/together"
  printf 'round %d: %.0f steps a second in containers, %.0f in one process\n' "$round" "$a" "$b"
done
awk -v apart="$(median "$work/apart")" -v together="$(median "$work/together")" 'BEGIN {
  printf "medians: %.0f steps a second in containers, %.0f in one process, a share of %.2f\n", apart, together, apart / together }'
