# The QLoRA worker for a machine with an NVIDIA GPU.
#   docker build -f deploy/docker/worker.Dockerfile -t propersim-worker .
#   docker run --gpus all -v /models:/models:ro -v worker-cache:/cache propersim-worker --trainer HOST:7075 \
#       --base /models/Llama-3.3-70B-Instruct --model Llama-3.3-70B-Instruct
FROM python:3.11.14-slim AS build
COPY services/trainer/worker/requirements-gpu.lock /src/
# CUDA's libraries are among the packages.
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes -r /src/requirements-gpu.lock
COPY services/trainer/worker /src/worker
RUN /venv/bin/pip install --no-cache-dir --no-deps /src/worker

FROM python:3.11.14-slim
LABEL org.opencontainers.image.title="ProPerSim QLoRA worker"
# triton compiles small kernels at run time.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 65532 --create-home worker && install -d -o worker /cache
COPY --from=build /venv /venv
USER worker
VOLUME /cache
ENV PROPERSIM_WORKER_CACHE=/cache HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1
ENTRYPOINT ["/venv/bin/propersim-worker"]
