"""PyTorch: every module, saved in every way and alive."""

import itertools

import torch
from suite import Suite, read, to_lstm
from torch import nn

suite = Suite("torch")
torch.manual_seed(1)


class Net(nn.Module):
    """A recurrent module and a matrix, as most programs have them."""

    def __init__(self, rnn, fc, last, softmax):
        super().__init__()
        self.rnn, self.fc, self.last, self.softmax = rnn, fc, last, softmax

    def forward(self, x):
        y, state = self.rnn(x)
        if self.last:
            h = state[0] if isinstance(state, tuple) else state
            y = torch.cat([h[-2], h[-1]], 1) if self.rnn.bidirectional else h[-1]
        y = self.fc(y)
        return y.softmax(-1) if self.softmax else y


class Decoder(nn.Module):
    """An LSTM cell with a 1x1 convolution after it, in the form that a voice-activity model has."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTMCell(128, 128)
        self.decoder = nn.Sequential(nn.Dropout(0.1), nn.ReLU(), nn.Conv1d(128, 1, 1), nn.Sigmoid())

    def forward(self, x, h, c):
        h, c = self.rnn(x, (h, c))
        return self.decoder(h.unsqueeze(-1)).squeeze(-1), h, c


def louder(module):
    """Weights that matter: PyTorch's first ones are small."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.mul_(2.5 if weight.numel() < 1000 else 1)
    return module.eval()


def outputs(net):
    def run(x):
        with torch.no_grad():
            return net(torch.from_numpy(x)).numpy()
    return run


# Every module, from a state_dict.
kinds = {"lstm": (nn.LSTM, {}), "gru": (nn.GRU, {}), "rnn_tanh": (nn.RNN, {"nonlinearity": "tanh"}),
         "rnn_relu": (nn.RNN, {"nonlinearity": "relu"}), "lstm proj": (nn.LSTM, {"proj_size": 3})}
for (kind, (make, options)), layers, bidirectional in itertools.product(kinds.items(), (1, 2), (False, True)):
    last = layers == 2
    rnn = make(3, 5, layers, batch_first=True, bidirectional=bidirectional, bias=layers == 1 or bidirectional,
               **options)
    net = louder(Net(rnn, nn.Linear((1 + bidirectional) * options.get("proj_size", 5), 2), last, not bidirectional))
    file = suite.path("state_dict.pt")
    torch.save(net.state_dict(), file)
    name = f"{kind} {'bidirectional' if bidirectional else 'forward'} layers {layers}"
    suite.converts(name, file, outputs(net), "--layers", f"rnn={kind.split()[0]},fc=linear"
                   + ("" if bidirectional else ",softmax"), *(["--last"] if last else []))

# Every way of saving.
net = louder(Net(nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 4), False, False))
layers = ("--layers", "rnn=lstm,fc=linear")
state_dict = suite.path("state_dict.pt")
torch.save(net.state_dict(), state_dict)
torch.save({"state_dict": net.state_dict(), "epoch": 3}, suite.path("checkpoint.pt"))
torch.jit.script(net).save(suite.path("scripted.pt"))
torch.save(nn.LSTM(3, 4).state_dict(), suite.path("bare.pt"))
sequence = louder(nn.Sequential(nn.GRU(3, 4), nn.Dropout(), nn.Sequential(nn.Linear(4, 2), nn.Sigmoid())))
torch.save(sequence, suite.path("sequence.pt"))
suite.converts("a checkpoint with a state_dict", suite.path("checkpoint.pt"), outputs(net), *layers)
suite.converts("TorchScript", suite.path("scripted.pt"), outputs(net), *layers)
suite.converts("weights without a prefix", suite.path("bare.pt"), None, "--layers", ".=lstm")
suite.converts("a pickled Sequential", suite.path("sequence.pt"), None, "--trust")
try:
    from safetensors.torch import save_file
    save_file(net.state_dict(), suite.path("weights.safetensors"))
    suite.converts("safetensors", suite.path("weights.safetensors"), outputs(net), *layers)
except ImportError:
    print("# torch: no safetensors package, so its files are not tested")

decoder = louder(Decoder())
torch.jit.script(decoder).save(suite.path("decoder.pt"))


def steps(x):
    h = c = torch.zeros(x.shape[0], 128)
    results = []
    with torch.no_grad():
        for t in range(x.shape[1]):
            y, h, c = decoder(torch.from_numpy(x[:, t]), h, c)
            results.append(y)
    return torch.stack(results, 1).numpy()


suite.converts("a voice-activity decoder", suite.path("decoder.pt"), steps, "--layers",
               "rnn=lstm,relu,decoder.2=linear,sigmoid")


# Alive.
def alive():
    modules = [nn.Linear(3, 4), nn.Tanh(), nn.LSTMCell(4, 5), nn.GRUCell(5, 4), nn.RNNCell(4, 3, nonlinearity="relu"),
               nn.Linear(3, 2, bias=False), nn.Softmax(-1)]
    to_lstm.from_torch([louder(module) for module in modules], suite.output("alive"), last=True)
    suite.check("alive", None)


def alive_with_reference():
    output = suite.output("alive_with_reference")
    to_lstm.from_torch([net.rnn, net.fc], output, reference=net)
    assert len(read(output)[2]) == 5
    try:
        to_lstm.from_torch([net.rnn, net.fc, nn.Tanh()], output, reference=net)
    except to_lstm.Refused as error:
        assert "differs" in str(error)
    else:
        raise AssertionError("a list that is not what the model computes")


def training_mode_is_left_alone():
    module = nn.Sequential(nn.LSTM(3, 4, 2, dropout=0.5), nn.Dropout(), nn.Linear(4, 1)).double().train()
    to_lstm.from_torch(module, suite.output("training"))
    assert module.training and module[0].weight_hh_l0.dtype == torch.float64 and not module[0].batch_first


suite.run("modules of one step, alive", alive)
suite.run("a live model is compared too", alive_with_reference)
suite.run("a module in training stays so", training_mode_is_left_alone)

# What is refused.
for module, part in ((nn.Sequential(nn.Embedding(4, 3)), "Embedding"), (nn.LogSoftmax(-1), "LogSoftmax"),
                     (nn.Conv1d(3, 3, 3), "Conv1d"), (nn.Softmax(1), "Softmax(dim=1)"), (nn.LayerNorm(4), "LayerNorm"),
                     (nn.Flatten(), "Flatten"), (nn.MultiheadAttention(4, 1), "MultiheadAttention")):
    torch.save(nn.Sequential(nn.LSTM(3, 4), module), suite.path("refused.pt"))
    suite.refuses(part, suite.path("refused.pt"), "--trust")
suite.refuses("give --trust", suite.path("sequence.pt"))
suite.refuses("such as rnn=lstm,fc=linear", state_dict)
suite.refuses("unknown kind 'lstn'", state_dict, "--layers", "rnn=lstn")
suite.refuses("below 'fcc'", state_dict, "--layers", "rnn=lstm,fcc=linear")
suite.refuses("are not those of a module 'gru'", state_dict, "--layers", "rnn=gru")
suite.refuses("dense_1/kernel has the shape (5, 4), expected (4, 4)", state_dict,
              "--layers", "rnn=lstm,fc=linear,fc=linear")
suite.refuses("there is no recurrent layer", state_dict, "--layers", "fc=linear", "--last")
for dtype in (torch.complex64, torch.int8):
    torch.save({"weight": torch.ones(4, 3, dtype=dtype)}, suite.path("dtype.pt"))
    suite.refuses(f"'weight' below '.' is {dtype}", suite.path("dtype.pt"), "--layers", ".=linear")
torch.save([1, 2], suite.path("list.pt"))
suite.refuses("neither a module nor named weights", suite.path("list.pt"))
net.fc.weight.data[0, 0] = float("nan")
torch.save(net.state_dict(), suite.path("nan.pt"))
suite.refuses("differs from the framework by nan", suite.path("nan.pt"), *layers)

net = louder(Net(nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 4), False, False))
torch.save(net.state_dict(), suite.path("net.pt"))
suite.documented(net=net)
suite.wrong_gates_are_found(state_dict, *layers)
suite.damaged_files_are_refused(state_dict, *layers)
suite.same_bytes(state_dict, *layers)
suite.wrong_usage()
suite.end()
