"""The reference itself, by values that were worked out by hand and by what must hold for every cell."""

import itertools

import numpy as np
from suite import Suite, reference, same

suite = Suite("reference")
generator = np.random.default_rng(1)
LSTM = {"type": "lstm", "num_units": 4}
CELLS = [{"type": "basic_rnn", "num_units": 4}, {"type": "basic_lstm", "num_units": 4},
         {**LSTM, "use_peepholes": True, "cell_clip": 0.5, "num_proj": 2, "proj_clip": 0.3},
         {"type": "gru", "num_units": 4}, {"type": "cudnn_compatible_gru", "num_units": 4},
         {"type": "layer_norm_basic_lstm", "num_units": 4},
         {"type": "layer_norm_basic_lstm", "num_units": 4, "layer_norm": False},
         {"type": "multi_rnn", "cells": [LSTM, {"type": "residual", "cell": LSTM}, {"type": "gru", "num_units": 2}]}]


def golden():
    """The values of a cell by hand: K columns i, j, f, o; x = 1, 0, 1."""
    cases = [({"type": "lstm"}, [0.069167148, 0.036764319, 0.097130246]),
             ({"type": "lstm", "forget_bias": 0}, [0.069167148, 0.023972659, 0.081530846]),
             ({"type": "lstm", "use_peepholes": True}, [0.069568782, 0.036991442, 0.098257438]),
             ({"type": "lstm", "cell_clip": 0.15}, [0.069167148, 0.036764319, 0.089513999]),
             ({"type": "gru"}, [0.067431650, 0.058394747, 0.120434094]),
             ({"type": "cudnn_compatible_gru"}, [0.106978139, 0.146851015, 0.240099463])]
    weights = {"lstm_cell/kernel": [[.1, .2, .3, .4], [.5, -.6, .7, -.8]], "lstm_cell/bias": [.01, .02, .03, .04],
               "lstm_cell/w_i_diag": [.11], "lstm_cell/w_f_diag": [.12], "lstm_cell/w_o_diag": [.13]}
    candidate = "cudnn_compatible_gru_cell/candidate/"
    for kind in ("gru_cell", "cudnn_compatible_gru_cell"):
        weights.update({f"{kind}/gates/kernel": [[.1, .2], [.5, -.6]], f"{kind}/gates/bias": [1., 1.]})
    weights.update({"gru_cell/candidate/kernel": [[.3], [.7]], "gru_cell/candidate/bias": [0.],
                    candidate + "input_projection/kernel": [[.3]], candidate + "input_projection/bias": [.05],
                    candidate + "hidden_projection/kernel": [[.7]], candidate + "hidden_projection/bias": [.2]})
    for cell, expected in cases:
        graph = {"input_size": 1, "layers": [{"type": "rnn", "cell": {"num_units": 1, **cell}}]}
        names = reference.layout(reference.complete(graph))[0]
        tensors = {name: np.array(weights[name.partition("/")[2]]) for name in names}
        same(reference.run(graph, tensors, [[[1.], [0.], [1.]]])[0].ravel(), np.array(expected), str(cell))


def rows_stand_alone(cell, way, returns):
    """A row of a batch is what it is alone and cut to its length; padding is NaN."""
    layer = {"type": "rnn", "cell": cell} if way == "forward" else \
        {"type": "bidirectional_rnn", "forward": cell, "backward": cell, "merge": way}
    graph = {"input_size": 3, "layers": [{"type": "dense", "scope": "first", "units": 3}, {**layer, "return": returns},
                                         {"type": "dense", "units": 2, "activation": "softmax"}]}
    tensors = {name: generator.standard_normal(shape)
               for name, shape in reference.layout(reference.complete(graph))[0].items()}
    x, lengths = generator.standard_normal((4, 6, 3)), [6, 0, 3, 1]
    padded = np.where(np.arange(6)[None, :, None] < np.array(lengths)[:, None, None], x, np.nan)
    outputs, states = reference.run(graph, tensors, padded, lengths)
    assert np.all(np.isfinite(outputs))
    for row, n in enumerate(lengths):
        alone, final = reference.run(graph, tensors, x[row:row + 1, :n])
        same(outputs[row:row + 1] if returns == "last" else outputs[row:row + 1, :n],
             alone, f"row {row}") if alone.size else None
        assert all(np.allclose(leaf[row], other[0]) for leaf, other in zip(states, final)), f"state of row {row}"


def streams(cell):
    """A sequence in two pieces is the sequence."""
    graph = {"input_size": 3, "layers": [{"type": "rnn", "cell": cell}]}
    tensors = {name: generator.standard_normal(shape)
               for name, shape in reference.layout(reference.complete(graph))[0].items()}
    x = generator.standard_normal((2, 7, 3))
    whole, _ = reference.run(graph, tensors, x)
    first, state = reference.run(graph, tensors, x[:, :3])
    second, _ = reference.run(graph, tensors, x[:, 3:], None, state)
    same(np.concatenate([first, second], 1), whole, "the outputs")


def dense_layers_give_zeros_for_padding():
    graph = {"input_size": 2, "layers": [{"type": "dense", "units": 2, "activation": "sigmoid"}]}
    tensors = {"dense/kernel": np.eye(2), "dense/bias": np.ones(2)}
    outputs, _ = reference.run(graph, tensors, np.full((2, 3, 2), np.nan), [0, 0])
    assert np.array_equal(outputs, np.zeros((2, 3, 2)))


suite.run("dense layers before any recurrent one give zeros for padding", dense_layers_give_zeros_for_padding)
suite.run("values worked out by hand", golden)
for cell, way, returns in itertools.product(CELLS, ("forward", "concat", "sum"), ("sequence", "last")):
    suite.run(f"{cell['type']} {way} {returns}: rows stand alone", rows_stand_alone, cell, way, returns)
for cell in CELLS:
    suite.run(f"{cell['type']}: a sequence in two pieces", streams, cell)
suite.end()
