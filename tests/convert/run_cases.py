"""lstm-run over every model file that the other cases left: self-tests, outputs, and the same bits in every mode.

Usage: run_cases.py FOLDER LSTM_RUN
"""

import glob
import os
import sys

from suite import Suite, lstm_run, read, same

suite = Suite("run")


def model(path):
    status, said = lstm_run("--selftest", path)
    assert status == 0, said
    for k, (x, n, y) in enumerate(read(path)[2]):
        tensors = {"inputs": x} if n is None else {"inputs": x, "sequence_length": n}
        same(suite.results(path, tensors)["outputs"], y, f"lstm-run, self-test {k}")


for path in sorted(glob.glob(os.path.join(sys.argv[1], "*/*.safetensors"))):
    name = os.path.relpath(path, sys.argv[1])
    if not name.startswith("run/") and "weights.safetensors" not in name:
        suite.run(name, model, path)
suite.end()
