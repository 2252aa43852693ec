"""TensorFlow 1's way: a graph with an RNN cell and dynamic_rnn, run by a session. Needs TensorFlow below 2.16, or
tf_keras, which has had the cells since then."""

import importlib.util
import os

if importlib.util.find_spec("tf_keras"):
    os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy
import tensorflow

from worker import CLASSES, LEARNING_RATE, STREAM_STEPS, Unsupported

v1 = tensorflow.compat.v1
v1.disable_v2_behavior()

CELLS = {"lstm": "LSTMCell", "gru": "GRUCell", "basic_rnn": "BasicRNNCell"}


def describe():
    return tensorflow.__version__, "-"


class Model:
    def __init__(self, p):
        self.p = p
        self.graph = v1.Graph()
        # A graph has its own threads in two pools: for one operation, and for operations beside each other.
        config = v1.ConfigProto(intra_op_parallelism_threads=p.threads, inter_op_parallelism_threads=p.threads)
        with self.graph.as_default():
            self.session = v1.Session(config=config)
            self.fetches = self.build()
            self.session.run(v1.global_variables_initializer())
            weights = list(p.weights) + ([] if p.is_stream else [p.dense_kernel, p.dense_bias])
            for variable, value in zip(v1.trainable_variables(), weights):
                variable.load(value, self.session)
            self.call = self.session.make_callable(self.fetches, self.feeds)
        self.answers = self.answer()

    def build_layer(self, initial_state=None):
        p = self.p
        cell = getattr(v1.nn.rnn_cell, CELLS[p.cell])(p.units)
        self.x = v1.placeholder(tensorflow.float32, [p.batch, p.time, p.input])
        lengths = tensorflow.constant(p.lengths) if p.ragged else None
        return v1.nn.dynamic_rnn(cell, self.x, lengths, initial_state, dtype=tensorflow.float32)

    def run(self, calls):
        for _ in range(calls):
            self.call(*self.fed)


class Batch(Model):
    """Training and inference: the last output is the final state."""

    def build(self):
        p = self.p
        state = self.build_layer()[1]
        self.last = state.h if p.cell == "lstm" else state
        kernel = v1.get_variable("dense/kernel", [p.units, CLASSES])
        bias = v1.get_variable("dense/bias", [CLASSES])
        self.logits = tensorflow.matmul(self.last, kernel) + bias
        self.feeds, self.fed = [self.x], [p.inputs]
        if p.kind == "infer":
            return [self.logits]
        self.labels = v1.placeholder(tensorflow.float32, [p.batch, CLASSES])
        self.feeds.append(self.labels)
        self.fed.append(p.labels)
        losses = v1.nn.softmax_cross_entropy_with_logits_v2(labels=self.labels, logits=self.logits)
        self.loss = v1.reduce_mean(losses)
        self.gradients = v1.gradients(self.loss, v1.trainable_variables())
        adam = v1.train.AdamOptimizer(LEARNING_RATE)
        # A callable returns values; the step comes before the loss, which is that of the weights before it.
        return [self.loss, adam.apply_gradients(zip(self.gradients, v1.trainable_variables()))]

    def answer(self):
        feeds = dict(zip(self.feeds, self.fed))
        arrays = self.session.run([self.last, self.logits], feeds)
        if self.p.kind == "infer":
            return arrays
        arrays += self.session.run(self.gradients, feeds)
        return arrays + [self.call(*self.fed)[0], self.session.run(self.loss, feeds)]


class Stream(Model):
    """The state goes through the caller's hands, as a session keeps none."""

    def build(self):
        p = self.p
        state = [v1.placeholder(tensorflow.float32, [p.batch, p.units]) for _ in range(2 if p.cell == "lstm" else 1)]
        initial = v1.nn.rnn_cell.LSTMStateTuple(*state) if p.cell == "lstm" else state[0]
        output, final = self.build_layer(initial)
        self.feeds = [self.x] + state
        return [output] + (list(final) if p.cell == "lstm" else [final])

    def answer(self):
        p = self.p
        self.at = 0
        self.state = [numpy.zeros([p.batch, p.units], numpy.float32) for _ in self.feeds[1:]]
        self.inputs = p.inputs.swapaxes(0, 1)
        outputs = []
        self.run(STREAM_STEPS // p.time, outputs.append)
        return outputs

    def run(self, calls, keep=lambda output: None):
        time = self.p.time
        for _ in range(calls):
            output, *self.state = self.call(self.inputs[:, self.at : self.at + time], *self.state)
            self.at = (self.at + time) % STREAM_STEPS
            keep(output)


def create(p):
    if p.cell not in CELLS:
        raise Unsupported("TensorFlow 2 has kept no such cell")
    return Batch(p) if not p.is_stream else Stream(p)
