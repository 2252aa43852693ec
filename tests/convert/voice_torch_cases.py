"""The recurrent parts of a public voice-activity model, from its TorchScript file, beside the whole of it."""

import torch
from suite import Suite
from voice import compare, unpacked, windows

suite = Suite("torch")
path = unpacked(suite, "silero_vad.jit")
original = torch.jit.load(path).eval()


def convert(model, part):
    decoder = f"{part}.decoder"
    status, _, err = suite.command(path, suite.output(model), "--layers",
                                   f"{decoder}.rnn=lstm,relu,{decoder}.decoder.2=linear,sigmoid")
    assert status == 0, err


def run(model, part, rate):
    net = getattr(original, part)
    state, features, probabilities = torch.zeros(0), [], []
    with torch.no_grad():
        for window in torch.from_numpy(windows(rate, 20)):
            features.append(net.encoder(net.run_extractors(window[None])).squeeze())
            probability, state = net(window[None], state)
            probabilities.append(probability.squeeze())
    h, c = state.numpy()
    compare(suite, model, torch.stack(features).numpy(), torch.stack(probabilities).numpy(), (c, h))


for rate, part in ((16000, "_model"), (8000, "_model_8k")):
    suite.run(f"the recurrent part of a voice-activity model for {rate} Hz, from TorchScript", convert, f"voice {rate}",
              part)
    suite.run(f"its probabilities for a voice at {rate} Hz", run, f"voice {rate}", part, rate)
suite.end()
