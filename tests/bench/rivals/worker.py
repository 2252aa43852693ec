"""A library of Python's in the benchmark: worker.py LIBRARY FOLDER, started by worker.c, which has the protocol.

A library is a module rival_LIBRARY with `describe() -> (version, isa)` and `create(problem) -> model`. A model has
`answers`, a list of arrays in worker.c's order, and `run(calls)`, which makes so many calls and returns when they are
done. `create` raises Unsupported for what the library has not.
"""

import importlib
import os
import sys
import time

import numpy

CLASSES = 21
STREAM_STEPS = 64
LEARNING_RATE = 1e-5


class Unsupported(Exception):
    """The library has no such cell or case."""


class Problem:
    """One case with its numbers. Weights are views, in TensorFlow's shapes and order."""

    def __init__(self, words, path):
        self.kind, self.cell = words[:2]
        self.time, self.batch, self.input, self.units, self.ragged, self.threads = map(int, words[2:])
        self.is_stream = self.kind in ("stream", "block")
        self.numbers = numpy.fromfile(path, numpy.float32)
        if self.is_stream:
            self.inputs = self.take(STREAM_STEPS, self.batch, self.input)  # time-major
        else:
            self.inputs = self.take(self.batch, self.time, self.input)
            self.labels = self.take(self.batch, CLASSES)
        self.weights = [self.take(*shape) for shape in self.cell_shapes()]
        if not self.is_stream:
            self.dense_kernel = self.take(self.units, CLASSES)
            self.dense_bias = self.take(CLASSES)
        self.lengths = self.take(self.batch).astype(numpy.int32)

    def take(self, *shape):
        count = int(numpy.prod(shape))
        taken, self.numbers = self.numbers[:count], self.numbers[count:]
        return taken.reshape(shape).copy()

    def cell_shapes(self):
        inputs, units = self.input, self.units
        rows = inputs + units
        if self.cell == "lstm":
            return [(rows, 4 * units), (4 * units,)]
        if self.cell == "basic_rnn":
            return [(rows, units), (units,)]
        gates = [(rows, 2 * units), (2 * units,)]
        if self.cell == "gru":
            return gates + [(rows, units), (units,)]
        return gates + [(inputs, units), (units,), (units, units), (units,)]

    def by_gates(self, order):
        """The weights cut into gates and joined in another order: W [inputs, n], R [units, n], b [n], and b of the
        states' part [n], which only a gate named "hidden" has. TensorFlow adds a forget bias of 1 at run time: b has it."""
        inputs, units, w = self.input, self.units, self.weights
        cut = {}

        def add(names, kernel, bias):
            for k, name in enumerate(names):
                at = slice(k * units, (k + 1) * units)
                cut[name] = (kernel[:inputs, at], kernel[inputs:, at], bias[at] + (name == "f"), 0 * bias[at])

        if self.cell == "lstm":
            add("ijfo", *w)
        elif self.cell == "basic_rnn":
            add("h", *w)
        else:
            add("ru", *w[:2])
            if self.cell == "gru":
                add("c", *w[2:])
            else:
                cut["c"] = (w[2], w[4], w[3], w[5])
        joined = [numpy.concatenate([cut[name][part] for name in order], -1) for part in range(4)]
        return [numpy.ascontiguousarray(part, numpy.float32) for part in joined]

    def from_gates(self, order, kernel, recurrent, bias, hidden_bias):
        """The way back, for gradients: a list like the weights."""
        units = self.units

        def part(name, array):
            at = order.index(name)
            return array[..., at * units : (at + 1) * units]

        def join(names):
            both = [numpy.concatenate([part(name, kernel), part(name, recurrent)]) for name in names]
            return [numpy.concatenate(both, -1), numpy.concatenate([part(name, bias) for name in names])]

        if self.cell == "lstm":
            return join("ijfo")
        if self.cell == "basic_rnn":
            return join("h")
        if self.cell == "gru":
            return join("ru") + join("c")
        parts = [part("c", array) for array in (kernel, bias, recurrent, hidden_bias)]
        return join("ru") + parts


def answer(model, path):
    """Write output, logits, gradient and losses, as many as there are."""
    with open(path, "wb") as file:
        for array in model.answers:
            numpy.ascontiguousarray(array, numpy.float32).tofile(file)


def serve(library, folder, replies):
    model = clock = None
    for line in sys.stdin:
        verb, *words = line.split()
        try:
            if verb == "open":
                rival = importlib.import_module("rival_" + library)
                problem = Problem(words, os.path.join(folder, "problem"))
                clock = time.perf_counter if problem.threads > 1 else time.process_time  # as system.c's
                model = rival.create(problem)
                answer(model, os.path.join(folder, "answers"))
                reply = "ok\t%s\t%s" % rival.describe()
            elif verb == "run":
                begin = clock()
                model.run(int(words[0]))
                reply = "ok\t%.9f" % (clock() - begin)
            else:
                model = None
                reply = "ok\t"
        except Unsupported as reason:
            reply = "no\t%s" % reason
        except Exception as failure:  # whatever it is, the benchmark goes on without this library
            reply = "no\t%s" % repr(failure).replace("\n", " ").replace("\t", " ")[:200]
        replies.write(reply + "\n")
        replies.flush()


if __name__ == "__main__":
    # The pipe is for replies alone. What libraries print is much, and goes nowhere unless BENCH_WORKER_LOG names a file.
    pipe = os.fdopen(os.dup(1), "w")
    log = os.open(os.environ.get("BENCH_WORKER_LOG", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.modules["worker"] = sys.modules["__main__"]
    serve(sys.argv[1], sys.argv[2], pipe)
