"""Keras: models whose layers form a chain (tf.keras of TensorFlow 2, which is Keras 2 or 3)."""

import os

import numpy as np
from model_file import Network, Refused, basic_rnn, gru, lstm, random_inputs, save

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tensorflow import keras, nest

RECURRENT = ("LSTM", "GRU", "SimpleRNN")
NOTHING = ("InputLayer", "Dropout", "SpatialDropout1D", "GaussianNoise", "GaussianDropout", "AlphaDropout")
CELL_ACTIVATIONS = ("tanh", "sigmoid", "relu", "linear")
PLAIN_RELU = {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}


def activation(config, layer, allowed=CELL_ACTIVATIONS + ("softmax",), key="activation"):
    name = config[key]
    if name not in allowed:
        raise Refused(f"{layer.name}: {key} {name!r}, expected one of {', '.join(allowed)}")
    return name


def weights_of(layer, config, count):
    weights = [np.asarray(w, np.float64) for w in layer.get_weights()]
    count -= not config["use_bias"]
    if len(weights) != count:
        raise Refused(f"{layer.name}: has {len(weights)} weights, expected {count}")
    return weights


def recurrent_cell(layer, backward=False):
    """A cell with its tensors, of an LSTM, GRU or SimpleRNN layer."""
    kind, config = type(layer).__name__, layer.get_config()
    for key, expected in {"go_backwards": backward, "time_major": False, "return_state": False}.items():
        if config.get(key, expected) != expected:
            raise Refused(f"{layer.name}: {key}={config[key]}")
    act = activation(config, layer, CELL_ACTIVATIONS)
    weights = weights_of(layer, config, 3)
    kernel, recurrent_kernel = weights[:2]
    bias = weights[2] if config["use_bias"] else np.zeros(kernel.shape[1])
    if kind == "SimpleRNN":
        return basic_rnn(kernel, recurrent_kernel, bias, act)
    activation(config, layer, ("sigmoid",), "recurrent_activation")
    if kind == "LSTM":
        return lstm(kernel, recurrent_kernel, bias, "ifgo", act)
    input_bias, state_bias = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
    return gru(kernel, recurrent_kernel, input_bias, state_bias, "zrn", config["reset_after"], act)


def add_recurrent(network, layer):
    """Adds an LSTM, GRU, SimpleRNN or Bidirectional layer."""
    if type(layer).__name__ != "Bidirectional":
        network.recurrent([recurrent_cell(layer)])
        returns = layer.return_sequences
    else:
        merge = {"concat": "concat", "sum": "sum"}.get(layer.merge_mode)
        if merge is None:
            raise Refused(f"{layer.name}: merge_mode={layer.merge_mode!r}")
        ways = [layer.forward_layer, layer.backward_layer]
        for way in ways:
            if type(way).__name__ not in RECURRENT:
                raise Refused(f"{layer.name}: Bidirectional of {type(way).__name__}")
        network.recurrent([recurrent_cell(way, k == 1) for k, way in enumerate(ways)], merge)
        returns = layer.forward_layer.return_sequences
    if not returns:
        network.return_last()


def add_layer(network, layer):
    kind, config = type(layer).__name__, layer.get_config()
    if kind == "TimeDistributed":
        layer = layer.layer
        kind, config = type(layer).__name__, layer.get_config()
        if kind not in ("Dense", "Activation") + NOTHING:
            raise Refused(f"{layer.name}: TimeDistributed of {kind}")
    if kind in RECURRENT or kind == "Bidirectional":
        add_recurrent(network, layer)
    elif kind == "Dense":
        weights = weights_of(layer, config, 2)
        network.dense(weights[0], weights[1] if config["use_bias"] else None, activation(config, layer))
    elif kind == "Activation":
        network.activation(activation(config, layer))
    elif kind == "Softmax":
        if config["axis"] not in (-1, 1 if network.gives_last() else 2):
            raise Refused(f"{layer.name}: Softmax over axis {config['axis']}")
        network.activation("softmax")
    elif kind == "ReLU":
        if any(config.get(key, value) != value for key, value in PLAIN_RELU.items()):
            raise Refused(f"{layer.name}: a ReLU with a slope, threshold or maximum")
        network.activation("relu")
    elif kind not in NOTHING:
        hint = "; take it out and give sequence_length instead" if kind == "Masking" else ""
        raise Refused(f"{layer.name}: {kind} cannot be expressed{hint}")


def chain(model):
    """The layers of a model that is one chain, each after it was found to be the next."""
    if isinstance(model, keras.Sequential):
        yield from model.layers
        return
    before = None
    for layer in model.layers:
        if before and [node.parent_nodes for node in layer._inbound_nodes] != [before._inbound_nodes]:
            raise Refused(f"{layer.name}: does not follow {before.name} alone; the layers are not a chain")
        yield layer
        before = layer
    last = model.outputs[0]._keras_history[0]
    if last is not before:
        raise Refused(f"{last.name}: {type(last).__name__} gives the output, and is no layer")


def stateless(layer):
    """The same layer that starts at zero each time, takes any batch and gives zeros past a row's length."""
    config = layer.get_config()
    for one in (config, config.get("layer", {}).get("config", {}), config.get("backward_layer", {}).get("config", {})):
        one.pop("batch_input_shape", None)
        if "stateful" in one:
            one["stateful"] = False
        if "return_sequences" in one:
            one["zero_output_for_mask"] = one["return_sequences"]
    return type(layer).from_config(config)


def evaluator(layers, width):
    """A function from inputs and lengths to what Keras computes."""
    copies = [stateless(layer) for layer in layers if type(layer).__name__ != "InputLayer"]

    def run(inputs, mask):
        x = inputs
        for copied in copies:
            takes_mask = type(copied).__name__ in RECURRENT + ("Bidirectional",)
            y = copied(x, mask=mask, training=False) if takes_mask and mask is not None else copied(x, training=False)
            x = y.numpy()  # an array, for a tensor hands the mask on to layers that want none
            if takes_mask and x.ndim == 2:
                mask = None
        return x

    run(np.zeros((1, 1, width), np.float32), None)
    for copied, layer in zip(copies, (layer for layer in layers if type(layer).__name__ != "InputLayer")):
        copied.set_weights(layer.get_weights())
    return lambda inputs, lengths: run(
        inputs, None if lengths is None else np.arange(inputs.shape[1]) < lengths[:, None])


def own_test(model):
    """Inputs of the shape that the model is made for, and what the model itself makes of them."""
    batch, time, width = model.inputs[0].shape
    (inputs, _), = random_inputs(width, False, ((batch or 2, time or 6),))
    stateful = [layer for layer in model.layers if getattr(layer, "stateful", False)]
    for layer in stateful:
        layer.reset_states()
    outputs, = nest.flatten(model(inputs, training=False))
    for layer in stateful:
        layer.reset_states()
    return inputs, None, outputs.numpy()


def from_keras(model, path):
    """Writes a model whose layers form a chain as the model file `path`; returns a description.

    The states of a stateful model are set to zero.
    """
    if not getattr(model, "inputs", None):
        raise Refused("the model has no input: it must begin with a keras.Input")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise Refused(f"{model.name}: has {len(model.inputs)} inputs and {len(model.outputs)} outputs, "
                      "expected one of each")
    shape = tuple(model.inputs[0].shape)
    if len(shape) != 3 or not shape[-1]:
        raise Refused(f"the input has the shape {shape}, expected (batch, time, features)")
    network = Network(shape[-1])
    for layer in chain(model):
        add_layer(network, layer)
    run = evaluator(model.layers, network.input_size)
    tests = [(x, lengths, run(x, lengths))
             for x, lengths in random_inputs(network.input_size, network.last_recurrent() is not None)]
    return save(path, network, tests + [own_test(model)])


def main(path, output):
    return from_keras(keras.models.load_model(path, compile=False), output)
