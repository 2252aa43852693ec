"""The counting example in PyTorch."""

import torch

from counting_recipe import UNITS, run


class Network:
    def __init__(self, bits, classes, threads):
        torch.set_num_threads(threads)
        torch.manual_seed(1)
        self.lstm = torch.nn.LSTM(1, UNITS, batch_first=True)
        self.dense = torch.nn.Linear(UNITS, classes)
        limit = (6 / (1 + UNITS + 4 * UNITS)) ** 0.5  # TensorFlow's, for one matrix of inputs and states
        with torch.no_grad():
            self.lstm.weight_ih_l0.uniform_(-limit, limit)
            self.lstm.weight_hh_l0.uniform_(-limit, limit)
            self.lstm.bias_ih_l0.zero_()[UNITS : 2 * UNITS] = 1  # the forget bias
            self.lstm.bias_hh_l0.zero_()
            torch.nn.init.xavier_uniform_(self.dense.weight)
            self.dense.bias.zero_()
        parameters = list(self.lstm.parameters()) + list(self.dense.parameters())
        try:
            self.adam = torch.optim.Adam(parameters, fused=True)
        except (TypeError, RuntimeError):  # before version 2.4 there was none for the CPU
            self.adam = torch.optim.Adam(parameters)

    def logits(self, inputs):
        return self.dense(self.lstm(torch.from_numpy(inputs))[1][0][0])

    def train(self, inputs, labels, learning_rate):
        self.adam.param_groups[0]["lr"] = learning_rate
        self.adam.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(self.logits(inputs), torch.from_numpy(labels)).backward()
        self.adam.step()

    def predict(self, inputs):
        with torch.inference_mode():
            return self.logits(inputs).argmax(-1).numpy()


run("torch", torch.__version__, Network)
