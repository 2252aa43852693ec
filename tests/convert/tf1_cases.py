"""TensorFlow 1: checkpoints of graphs that are written here as a program of the time would write them."""

import importlib.util
import json
import os

if importlib.util.find_spec("tf_keras"):  # its cells are not in Keras 3
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
import numpy as np
import tensorflow as tf
from suite import Suite, reference

v1 = tf.compat.v1
v1.logging.set_verbosity(v1.logging.ERROR)
rnn = v1.nn.rnn_cell
suite = Suite("tf1")
WIDTH = 3


def dense(x, units, activation=None, name="dense"):
    with v1.variable_scope(name):
        y = tf.tensordot(x, v1.get_variable("kernel", (x.shape[-1], units)), 1) + v1.get_variable("bias", (units,))
    return activation(y) if activation else y


def over_time(make, scope="rnn"):
    return lambda x: v1.nn.dynamic_rnn(make(), x, dtype=tf.float32, scope=scope)[0]


def bidirectional(x, forward, backward, scope="bidirectional_rnn"):
    return v1.nn.bidirectional_dynamic_rnn(forward, backward, x, dtype=tf.float32, scope=scope)[0]


def checkpoint(name, build):
    """A checkpoint with Adam's slots, random weights; and a function that runs its graph."""
    path = suite.path(name.replace(" ", "_"))
    graph = tf.Graph()
    with graph.as_default():
        x = v1.placeholder(tf.float32, (None, None, WIDTH))
        y = build(x)
        v1.train.AdamOptimizer().minimize(tf.reduce_sum(y), v1.train.get_or_create_global_step())
        saver = v1.train.Saver()
        session = v1.Session()
        session.run(v1.global_variables_initializer())
        generator = np.random.default_rng(1)
        for variable in v1.trainable_variables():
            session.run(variable.assign(generator.standard_normal(variable.shape) * 0.6))
        saver.save(session, path)
    return path, lambda inputs: session.run(y, {x: inputs})


def described(name, graph):
    path = suite.path(name + ".json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(graph if isinstance(graph, str) else json.dumps(graph))
    return path


# What names and shapes tell.
inferred = {
    "basic rnn": (over_time(lambda: rnn.BasicRNNCell(4)), (), {}),
    "basic lstm": (over_time(lambda: rnn.BasicLSTMCell(4)), (), {"forget_bias": 1.0}),
    "lstm": (over_time(lambda: rnn.LSTMCell(4)), (), {}),
    "lstm without forget bias": (over_time(lambda: rnn.LSTMCell(4, forget_bias=0.0)), ("--forget-bias", "0"), {}),
    "peepholes": (over_time(lambda: rnn.LSTMCell(4, use_peepholes=True)), (), {"use_peepholes": True}),
    "projection": (over_time(lambda: rnn.LSTMCell(5, use_peepholes=True, num_proj=2)), (), {"num_proj": 2}),
    "gru in a scope": (over_time(lambda: rnn.GRUCell(4), "encoder/layer/rnn"), (), {"scope": "encoder/layer/rnn"}),
    "multi": (over_time(lambda: rnn.MultiRNNCell([rnn.LSTMCell(4), rnn.GRUCell(3), rnn.BasicRNNCell(5)])), (), {}),
    "bidirectional": (lambda x: dense(tf.concat(bidirectional(x, rnn.LSTMCell(5), rnn.GRUCell(4)), -1), 2), (), {}),
    "two layers": (lambda x: dense(over_time(lambda: rnn.LSTMCell(6), "second")(
        tf.tanh(dense(x, 5, name="first"))), 2, tf.nn.softmax),
        ("--activation", "first=tanh", "--activation", "dense=softmax"), {"scope": "first"}),
    "last": (lambda x: dense(over_time(lambda: rnn.GRUCell(4))(x)[:, -1], 7, tf.nn.softmax),
             ("--last", "--activation", "dense=softmax"), {"return": "last"}),
    "renamed": (over_time(lambda: rnn.LSTMCell(4, name="mine")), ("--rename", "rnn/mine=rnn/lstm_cell"), {}),
}
for name, (build, options, expected) in inferred.items():
    path, run = checkpoint(name, build)
    suite.converts(name, path, run, *options, **expected)

# What only --graph can say.
clipped = {"input_size": WIDTH, "layers": [
    {"type": "rnn", "cell": {"type": "multi_rnn", "cells": [
        {"type": "residual", "cell": {"type": "lstm", "num_units": WIDTH, "cell_clip": 0.4, "forget_bias": 0.5}},
        {"type": "lstm", "num_units": 6, "num_proj": 4, "proj_clip": 0.3, "use_peepholes": True,
         "activation": "relu"}]}},
    {"type": "bidirectional_rnn", "scope": "both", "forward": {"type": "lstm", "num_units": 5},
     "backward": {"type": "basic_rnn", "num_units": 5, "activation": "sigmoid"}, "merge": "sum", "return": "last"}]}


def build_clipped(x):
    y = over_time(lambda: rnn.MultiRNNCell([
        rnn.ResidualWrapper(rnn.LSTMCell(WIDTH, cell_clip=0.4, forget_bias=0.5)),
        rnn.LSTMCell(6, num_proj=4, proj_clip=0.3, use_peepholes=True, activation=tf.nn.relu)]))(x)
    fw, bw = bidirectional(y, rnn.LSTMCell(5), rnn.BasicRNNCell(5, activation=tf.sigmoid), "both")
    return fw[:, -1] + bw[:, 0]


path, run = checkpoint("clipped", build_clipped)
suite.converts("clips and residuals", path, run, "--graph", described("clipped", clipped))

# contrib's cells, which TensorFlow 2 has dropped: weights under their names.


def variables(name, graph):
    """A checkpoint of nothing but random variables that a graph needs."""
    def build(x):
        generator = np.random.default_rng(1)
        named = {n: v1.Variable(generator.standard_normal(s).astype(np.float32) * 0.6, name=n)
                 for n, s in reference.layout(reference.complete(graph))[0].items()}
        return tf.reduce_sum(x) * sum(tf.reduce_sum(v) for v in named.values())
    return checkpoint(name, build)[0]


def one_cell(**cell):
    return {"input_size": WIDTH, "layers": [{"type": "rnn", "cell": {"num_units": 4, **cell}}]}


for cell in (dict(type="cudnn_compatible_gru"), dict(type="layer_norm_basic_lstm"),
             dict(type="layer_norm_basic_lstm", layer_norm=False)):
    name = " ".join(map(str, cell.values()))
    suite.converts(name, variables(name, one_cell(**cell)), None)


def latest_of_a_folder():
    status, _, err = suite.command(suite.folder, suite.output("latest"), "--forget-bias", "1")
    assert status == 0, err


suite.run("a folder stands for its latest checkpoint", latest_of_a_folder)

# What is refused.
gru, _ = checkpoint("plain gru", over_time(lambda: rnn.GRUCell(4)))
suite.refuses("'embedding' is not one of a known cell", checkpoint("embedding", lambda x: over_time(
    lambda: rnn.GRUCell(4))(x) * v1.get_variable("embedding", (9, 4))[0])[0])
suite.refuses("no variables of a known cell", checkpoint("nothing", lambda x: x * v1.get_variable("w", (1,)))[0])
suite.refuses("the order of the layers is not certain", checkpoint("square", lambda x: over_time(
    lambda: rnn.GRUCell(WIDTH), "b")(over_time(lambda: rnn.GRUCell(WIDTH), "a")(x)))[0])
suite.refuses("do not follow each other", checkpoint("branches", lambda x: tf.reduce_sum(dense(x, 4, name="a"))
                                                     + dense(x, 5, name="b"))[0])
suite.refuses("no dense layer 'dense'", gru, "--activation", "dense=tanh")
suite.refuses("takes NAME=VALUE", gru, "--rename", "x")
suite.refuses("has no variable", gru, "--graph", described("other", one_cell(type="lstm")))
suite.refuses("expected (8, 10)", gru, "--graph", described("wide", one_cell(type="gru", num_units=5)))
for part, graph in (("unknown type 'lstn'", one_cell(type="lstn")),
                    ("unknown key 'depth'", one_cell(type="gru", depth=1)),
                    ("num_units 0", one_cell(type="gru", num_units=0)),
                    ("cell_clip -1", one_cell(type="lstm", cell_clip=-1)),
                    ("'type' is repeated", '{"input_size": 3, "layers": [{"type": "rnn", "type": "rnn"}]}'),
                    ("has no layers", []), ("Expecting", "{"), ("recursion", "[" * 100000)):
    suite.refuses(part, gru, "--graph", described("bad", graph))
suite.refuses("No such file", gru, "--graph", suite.path("no.json"))


def damaged():
    for end in (".index", ".data-00000-of-00001"):
        bad, _ = checkpoint("bad", over_time(lambda: rnn.GRUCell(4)))
        for data in (b"", b"\0" * 500):
            with open(bad + end, "wb") as file:
                file.write(data)
            status, _, err = suite.command(bad, suite.output("damaged"))
            assert status == 1 and err.count("\n") == 1 and bad in err, f"{end}: {status}: {err}"


checkpoint("model.ckpt-100", inferred["last"][0])
described("graph", {"input_size": WIDTH, "layers": [{"type": "rnn", "cell": {"type": "gru", "num_units": 4}},
                                                    {"type": "dense", "units": 7}]})
suite.documented()
suite.run("damaged checkpoints are refused in one line", damaged)
suite.refuses("no such checkpoint", suite.path("missing"))
suite.same_bytes(gru)
suite.wrong_usage()
suite.end()
