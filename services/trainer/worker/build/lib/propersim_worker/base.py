"""The base model, which stays loaded between jobs, and its known faults."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from propersim_worker.failures import Broken


class Base:
    """A frozen base model with its tokenizer, loaded once."""

    def __init__(self, folder: Path, quantization: str = "nf4", device: str = "auto") -> None:
        """Load the model from a folder; nothing is downloaded and no code of the folder runs."""
        self.device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self.quantization = quantization
        if self.device == "cpu" and quantization == "nf4":
            never_pack()
        config = None
        if quantization == "nf4":
            config = BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=torch.bfloat16,
            )
        elif quantization != "none":
            raise ValueError(f"quantization: found {quantization!r}, want nf4 or none")
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        self.model: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            quantization_config=config,
            dtype=torch.bfloat16,
            device_map={"": self.device},
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
        self.fingerprint = fingerprint(folder, quantization)

    def release(self, peft_model: Any) -> None:
        """Take an adapter off the base again, with everything that a training put on it."""
        self.model = peft_model.unload()
        self.model.__dict__.pop("forward", None)  # TRL's fused head wraps it anew for each training
        self.model.__dict__.pop("peft_config", None)
        if getattr(self.model, "_hf_peft_config_loaded", False):
            self.model._hf_peft_config_loaded = False
        if self.model.is_gradient_checkpointing:
            self.model.gradient_checkpointing_disable()
        # Checkpointing hooks the embedding, once by PEFT and once by TRL; a hook that stayed would slow the next job down.
        self.model.get_input_embeddings()._forward_hooks.clear()
        self.model.requires_grad_(False)
        self.model.eval()
        left = [name for name, _ in self.model.named_parameters() if "lora_" in name]
        if left:
            raise Broken(f"the base still has {left[:3]} of an adapter after a job")
        if self.device == "cuda":
            torch.cuda.empty_cache()

    def memory(self) -> int:
        """Return the memory in use on the device, bytes; 0 on a CPU."""
        return int(torch.cuda.memory_allocated()) if self.device == "cuda" else 0

    def device_name(self) -> str:
        """Name the device for people."""
        return str(torch.cuda.get_device_name()) if self.device == "cuda" else "cpu"

    def device_memory(self) -> int:
        """Return the memory of the device, bytes; 0 on a CPU."""
        return int(torch.cuda.get_device_properties(0).total_memory) if self.device == "cuda" else 0


def fingerprint(folder: Path, quantization: str) -> str:
    """Identify a base: its configuration, the headers of its weights, and how it is quantized."""
    h = hashlib.sha256(quantization.encode())
    h.update((folder / "config.json").read_bytes())
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as f:
            size = int.from_bytes(f.read(8), "little")
            h.update(path.name.encode() + f.read(size) + str(path.stat().st_size).encode())
            f.seek(max(8 + size, path.stat().st_size - (1 << 20)))
            h.update(f.read())  # the last MiB, so that fine-tuned weights of the same shape differ
    h.update(json.dumps(torch.__version__).encode())
    return h.hexdigest()


def never_pack() -> None:
    """Switch off the CPU format of bitsandbytes, with which training goes wrong.

    bitsandbytes 0.50 repacks every 4-bit layer in an evaluation pass on a CPU with AVX512_BF16, nothing unpacks it,
    and a packed layer passes no gradient on: training then runs without an error and hardly learns.
    """
    from bitsandbytes.nn import modules

    modules.has_avx512bf16 = lambda: False


def assert_not_packed(model: Any) -> None:
    """Fail if a layer is in that format: its gradient would be lost in silence."""
    packed = [
        name
        for name, parameter in model.named_parameters()
        if getattr(getattr(parameter, "quant_state", None), "packing_format_for_cpu", False)
    ]
    if packed:
        raise Broken(
            f"{len(packed)} layers of the base are packed for inference on a CPU, {packed[0]} among them: no gradient passes them"
        )
