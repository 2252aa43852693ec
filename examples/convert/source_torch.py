"""PyTorch: modules in sequence, alive or saved."""

import copy
import inspect
import pickle
import zipfile

import numpy as np
import torch
from model_file import Network, Refused, basic_rnn, gru, lstm, random_inputs, save
from torch import nn

SEQUENCES = (nn.LSTM, nn.GRU, nn.RNN)
CELLS = {nn.LSTMCell: nn.LSTM, nn.GRUCell: nn.GRU, nn.RNNCell: nn.RNN}
ACTIVATIONS = {nn.Tanh: "tanh", nn.Sigmoid: "sigmoid", nn.ReLU: "relu", nn.Softmax: "softmax"}
NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout)
KINDS = "lstm, gru, rnn_tanh, rnn_relu, linear, tanh, sigmoid, relu, softmax"


# ==== Modules

def flatten(modules):
    """The modules of nested nn.Sequentials, in order."""
    for module in modules:
        if type(module) in (nn.Sequential, nn.ModuleList):
            yield from flatten(module)
        elif type(module) not in NOTHING:
            yield module


def array(tensor):
    return tensor.detach().numpy().astype(np.float64)


def recurrent_cell(module, suffix):
    """One layer and direction of a recurrent module. suffix: what its weights' names end in."""
    weight_ih, weight_hh = (array(getattr(module, f"weight_{kind}{suffix}")).T for kind in ("ih", "hh"))
    if module.bias:
        bias_ih, bias_hh = (array(getattr(module, f"bias_{kind}{suffix}")) for kind in ("ih", "hh"))
    else:
        bias_ih = bias_hh = np.zeros(weight_ih.shape[1])
    kind = CELLS.get(type(module), type(module))
    if kind is nn.RNN:
        return basic_rnn(weight_ih, weight_hh, bias_ih + bias_hh, module.nonlinearity)
    if kind is nn.GRU:
        return gru(weight_ih, weight_hh, bias_ih, bias_hh, "rzn", True)
    projection = array(getattr(module, f"weight_hr{suffix}")).T if getattr(module, "proj_size", 0) else None
    return lstm(weight_ih, weight_hh, bias_ih + bias_hh, "ifgo", projection=projection)


def convert(modules, last):
    network = None
    recurrent = [k for k, module in enumerate(modules) if type(module) in SEQUENCES or type(module) in CELLS]
    for k, module in enumerate(modules):
        kind = type(module)
        if network is None:
            size = getattr(module, "input_size", getattr(module, "in_features", None))
            if size is None:
                raise Refused(f"{kind.__name__}: the first module must be recurrent or nn.Linear")
            network = Network(size)
        if kind in SEQUENCES:
            for layer in range(module.num_layers):
                ways = ("", "_reverse") if module.bidirectional else ("",)
                network.recurrent([recurrent_cell(module, f"_l{layer}{way}") for way in ways])
        elif kind in CELLS:
            network.recurrent([recurrent_cell(module, "")])
        elif kind is nn.Linear:
            network.dense(array(module.weight).T, None if module.bias is None else array(module.bias))
        elif kind in ACTIVATIONS:
            rank = 2 if last and recurrent and k > recurrent[-1] else 3
            if kind is nn.Softmax and module.dim not in (-1, rank - 1):
                raise Refused(f"Softmax(dim={module.dim}): only over the last dimension")
            network.activation(ACTIVATIONS[kind])
        else:
            raise Refused(f"{kind.__name__}: not among LSTM, GRU, RNN, their cells, Linear, Tanh, Sigmoid, ReLU, "
                          "Softmax, Dropout, Identity")
    if network is None:
        raise Refused("there are no modules")
    if last:
        network.return_last()
    return network


# ==== PyTorch's own outputs

def unrolled(cell, x):
    """A module of one step, such as nn.LSTMCell, over x [batch, time, width]."""
    state, outputs = None, []
    for t in range(x.shape[1]):
        state = cell(x[:, t], state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    return torch.stack(outputs, 1)


def recurrent_outputs(module, x, lengths):
    """Outputs [batch, time, width] and the last ones [batch, width] of a recurrent module."""
    if type(module) in CELLS:
        y = unrolled(module, x)
        for row, length in enumerate(lengths):
            y[row, length:] = 0
        return y, y[torch.arange(len(lengths)), lengths - 1]
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    y, state = module(packed)
    y, _ = nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
    h = state[0] if isinstance(state, tuple) else state
    return y, torch.cat([h[-2], h[-1]], 1) if module.bidirectional else h[-1]


def evaluate(modules, inputs, lengths, last):
    """What the modules themselves make of inputs [batch, time, width]."""
    x = torch.from_numpy(inputs)
    if lengths is None:
        lengths = np.full(inputs.shape[0], inputs.shape[1])
    recurrent = [module for module in modules if type(module) in SEQUENCES or type(module) in CELLS]
    with torch.no_grad():
        for module in modules:
            if module in recurrent:
                x, final = recurrent_outputs(module, x, torch.from_numpy(lengths))
                if last and module is recurrent[-1]:
                    x = final
            else:
                x = module(x)
    return x.numpy()


def frozen(module):
    """A copy that is in evaluation mode, in float32, on the CPU. Layouts are the caller's affair: batch first here."""
    if not isinstance(module, nn.Module):
        raise Refused(f"{type(module).__name__}: not a PyTorch module")
    module = copy.deepcopy(module).cpu().float().eval()
    if type(module) in SEQUENCES:
        module.batch_first = True
    return module


def from_torch(modules, path, last=False, reference=None):
    """Writes modules (an nn.Sequential, a module or a list of them) as the model file `path`; returns a description.

    A recurrent module passes its outputs on; of the last one, with `last`, only the output at each row's end (h_n;
    of a bidirectional one forward's and backward's). reference: a function, such as the module that uses these, from a
    float32 tensor [batch, time, input] to [batch, time, width] or, with `last`, [batch, width]; its outputs are then
    recorded too, and the model must agree with them.
    """
    modules = [frozen(module) for module in flatten(modules if isinstance(modules, (list, tuple)) else [modules])]
    network = convert(modules, last)
    with_lengths = network.last_recurrent() is not None
    tests = [(x, lengths, evaluate(modules, x, lengths, last))
             for x, lengths in random_inputs(network.input_size, with_lengths)]
    if reference is not None:
        with torch.no_grad():
            tests += [(x, None, reference(torch.from_numpy(x)).cpu().float().numpy()) for x, _, _ in tests[:2]]
    return save(path, network, tests)


# ==== Saved modules and weights

def is_torchscript(path):
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.split("/")[1:] == ["constants.pkl"] for name in archive.namelist())


def load(path, trust):
    """A module or a dict of tensors. Unpickling a module runs code that the file brings along."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file
        return load_file(path)
    if is_torchscript(path):
        return dict(torch.jit.load(path, map_location="cpu").state_dict())
    options = {"weights_only": True} if "weights_only" in inspect.signature(torch.load).parameters else {}
    if trust or not options:
        options = {"weights_only": False} if options else {}
        if not trust:
            raise Refused(f"{path}: this PyTorch cannot load weights alone; if you trust the file, give --trust")
    try:
        saved = torch.load(path, map_location="cpu", **options)
    except pickle.UnpicklingError as error:
        if trust:
            raise
        raise Refused(f"{path}: holds more than weights, and loading it runs code of its own; "
                      "if you trust it, give --trust") from error
    if isinstance(saved, dict) and isinstance(saved.get("state_dict"), dict):
        saved = saved["state_dict"]
    return saved


def weights_below(weights, name):
    prefix = "" if name == "." else name + "."
    found = {key[len(prefix):]: value for key, value in weights.items() if key.startswith(prefix)}
    return {key: value for key, value in found.items() if "." not in key and isinstance(value, torch.Tensor)}


def rebuilt(kind, name, weights):
    """The module that a word of --layers names, with the sizes and weights of the file."""
    simple = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "relu": nn.ReLU}
    if kind in simple:
        return simple[kind]()
    if kind == "softmax":
        return nn.Softmax(-1)
    if kind not in KINDS.split(", "):
        raise Refused(f"--layers: unknown kind {kind!r}, expected one of {KINDS}")
    found = weights_below(weights, name)
    matrix = found.get("weight" if kind == "linear" else "weight_ih_l0", found.get("weight_ih"))
    if kind == "linear" and matrix is not None and matrix.ndim == 3 and matrix.shape[2] == 1:
        matrix = found["weight"] = matrix.squeeze(2)  # a Conv1d that sees one step
    if matrix is None or matrix.ndim != 2:
        raise Refused(f"--layers: no weights of a module {kind!r} below {name!r}")
    odd = next((key for key, value in found.items() if not value.is_floating_point()), None)
    if odd is not None:
        raise Refused(f"--layers: {odd!r} below {name!r} is {found[odd].dtype}, expected numbers with a fraction")
    if "weight_ih" in found:
        found = {f"{key}_l0": value for key, value in found.items()}
    try:
        module = sized(kind, matrix, found)
        module.load_state_dict(found)
    except (RuntimeError, ValueError, ZeroDivisionError) as error:
        detail = str(error).splitlines()[-1].strip()
        raise Refused(f"--layers: the weights below {name!r} are not those of a module {kind!r}: {detail}") from error
    return module


def sized(kind, matrix, found):
    """A module with the sizes of the weights in `found`; matrix: the one that multiplies its input."""
    if kind == "linear":
        return nn.Linear(matrix.shape[1], matrix.shape[0], bias="bias" in found)
    gates = {"lstm": 4, "gru": 3}.get(kind, 1)
    options = {"nonlinearity": kind[4:]} if gates == 1 else {}
    if "weight_hr_l0" in found:
        options["proj_size"] = found["weight_hr_l0"].shape[0]
    layers = len([key for key in found if key.startswith("weight_ih_l") and not key.endswith("_reverse")])
    return {4: nn.LSTM, 3: nn.GRU, 1: nn.RNN}[gates](
        matrix.shape[1], matrix.shape[0] // gates, num_layers=layers, bias="bias_ih_l0" in found,
        bidirectional="weight_ih_l0_reverse" in found, **options)


def suggestion(weights):
    """--layers of the recurrent modules and matrices that are there, in the file's order."""
    words = []
    for key, value in weights.items():
        prefix, _, weight = key.rpartition(".")
        if weight in ("weight_ih_l0", "weight_ih") and isinstance(value, torch.Tensor):
            hidden = weights.get(f"{prefix}.{weight}".lstrip(".").replace("_ih", "_hh"))
            gates = value.shape[0] // hidden.shape[1] if isinstance(hidden, torch.Tensor) and hidden.ndim == 2 else 0
            words.append(f"{prefix or '.'}={ {4: 'lstm', 3: 'gru', 1: 'rnn_tanh'}.get(gates, 'lstm')}")
        elif weight == "weight" and isinstance(value, torch.Tensor) and value.ndim == 2:
            words.append(f"{prefix or '.'}=linear")
    return ",".join(words)


def main(path, output, layers=None, last=False, trust=False):
    saved = load(path, trust)
    if isinstance(saved, nn.Module) and layers is None:
        return from_torch(saved, output, last)
    weights = saved.state_dict() if isinstance(saved, nn.Module) else saved
    if not isinstance(weights, dict) or not any(isinstance(value, torch.Tensor) for value in weights.values()):
        raise Refused(f"{path}: neither a module nor named weights")
    if layers is None:
        raise Refused(f"{path}: weights do not say what is computed from them; give --layers, "
                      f"such as {suggestion(weights) or 'lstm=lstm,fc=linear'}")
    modules, used = [], set()
    for word in layers.split(","):
        name, separator, kind = word.rpartition("=")
        modules.append(rebuilt(kind, name or ".", weights))
        if separator:
            used |= {key for key in weights if key.rpartition(".")[0] == ("" if name == "." else name)}
    left = [key for key in weights if key not in used]
    said = from_torch(modules, output, last)
    return said + (f"\nnot used: {', '.join(left)}" if left else "")
