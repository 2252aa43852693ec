"""Keras: every layer that can be expressed, in every kind of file and alive, and those that cannot."""

import numpy as np
from suite import Suite, to_lstm
from tensorflow import keras

L = keras.layers
suite = Suite("keras")
generator = np.random.default_rng(1)
SEQUENCES = {"return_sequences": True}


def filled(model):
    model.set_weights([generator.standard_normal(w.shape) * 0.6 for w in model.get_weights()])
    return model


def sequential(*layers, shape=(None, 3), batch=None):
    return filled(keras.Sequential([L.Input(shape, batch_size=batch), *layers]))


def saved(name, model, end=".keras"):
    path = suite.path(name.replace(" ", "_") + end)
    model.save(path)
    return path


def outputs(model):
    return lambda x: model(x, training=False).numpy()


def converts(name, *layers, end=".keras", **expected):
    model = sequential(*layers)
    recurrent = any(isinstance(layer, (L.RNN, L.Bidirectional)) for layer in layers)
    suite.converts(name, saved(name, model, end), outputs(model), lengths=recurrent, **expected)


for activation in ("tanh", "sigmoid", "relu", "linear"):
    converts(f"LSTM {activation}", L.LSTM(5, activation=activation, **SEQUENCES), type="rnn", forget_bias=0.0,
             activation=activation)
converts("GRU", L.GRU(5, **SEQUENCES), L.Dense(2))
converts("GRU reset before", L.GRU(5, reset_after=False, **SEQUENCES), L.Dense(2, use_bias=False))
converts("SimpleRNN last", L.SimpleRNN(5), L.Dense(2, activation="softmax"), **{"return": "last"})
converts("stack without biases", L.LSTM(4, use_bias=False, **SEQUENCES), L.GRU(5, use_bias=False, **SEQUENCES),
         L.GRU(4, use_bias=False, reset_after=False, **SEQUENCES), L.SimpleRNN(3, use_bias=False))
converts("bidirectional concat", L.Bidirectional(L.LSTM(5, **SEQUENCES)),
         L.TimeDistributed(L.Dense(3, activation="relu")), merge="concat")
converts("bidirectional sum last", L.Bidirectional(L.GRU(5), merge_mode="sum"), L.Dense(3), merge="sum")
converts("bidirectional of two kinds", L.Bidirectional(
    L.LSTM(5, **SEQUENCES), backward_layer=L.SimpleRNN(5, go_backwards=True, **SEQUENCES)), L.Bidirectional(L.LSTM(3)))
converts("dense first", L.Dense(4, activation="tanh"), L.Dropout(0.5), L.LSTM(5, dropout=0.3, recurrent_dropout=0.3,
                                                                             **SEQUENCES),
         L.SpatialDropout1D(0.2), L.GaussianNoise(1.0), L.Dense(3), L.Activation("sigmoid"))
converts("dense alone", L.Dense(4), L.ReLU(), L.Dense(2), L.Softmax())
converts("activation of a recurrent layer", L.LSTM(4, **SEQUENCES), L.ReLU(), L.Dense(2), L.Activation("tanh"))
converts("softmax of a recurrent layer", L.LSTM(4, **SEQUENCES), L.Softmax(2))
converts("h5", L.LSTM(5), L.Dense(3), end=".h5")
if not hasattr(keras, "ops"):  # Keras 3 cannot open one
    converts("SavedModel", L.Bidirectional(L.LSTM(5)), L.Dense(3), end="")

stateful = sequential(L.LSTM(4, stateful=True, **SEQUENCES), L.Dense(1), shape=(7, 3), batch=2)
suite.converts("stateful of a fixed size", saved("stateful", stateful), None)
inputs = L.Input((6, 3), name="inputs")
chain = filled(keras.Model(inputs, L.Dense(2)(L.LSTM(4)(inputs))))
suite.converts("functional chain", saved("chain", chain), outputs(chain))
named = keras.Model({"inputs": inputs}, {"outputs": chain.outputs[0]})
suite.converts("functional chain with named ends", saved("named", named), outputs(chain))


def alive():
    masked = sequential(L.Masking(), L.LSTM(4), L.Softmax(1))
    to_lstm.from_keras(keras.Sequential([L.Input((None, 3)), *masked.layers[1:]]), suite.output("alive"))
    suite.check("alive", outputs(masked))


def without_input():
    try:
        to_lstm.from_keras(keras.Sequential([L.LSTM(3)]), suite.output("alive"))
    except to_lstm.Refused as error:
        assert "keras.Input" in str(error)
    else:
        raise AssertionError("a model without an input")


suite.run("a live model, its Masking taken out", alive)
suite.run("refused: a live model whose input is not known", without_input)

refused = {
    "recurrent_activation 'hard_sigmoid'": [L.LSTM(3, recurrent_activation="hard_sigmoid")],
    "activation 'elu'": [L.GRU(3, activation="elu")],
    "activation 'gelu'": [L.LSTM(3), L.Dense(3, activation="gelu")],
    "go_backwards=True": [L.LSTM(3, go_backwards=True)],
    "merge_mode='ave'": [L.Bidirectional(L.LSTM(3), merge_mode="ave")],
    "merge_mode='mul'": [L.Bidirectional(L.LSTM(3), merge_mode="mul")],
    "Masking": [L.Masking(), L.LSTM(3)],
    "Conv1D": [L.Conv1D(3, 2), L.LSTM(3)],
    "BatchNormalization": [L.LSTM(3), L.BatchNormalization()],
    "a ReLU with a slope": [L.Dense(3), L.ReLU(6.0)],
    "a ReLU with a slope, threshold or maximum": [L.Dense(3), L.ReLU(max_value=0.0)],
    "Softmax over axis 1": [L.Dense(3), L.Softmax(1)],
    "Flatten": [L.LSTM(3, **SEQUENCES), L.Flatten()],
    "TimeDistributed of Flatten": [L.TimeDistributed(L.Flatten())],
    "RNN cannot": [L.RNN(L.StackedRNNCells([L.LSTMCell(3), L.GRUCell(3)]))],
    "LayerNormalization": [L.LSTM(3), L.LayerNormalization()],
}
for part, layers in refused.items():
    suite.refuses(part, saved("refused", sequential(*layers, shape=(4, 3))))
residual = keras.Model(inputs, L.Add()([L.Dense(3)(inputs), inputs]))
suite.refuses("not a chain", saved("residual", residual))
several = keras.Model([inputs, L.Input((6, 2))], L.LSTM(4)(inputs))
suite.refuses("2 inputs and 1 outputs", saved("two_inputs", several))
suite.refuses("Masking cannot", saved("masked", keras.Model(inputs, L.LSTM(4)(L.Masking()(inputs)))))
clipped = keras.Model(inputs, keras.activations.hard_sigmoid(L.LSTM(4)(inputs)))
suite.refuses("HardSigmoid gives the output" if hasattr(keras, "ops") else "TFOpLambda cannot", saved("clipped", clipped))
suite.refuses("the input has the shape", saved("flat", sequential(L.Dense(2), shape=(4,))))

plain = saved("plain", sequential(L.LSTM(4), L.Dense(2)))
masked = sequential(L.Masking(), L.LSTM(4))
saved("net", keras.Sequential([L.Input((None, 3)), *masked.layers[1:]]))
suite.documented(keras=keras, model=masked)
suite.wrong_gates_are_found(plain)
suite.damaged_files_are_refused(plain)
suite.same_bytes(plain)
suite.wrong_usage()
suite.end()
