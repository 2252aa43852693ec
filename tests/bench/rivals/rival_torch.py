"""PyTorch: its own LSTM, GRU and RNN modules over time-major arrays, eager, with the fused Adam where there is one."""

import torch

from worker import CLASSES, LEARNING_RATE, STREAM_STEPS, Unsupported

MODULES = {"lstm": torch.nn.LSTM, "cudnn_compatible_gru": torch.nn.GRU, "basic_rnn": torch.nn.RNN}
ORDERS = {"lstm": "ifjo", "cudnn_compatible_gru": "ruc", "basic_rnn": "h"}


def describe():
    capability = getattr(torch.backends, "cpu", None)
    isa = capability.get_cpu_capability().lower() if capability else "default"
    return torch.__version__, isa


class Model:
    def __init__(self, p):
        self.p = p
        self.order = ORDERS[p.cell]
        self.layer = MODULES[p.cell](p.input, p.units)
        parts = [torch.from_numpy(part) for part in p.by_gates(self.order)]
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        self.parameters = [getattr(self.layer, name) for name in names]
        with torch.no_grad():
            for parameter, part in zip(self.parameters, parts):
                parameter.copy_(part.T if part.dim() == 2 else part)
        self.inputs = torch.from_numpy(p.inputs if p.is_stream else p.inputs.swapaxes(0, 1).copy())
        if not p.is_stream:
            self.dense = torch.nn.Linear(p.units, CLASSES)
            with torch.no_grad():
                self.dense.weight.copy_(torch.from_numpy(p.dense_kernel).T)
                self.dense.bias.copy_(torch.from_numpy(p.dense_bias))
            self.labels = torch.from_numpy(p.labels.argmax(-1))
            self.lengths = torch.from_numpy(p.lengths).long()

    def last(self):
        """The last output of each row: with lengths, of a packed sequence, which PyTorch sorts itself."""
        x = self.inputs
        if self.p.ragged:
            x = torch.nn.utils.rnn.pack_padded_sequence(x, self.lengths, enforce_sorted=False)
        state = self.layer(x)[1]
        return (state[0] if self.p.cell == "lstm" else state)[0]


class Training(Model):
    def __init__(self, p):
        super().__init__(p)
        everything = self.parameters + list(self.dense.parameters())
        try:
            self.adam = torch.optim.Adam(everything, LEARNING_RATE, fused=True)
        except (TypeError, RuntimeError):  # before version 2.4 there was none for the CPU
            self.adam = torch.optim.Adam(everything, LEARNING_RATE)
        self.answers = [self.last().detach(), self.dense(self.last()).detach()]
        first = self.step()
        gradients = [parameter.grad.numpy().T for parameter in self.parameters]
        self.answers += p.from_gates(self.order, *gradients)
        self.answers += [self.dense.weight.grad.numpy().T, self.dense.bias.grad.numpy()]
        self.answers += [first, self.loss().detach()]

    def loss(self):
        return torch.nn.functional.cross_entropy(self.dense(self.last()), self.labels)

    def step(self):
        self.adam.zero_grad(set_to_none=True)
        loss = self.loss()
        loss.backward()
        self.adam.step()
        return loss.detach()

    def run(self, calls):
        for _ in range(calls):
            self.step()


class Inference(Model):
    def __init__(self, p):
        super().__init__(p)
        self.layer.eval()
        with torch.inference_mode():
            last = self.last()
            self.answers = [last, self.dense(last)]

    def run(self, calls):
        with torch.inference_mode():
            for _ in range(calls):
                self.dense(self.last())


class Stream(Model):
    def __init__(self, p):
        super().__init__(p)
        self.layer.eval()
        state = torch.zeros(1, 1, p.units)
        self.state = (state, state.clone()) if p.cell == "lstm" else state
        self.at = 0
        self.answers = []
        self.run(STREAM_STEPS // p.time, self.answers.append)

    def run(self, calls, keep=lambda output: None):
        time = self.p.time
        with torch.inference_mode():
            for _ in range(calls):
                output, self.state = self.layer(self.inputs[self.at : self.at + time], self.state)
                self.at = (self.at + time) % STREAM_STEPS
                keep(output)


def create(p):
    if p.cell not in MODULES:
        raise Unsupported("PyTorch has no such cell")
    torch.set_num_threads(p.threads)
    return {"train": Training, "infer": Inference}.get(p.kind, Stream)(p)
