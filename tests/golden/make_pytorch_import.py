#!/usr/bin/env python3
"""Write pytorch_import.safetensors and pytorch_import.golden: modules of PyTorch's, their weights and what they compute.

Needs PyTorch 1.13 and NumPy, here from Debian 12:

    apt-get install -y --no-install-recommends python3-torch
    /usr/bin/python3 tests/golden/make_pytorch_import.py [--output FOLDER]

The weights are PyTorch's own first ones, on one thread; the safetensors file is their state_dict. Each case of the golden
file is a module's float32 output, batch first, which must agree with its float64 one; inputs are filled by the case's seed.
"""

import argparse
import json
import os
import struct
import sys

import numpy as np
import torch
from container import OFFSET, Golden, Seeds, fill

PINNED = "1.13"
FILE_INDEX = 5               # seeds of this file come after those of the other scripts
BATCH, TIME, INPUT = 3, 6, 3


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.bilstm = torch.nn.LSTM(INPUT, 4, num_layers=2, bidirectional=True, batch_first=True)
        self.projected = torch.nn.LSTM(INPUT, 5, num_layers=2, proj_size=2, batch_first=True)
        self.gru = torch.nn.GRU(INPUT, 4, num_layers=2, batch_first=True)
        self.bigru = torch.nn.GRU(INPUT, 3, bidirectional=True, batch_first=True)
        self.relu = torch.nn.RNN(INPUT, 4, nonlinearity="relu", bias=False, batch_first=True)
        self.tanh = torch.nn.RNN(INPUT, 4, num_layers=2, batch_first=True)
        self.head = torch.nn.Linear(INPUT, 5)


def write_safetensors(path, arrays):
    """The format in plain Python, as the package may not be there."""
    header, blobs, offset = {}, [], 0
    for name, array in arrays.items():
        blob = np.ascontiguousarray(array, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    print(f"{os.path.basename(path)}: {len(arrays)} tensors, {os.path.getsize(path)} bytes")


def run(module, seed, dtype):
    inputs = torch.tensor(fill(seed + OFFSET["inputs"], (BATCH, TIME, INPUT), 1.0)).to(dtype)
    outputs = module.to(dtype)(inputs)
    return {"outputs": (outputs[0] if isinstance(outputs, tuple) else outputs).detach().numpy()}


def main():
    parser = argparse.ArgumentParser(description="Write pytorch_import.safetensors and .golden with PyTorch.")
    parser.add_argument("--output", default=os.path.dirname(os.path.abspath(__file__)), help="folder to write to")
    arguments = parser.parse_args()
    if not torch.__version__.startswith(PINNED):
        sys.exit(f"PyTorch {PINNED} is wanted, this is {torch.__version__}")
    torch.set_num_threads(1)
    torch.manual_seed(20)
    model = Model()
    write_safetensors(os.path.join(arguments.output, "pytorch_import.safetensors"),
                      {name: value.numpy() for name, value in model.state_dict().items()})
    golden, seeds = Golden("pytorch_import"), Seeds(FILE_INDEX)
    for name, module in model.named_children():
        seed = seeds.take()
        spec = {"batch": BATCH, "time": TIME, "input": INPUT, "seed": seed, "scale_inputs": 1.0}
        golden.add(name, spec, run(module, seed, torch.float32), run(module, seed, torch.float64))
    golden.write(arguments.output)


if __name__ == "__main__":
    main()
