# One GPU that serves and trains in turn: vLLM, the QLoRA worker in an environment of its own, and the agent that runs
# both (profile "gpu-alternate"). The two need different versions of torch.
# Made from two other images of ours:
#   docker build -f deploy/docker/Dockerfile -t propersim:dev .
#   docker build -f deploy/docker/vllm.Dockerfile -t propersim-vllm:dev .
#   docker build -f deploy/docker/card.Dockerfile -t propersim-card:dev .
ARG VLLM_IMAGE=propersim-vllm:dev
ARG PROPERSIM_IMAGE=propersim:dev
FROM ${PROPERSIM_IMAGE} AS propersim

FROM ${VLLM_IMAGE}
LABEL org.opencontainers.image.title="ProPerSim GPU node"
COPY services/trainer/worker/requirements-gpu.lock /src/
RUN python3 -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes -r /src/requirements-gpu.lock
COPY services/trainer/worker /src/worker
RUN /venv/bin/pip install --no-cache-dir --no-deps /src/worker \
 && install -d -o 65532 -g 65532 /cache /data
COPY --from=propersim /propersim /propersim
USER 65532:65532
VOLUME /cache /data
ENV PROPERSIM_WORKER_CACHE=/cache PYTHONUNBUFFERED=1
ENTRYPOINT ["/propersim"]
