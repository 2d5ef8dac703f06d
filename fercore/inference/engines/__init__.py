"""What runs a trained network: OpenVINO on the CPU, torch on CUDA, torch on the CPU.

All sit behind `Engine` and give the same probabilities to 1e-3; torch on the CPU is the
reference. `load_engine` chooses by machine. Training does not use them.
"""

from fercore.inference.engines.base import ENGINES, Engine
from fercore.inference.engines.choice import load_engine
from fercore.inference.engines.torch_engine import TorchEngine

__all__ = ["ENGINES", "Engine", "TorchEngine", "load_engine"]
