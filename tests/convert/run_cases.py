"""lstm-run over every model file that the other cases left: self-tests, outputs, and the same bits in every mode.

Usage: run_cases.py FOLDER LSTM_RUN
"""

import glob
import json
import os
import struct
import subprocess
import sys

import numpy as np
from suite import DTYPES, Suite, read, same
from model_file import container, write_whole  # suite has said where it is

suite = Suite("run")
MODES = (("--threads", "2"), ("--chunk", "1"), ("--chunk", "7"))


def outputs(path):
    """The bytes and the tensor `outputs` of a file that lstm-run wrote."""
    with open(path, "rb") as file:
        data = file.read()
    size, = struct.unpack("<Q", data[:8])
    entry = json.loads(data[8:8 + size])["outputs"]
    start, end = entry["data_offsets"]
    return data, np.frombuffer(data[8 + size:][start:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])


def lstm_run(*words):
    done = subprocess.run([sys.argv[2], *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def model(path):
    status, said = lstm_run("--selftest", path)
    assert status == 0, said
    graph, _, tests = read(path)
    both_ways = any(layer["type"] == "bidirectional_rnn" for layer in graph["layers"])
    for k, (x, n, y) in enumerate(tests):
        tensors = {"inputs": x} if n is None else {"inputs": x, "sequence_length": n}
        inputs, result = suite.path("inputs.safetensors"), suite.path("outputs.safetensors")
        write_whole(inputs, container(tensors, {"lstm.format": "params", "lstm.version": "1"}))
        status, said = lstm_run(path, inputs, result)
        assert status == 0, said
        plain, computed = outputs(result)
        same(computed, y, f"lstm-run, self-test {k}")
        for mode in MODES:
            os.unlink(result)
            status, said = lstm_run(*mode, path, inputs, result)
            if both_ways and mode[0] == "--chunk":
                assert status == 1 and not os.path.exists(result), f"{mode}: {status}"
                write_whole(result, [plain])
                continue
            assert status == 0, said
            assert outputs(result)[0] == plain, f"{' '.join(mode)}: other bits"


for path in sorted(glob.glob(os.path.join(sys.argv[1], "*/*.safetensors"))):
    name = os.path.relpath(path, sys.argv[1])
    if not name.startswith("run/") and "weights.safetensors" not in name:
        suite.run(name, model, path)
suite.end()
