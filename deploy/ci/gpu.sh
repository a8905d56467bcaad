#!/usr/bin/env bash
# A whole GPU node on this CPU, for real: SmolLM2-135M in NF4 as the base, the training worker, vLLM behind our agent,
# and a person who lives three short days with an assistant that is trained in both nights. Needs two Python
# environments and the model, see services/trainer/worker/README.md and docs/gpu.md; says so where one is missing.
#   deploy/ci/gpu.sh                  vLLM and the worker side by side, vLLM killed on day 2: 6 to 15 minutes on 2 cores and 6 GiB
#   MODE=alternate deploy/ci/gpu.sh   one card for both: two days, vLLM stopped for the night between
#   MODE=all deploy/ci/gpu.sh         both
set -euo pipefail
case ${MODE:-beside} in
  beside) tests=LearnsOnARealNode ;;
  alternate) tests=TrainsOnARealNode ;;
  all) tests=RealNode ;;
  *) echo "MODE is ${MODE}; want beside, alternate or all" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/../.."
cache=${XDG_CACHE_HOME:-$HOME/.cache}/propersim
export PROPERSIM_TEST_VLLM_PYTHON=${PROPERSIM_TEST_VLLM_PYTHON:-$cache/vllm/bin/python}
export PROPERSIM_TEST_WORKER_PYTHON=${PROPERSIM_TEST_WORKER_PYTHON:-$cache/train/bin/python}
export PROPERSIM_TEST_WORKER_BASE=${PROPERSIM_TEST_WORKER_BASE:-$cache/smollm2-135m}
missing() { echo "the GPU node on a CPU: SKIPPED: $1"; exit 0; }
[ -x "$PROPERSIM_TEST_VLLM_PYTHON" ] || missing "no Python with vLLM at $PROPERSIM_TEST_VLLM_PYTHON (PROPERSIM_TEST_VLLM_PYTHON)"
[ -x "$PROPERSIM_TEST_WORKER_PYTHON" ] || missing "no Python with the worker's packages at $PROPERSIM_TEST_WORKER_PYTHON (PROPERSIM_TEST_WORKER_PYTHON)"
[ -e "$PROPERSIM_TEST_WORKER_BASE/config.json" ] || missing "no base model at $PROPERSIM_TEST_WORKER_BASE (PROPERSIM_TEST_WORKER_BASE)"
go test ./test/e2e -run "$tests" -v -count 1 -timeout 40m "$@"
