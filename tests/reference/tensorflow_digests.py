#!/usr/bin/env python3
"""Prints tensorflow_digests.inc, the table test_reference_tensorflow.c compares the oracle with.

Needs TensorFlow 2.15 or older, which still carries TF 1's cells; runs in float64. BasicRNNCell,
BasicLSTMCell, LSTMCell and GRUCell are TensorFlow's own; the three contrib cells, which left with
TF 2, are written here from their formulas. All runs use TensorFlow's dynamic_rnn and its gradients,
on the numbers that rnn_problem_create draws for the same seed.
"""
import os
import textwrap
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
warnings.filterwarnings("ignore", message=".*is deprecated and will be removed")

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
v1.disable_eager_execution()
v1.logging.set_verbosity(v1.logging.ERROR)

BATCH, TIME, INPUT, UNITS, PROJECTION = 4, 4, 2, 3, 2
RAGGED_LENGTHS = [TIME, 0, 2, 1]
SEED = 2018
EPSILON = 1e-12  # tf.contrib.layers.layer_norm's variance_epsilon
MASK = (1 << 64) - 1


class Generator:
    """splitmix64 mapped to [-1, 1)"""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        z ^= z >> 31
        return (z >> 11) * 2.0**-52 - 1.0

    def array(self, *shape):
        values = [self.next() for _ in range(int(np.prod(shape)))]
        return np.array(values, dtype=np.float64).reshape(shape)


class ContribCell(v1.nn.rnn_cell.RNNCell):
    """A cell from its formula; `state_leaves` state leaves of UNITS columns."""

    state_leaves = 1

    def __init__(self, activation, forget_bias=1.0):
        super().__init__()
        self.activation = activation
        self.forget_bias = forget_bias

    @property
    def state_size(self):
        if self.state_leaves == 1:
            return UNITS
        return v1.nn.rnn_cell.LSTMStateTuple(UNITS, UNITS)

    @property
    def output_size(self):
        return UNITS

    @staticmethod
    def get(name, *shape):
        return v1.get_variable(name, shape, tf.float64)

    def affine(self, kernel_name, bias_name, x, columns):
        z = tf.matmul(x, self.get(kernel_name, x.shape[-1], columns))
        return z if bias_name is None else z + self.get(bias_name, columns)


class CudnnCompatibleGRU(ContribCell):
    def __call__(self, x, h, scope=None):
        joined = tf.concat([x, h], 1)
        gates = tf.sigmoid(self.affine("gates/kernel", "gates/bias", joined, 2 * UNITS))
        r, u = tf.split(gates, 2, 1)
        scope = "candidate/input_projection/"
        from_x = self.affine(scope + "kernel", scope + "bias", x, UNITS)
        scope = "candidate/hidden_projection/"
        from_h = self.affine(scope + "kernel", scope + "bias", h, UNITS)
        h = (1 - u) * self.activation(from_x + r * from_h) + u * h
        return h, h


class CoupledLSTM(ContribCell):
    state_leaves = 2

    def __call__(self, x, state, scope=None):
        c, m = state
        z = self.affine("kernel", "bias", tf.concat([x, m], 1), 3 * UNITS)
        j, f, o = tf.split(z, 3, 1)
        f = tf.sigmoid(f + self.forget_bias)
        c = f * c + (1 - f) * self.activation(j)
        m = tf.sigmoid(o) * self.activation(c)
        return m, v1.nn.rnn_cell.LSTMStateTuple(c, m)


class LayerNormLSTM(ContribCell):
    state_leaves = 2

    def __init__(self, activation, forget_bias=1.0, layer_norm=True):
        super().__init__(activation, forget_bias)
        self.layer_norm = layer_norm

    def norm(self, v, scope):
        if not self.layer_norm:
            return v
        gamma = self.get(scope + "/gamma", UNITS)
        beta = self.get(scope + "/beta", UNITS)
        mean, variance = tf.nn.moments(v, [1], keepdims=True)
        return (v - mean) / tf.sqrt(variance + EPSILON) * gamma + beta

    def __call__(self, x, state, scope=None):
        c, h = state
        bias = None if self.layer_norm else "bias"
        z = self.affine("kernel", bias, tf.concat([x, h], 1), 4 * UNITS)
        scopes = ("input", "transform", "forget", "output")
        i, j, f, o = (self.norm(v, s) for v, s in zip(tf.split(z, 4, 1), scopes))
        c = c * tf.sigmoid(f + self.forget_bias) + tf.sigmoid(i) * self.activation(j)
        c = self.norm(c, "state")
        h = self.activation(c) * tf.sigmoid(o)
        return h, v1.nn.rnn_cell.LSTMStateTuple(c, h)


def lstm(**options):
    return lambda act: v1.nn.rnn_cell.LSTMCell(UNITS, activation=act, dtype=tf.float64, **options)


ALL_LSTM_OPTIONS = dict(use_peepholes=True, cell_clip=0.4, num_proj=PROJECTION, proj_clip=0.2)

# (fields of reference_cell, the cell)
CELLS = [
    ("REFERENCE_BASIC_RNN",
     lambda act: v1.nn.rnn_cell.BasicRNNCell(UNITS, act, dtype=tf.float64)),
    ("REFERENCE_BASIC_LSTM, .forget_bias = 1.0",
     lambda act: v1.nn.rnn_cell.BasicLSTMCell(UNITS, activation=act, dtype=tf.float64)),
    ("REFERENCE_LSTM, .forget_bias = 0.25", lstm(forget_bias=0.25)),
    ("REFERENCE_LSTM, .forget_bias = 1.0, .use_peepholes = true", lstm(use_peepholes=True)),
    ("REFERENCE_LSTM, .forget_bias = 1.0, .use_peepholes = true, .cell_clip = 0.4",
     lstm(use_peepholes=True, cell_clip=0.4)),
    ("REFERENCE_LSTM, .forget_bias = 1.0, .num_proj = 2, .proj_clip = 0.2",
     lstm(num_proj=PROJECTION, proj_clip=0.2)),
    ("REFERENCE_LSTM, .forget_bias = 1.0, .use_peepholes = true, .cell_clip = 0.4, .num_proj = 2, "
     ".proj_clip = 0.2", lstm(**ALL_LSTM_OPTIONS)),
    ("REFERENCE_GRU", lambda act: v1.nn.rnn_cell.GRUCell(UNITS, act, dtype=tf.float64)),
    ("REFERENCE_CUDNN_COMPATIBLE_GRU", CudnnCompatibleGRU),
    ("REFERENCE_LAYER_NORM_BASIC_LSTM, .forget_bias = 1.0, .layer_norm = true", LayerNormLSTM),
    ("REFERENCE_LAYER_NORM_BASIC_LSTM, .forget_bias = 1.0",
     lambda act: LayerNormLSTM(act, layer_norm=False)),
    ("REFERENCE_COUPLED_INPUT_FORGET_LSTM, .forget_bias = 1.0", CoupledLSTM),
]

ACTIVATIONS = [("REFERENCE_TANH", tf.tanh), ("REFERENCE_RELU", tf.nn.relu)]


def digest(values):
    """One number that depends on every value and its place: sum of v[k] / (k + 1)."""
    return sum(float(v) / (k + 1) for k, v in enumerate(np.ravel(values)))


def run(make_cell, activation, ragged):
    """Digests of outputs, final states, gradients of variables, inputs and initial states."""
    generator = Generator(SEED)
    v1.reset_default_graph()
    cell = make_cell(activation)
    # Builds the variables in TF's order, before the rest is drawn.
    zeros = v1.zeros([BATCH, TIME, INPUT], tf.float64)
    v1.nn.dynamic_rnn(cell, zeros, dtype=tf.float64)
    variables = v1.trainable_variables()
    values = {v: generator.array(*v.shape) for v in variables}
    inputs = tf.constant(generator.array(BATCH, TIME, INPUT))
    sizes = tf.nest.flatten(cell.state_size)
    leaves = [tf.constant(generator.array(BATCH, n)) for n in sizes]
    d_outputs = generator.array(BATCH, TIME, cell.output_size)
    d_leaves = [generator.array(BATCH, n) for n in sizes]
    with v1.variable_scope(v1.get_variable_scope(), reuse=True):
        outputs, state = v1.nn.dynamic_rnn(
            cell, inputs, sequence_length=RAGGED_LENGTHS if ragged else None,
            initial_state=tf.nest.pack_sequence_as(cell.state_size, leaves))
    final = tf.nest.flatten(state)
    loss = tf.reduce_sum(outputs * d_outputs)
    loss += sum(tf.reduce_sum(a * b) for a, b in zip(final, d_leaves))
    gradients = tf.gradients(loss, variables + [inputs] + leaves)
    with v1.Session() as session:
        for variable in variables:
            variable.load(values[variable], session)
        return [digest(v) for v in session.run([outputs] + final + gradients)]


def print_case(fields, ragged, digests):
    """One initializer of test_reference_tensorflow.c's table."""
    items = ["{{SIZES", *(".kind = " + fields + "}").split(", "), "true" if ragged else "false"]
    items += ["%.17g" % d for d in digests]
    items[len(items) - len(digests)] = "{" + items[len(items) - len(digests)]
    items[-1] += "}}"
    print("\n ".join(textwrap.wrap(", ".join(items) + ",", 96)))


def main():
    print("/* Printed by tensorflow_digests.py, TensorFlow %s; do not edit. */" % tf.__version__)
    for fields, make_cell in CELLS:
        for activation_name, activation in ACTIVATIONS:
            for ragged in (False, True):
                print_case("%s, .activation = %s" % (fields, activation_name), ragged,
                           run(make_cell, activation, ragged))


if __name__ == "__main__":
    main()
