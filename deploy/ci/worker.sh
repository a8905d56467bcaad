#!/usr/bin/env bash
# The QLoRA worker (services/trainer/worker): style, types, generated code, and its own tests with a tiny model on a CPU.
# Needs a Python with its requirements.lock and its tools, see its README.md.
#   OPTIONAL=1                say so and succeed where that Python is not there
#   WORKER_PYTHON=.../python  another one than that in the cache
set -euo pipefail
cd "$(dirname "$0")/../../services/trainer/worker"
python=${WORKER_PYTHON:-${XDG_CACHE_HOME:-$HOME/.cache}/propersim/train/bin/python}
if ! "$python" -c 'import trl, peft, bitsandbytes, pytest' 2>/dev/null; then
  echo "SKIPPED: the tests of the QLoRA worker: no Python with its packages at $python (WORKER_PYTHON)"
  [ -n "${OPTIONAL:-}" ] && exit 0 || exit 1
fi
for tool in ruff mypy grpc_tools; do
  "$python" -c "import $tool" 2>/dev/null || { echo "$python has no $tool: SKIPPED"; continue; }
  case $tool in
    ruff) "$python" -m ruff check . && "$python" -m ruff format --check . ;;
    mypy) "$python" -m mypy propersim_worker ;;
    grpc_tools)
      generated=$(mktemp -d)
      trap 'rm -rf "$generated"' EXIT
      PYTHON=$python ./generate.sh "$generated/pb"
      diff -r -x __pycache__ "$generated/pb" propersim_worker/pb || { echo "propersim_worker/pb is not what the contracts generate: run generate.sh"; exit 1; }
      ;;
  esac
done
OMP_NUM_THREADS=1 "$python" -m pytest -q
