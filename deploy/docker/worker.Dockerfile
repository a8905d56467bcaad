# The QLoRA worker for a machine with an NVIDIA GPU.
#   docker build -f deploy/docker/worker.Dockerfile -t propersim-worker .
#   docker run --gpus all -v /models:/models:ro -v worker-cache:/cache propersim-worker --trainer HOST:7070 \
#       --base /models/Llama-3.3-70B-Instruct --model Llama-3.3-70B-Instruct
FROM python:3.11-slim AS build
COPY services/trainer/worker/requirements.lock /src/
# The PyPI wheel of torch needs its NVIDIA packages, which it names itself.
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir "$(grep '^torch==' /src/requirements.lock)" \
 && /venv/bin/pip install --no-cache-dir --no-deps -r /src/requirements.lock
COPY services/trainer/worker /src/worker
RUN /venv/bin/pip install --no-cache-dir --no-deps /src/worker

FROM python:3.11-slim
LABEL org.opencontainers.image.title="ProPerSim QLoRA worker"
# triton compiles small kernels at run time.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 65532 --create-home worker && install -d -o worker /cache
COPY --from=build /venv /venv
USER worker
VOLUME /cache
ENV PROPERSIM_WORKER_CACHE=/cache HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1
ENTRYPOINT ["/venv/bin/propersim-worker"]
