# vLLM that loads the base model in NF4, as the worker trains on it. From 0.28 on, vLLM itself has no bitsandbytes: it is a
# plugin, which vLLM's own image lacks. This file names the version of vLLM for all of us.
#   docker build -f deploy/docker/vllm.Dockerfile -t propersim-vllm:dev .
# vLLM's image is built for CUDA 13; where the driver is older than 580, add --build-arg VLLM_IMAGE=vllm/vllm-openai:v0.32.0-cu129.
ARG VLLM_IMAGE=vllm/vllm-openai:v0.32.0
FROM ${VLLM_IMAGE}
LABEL org.opencontainers.image.title="vLLM with bitsandbytes"
COPY deploy/docker/vllm-requirements.lock /src/
# Without dependencies: the plugin names vLLM without a version, and pip would replace the one that is here.
RUN (python3 -m pip --version || python3 -m ensurepip) \
 && python3 -m pip install --no-cache-dir --no-deps --require-hashes -r /src/vllm-requirements.lock
