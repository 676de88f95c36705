"""Which machine a timing is from: without it, a speed cannot be repeated."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

X86_INSTRUCTIONS = ("avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
ARM_INSTRUCTIONS = ("asimd", "fphp", "asimddp", "i8mm", "bf16", "sve")
"""Those that change how fast networks run, as /proc/cpuinfo names them."""

PACKAGES = (
    "leadline",
    "numpy",
    "onnxruntime",
    "openvino",
    "torch",
    "ai-edge-litert",
    "executorch",
    "coremltools",
    "ncnn",
)


def describe_machine() -> dict[str, Any]:
    """Processor, cores that this process may use, instructions, governor, load, system and versions, as plain values.

    What cannot be read is None, or empty.
    """
    cpu = _cpu_info()
    return {
        "cpu": cpu.get("model name") or cpu.get("Model") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "instructions": [name for name in (*X86_INSTRUCTIONS, *ARM_INSTRUCTIONS) if name in _words(cpu)],
        "governor": _text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "memory_bytes": _memory_bytes(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name)) is not None},
    }


def machine_line() -> str:
    """Processor, cores and system in a line, with a warning when other work is running."""
    machine = describe_machine()
    load = machine["load"]
    busy = f"; other work was running (load {load}), so that times may be too long" if load and load > 0.3 else ""
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}{busy}"


def _cpu_info() -> dict[str, str]:
    """The lines of /proc/cpuinfo; of those that each processor has, the first processor's."""
    lines = (_text("/proc/cpuinfo") or "").splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}


def _words(cpu: dict[str, str]) -> list[str]:
    return (cpu.get("flags") or cpu.get("Features") or "").split()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return None
