"""What this machine computes well with."""

from __future__ import annotations

import torch


def native_bf16() -> bool:
    """True where the CPU multiplies bfloat16 in hardware; elsewhere it would be emulated, slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def best_device() -> str:
    """`cuda` where there is one, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"
