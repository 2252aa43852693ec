"""The counting example in TensorFlow 1's way: a graph with LSTMCell and dynamic_rnn."""

import importlib.util
import os

if importlib.util.find_spec("tf_keras"):
    os.environ["TF_USE_LEGACY_KERAS"] = "1"

import tensorflow

from counting_recipe import UNITS, run

v1 = tensorflow.compat.v1
v1.disable_v2_behavior()


class Network:
    def __init__(self, bits, classes, threads):
        v1.set_random_seed(1)
        x = v1.placeholder(tensorflow.float32, [None, bits, 1])
        labels = v1.placeholder(tensorflow.int64, [None])
        rate = v1.placeholder(tensorflow.float32, [])
        state = v1.nn.dynamic_rnn(v1.nn.rnn_cell.LSTMCell(UNITS), x, dtype=tensorflow.float32)[1]
        kernel = v1.get_variable("dense/kernel", [UNITS, classes])
        bias = v1.get_variable("dense/bias", [classes], initializer=v1.zeros_initializer())
        logits = tensorflow.matmul(state.h, kernel) + bias
        loss = v1.reduce_mean(v1.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
        step = v1.train.AdamOptimizer(rate).minimize(loss)
        config = v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)
        session = v1.Session(config=config)
        session.run(v1.global_variables_initializer())
        self.train = session.make_callable([loss, step], [x, labels, rate])
        self.predict = session.make_callable(v1.argmax(logits, -1), [x])


run("tf1", tensorflow.__version__, Network)
