#!/usr/bin/env bash
# generate.sh [OUT]: write the Python code of the contracts that the worker uses.
# PYTHON is an interpreter with grpcio-tools; proto/deps must be there (make tools).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
out=${1:-$here/propersim_worker/pb}
rm -rf "$out"
mkdir -p "$out"
cd "$root/proto"
"${PYTHON:-python3}" -m grpc_tools.protoc -I . -I deps --python_out="$out" --pyi_out="$out" --grpc_python_out="$out" \
  propersim/trainer/v1/trainer_service.proto propersim/trainer/v1/worker_service.proto propersim/buffer/v1/preference_buffer_service.proto \
  propersim/simulation/v1/{action,candidate,evaluation,prompt}.proto buf/validate/validate.proto
# Only these two services are called.
find "$out" -name '*_pb2_grpc.py' ! -path '*/trainer/v1/*' -delete
# The generator writes absolute imports; the code lives below the worker's package.
find "$out" -name '*.py' -o -name '*.pyi' | xargs sed -i -E 's/^from (propersim|buf)\./from propersim_worker.pb.\1./'
find "$out" -type d -exec touch {}/__init__.py \;
