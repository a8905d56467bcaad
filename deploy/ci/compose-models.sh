#!/usr/bin/env bash
# The profile "models" on a Docker engine: a real small model behind llama.cpp's server
# plays every role of one person in six containers, until STEPS of the 24 steps of a day
# are committed (the person gets up at the seventh). Then the model's containers are
# stopped, and the record is derived again without them.
set -euo pipefail
cd "$(dirname "$0")/../.."
NAME=test-compose-models
. deploy/ci/llama.sh || { echo "$NAME: SKIPPED: the packages of $llama_requirements cannot be installed"; exit 0; }
export MODELS_VENV=$llama_venv MODELS_BASE
MODELS_BASE=$("$llama_venv/bin/python" -c 'import sys; print(sys.base_prefix)')
. deploy/ci/constellation.sh
export COMPOSE_FILE=docker-compose.yml:deploy/ci/compose.models.yml COMPOSE_PROFILES=models
export PSIM_PLANNER=model PSIM_ASSISTANT=model PSIM_JUDGE=hybrid PSIM_SUMMARIZER=model PSIM_EMBEDDER=model
export PSIM_PERSONAS=1 PSIM_DAYS=1 PSIM_SEED=4 PSIM_METHOD=ars
total=24 wanted=${STEPS:-11}
quietly docker compose up --no-build -d simulation model-chat model-embeddings
until=$((SECONDS + ${LIMIT:-600}))
while now=$(steps); [ "${now:-0}" -lt "$wanted" ]; do
  [ $SECONDS -lt $until ] || fail "no more than ${now:-0} of $wanted steps within ${LIMIT:-600} seconds"
  sleep 2
done
echo "$now of $total steps, a model in every role"
run=$(docker compose exec -T environment /propersim runs ls --address 127.0.0.1:7070 --json | grep -oE '"id": *"[^"]+"' | head -1 | cut -d'"' -f4)
quietly docker compose stop model-chat model-embeddings
docker compose exec -T environment /propersim runs step /data "$run" $((now - 1)) --prompts >"$work/step" 2>"$work/log" || { cat "$work/log" >&2; fail "step $((now - 1)) cannot be shown"; }
for role in assistant judge; do
  grep -q "^=== $role" "$work/step" || fail "step $((now - 1)) has no call of the $role"
done
echo "step $((now - 1)): $(grep -c '^===' "$work/step") calls"
docker compose exec -T environment /propersim replay --verify /data | tee "$work/log"
grep -qE '[0-9]+ prompts +ok$' "$work/log" || fail "the record cannot be derived again"
