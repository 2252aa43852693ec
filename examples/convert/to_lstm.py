#!/usr/bin/env python3
"""Writes trained networks of PyTorch, Keras, TensorFlow 1 and ONNX as model files of liblstm: see docs/convert.md.

Needs NumPy and the package that the source is of. The file has self-tests with that package's own outputs; nothing is
written unless the converted model agrees with them.
"""

import argparse
import importlib
import os
import sys
import warnings

from model_file import Refused
from reference import GraphError

LONGEST = 400  # of a message


def from_torch(modules, path, last=False, reference=None):
    """Writes PyTorch modules in sequence as the model file `path`; see source_torch.py."""
    return importlib.import_module("source_torch").from_torch(modules, path, last, reference)


def from_keras(model, path):
    """Writes a Keras model whose layers form a chain as the model file `path`."""
    return importlib.import_module("source_keras").from_keras(model, path)


def arguments(words):
    parser = argparse.ArgumentParser(prog="to_lstm.py", description="Writes a trained network as a model file.")
    sources = parser.add_subparsers(dest="source", required=True, metavar="torch|keras|tf1|onnx")

    def source(name, what, text):
        one = sources.add_parser(name, help=text, description=text)
        one.add_argument("input", metavar=what)
        one.add_argument("output", metavar="OUTPUT.safetensors")
        return one

    torch = source("torch", "FILE", "a saved nn.Sequential, or saved weights (.pt, TorchScript, .safetensors)")
    torch.add_argument("--layers", metavar="NAME=KIND,...", help="the modules in order: lstm=lstm,fc=linear,softmax; "
                       "kinds: lstm gru rnn_tanh rnn_relu linear tanh sigmoid relu softmax")
    torch.add_argument("--last", action="store_true", help="the last recurrent module passes on each row's last output")
    torch.add_argument("--trust", action="store_true", help="unpickle whole modules, which runs code in the file")

    source("keras", "FILE", "a Keras model: .keras, .h5 or a SavedModel")

    tf1 = source("tf1", "CHECKPOINT", "a TensorFlow 1 checkpoint")
    tf1.add_argument("--graph", metavar="FILE.json", help="the graph, as in a model file; or else taken from the names")
    tf1.add_argument("--forget-bias", type=float, metavar="X", help="of LSTM cells that --graph does not give one (1)")
    tf1.add_argument("--activation", action="append", default=[], metavar="SCOPE=NAME",
                     help="of a dense layer (linear)")
    tf1.add_argument("--last", action="store_true", help="the last recurrent layer passes on each row's last output")
    tf1.add_argument("--rename", action="append", default=[], metavar="OLD=NEW", help="of a variable")

    onnx = source("onnx", "FILE.onnx", "an ONNX graph of LSTM, GRU, RNN, Gemm, MatMul and activations")
    onnx.add_argument("--output-name", metavar="NAME", help="the graph's output to compute (the first)")
    onnx.add_argument("--test-data", metavar="FOLDER", help="input_0.pb, output_0.pb, ...: one more self-test, and the "
                      "values of weights that are inputs")
    return vars(parser.parse_args(words))


def main(words=None):
    options = arguments(words)
    source, path, output = (options.pop(key) for key in ("source", "input", "output"))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore")
    try:
        if source != "tf1" and not os.path.exists(path):
            raise Refused(f"{path}: no such file")
        if os.path.exists(output) and os.path.exists(path) and os.path.samefile(path, output):
            raise Refused(f"{output}: is the source itself")
        print(importlib.import_module(f"source_{source}").main(path, output, **options))
        return 0
    except (Refused, GraphError) as error:
        text = str(error)
    except Exception as error:  # what the frameworks raise for files that are damaged
        text = f"{path}: cannot be read or run: {type(error).__name__}: {error}"
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    print("to_lstm.py: " + (text if len(text) <= LONGEST else text[:LONGEST] + "..."), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
