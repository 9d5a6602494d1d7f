# Sine networks fitted to images one after another in PyTorch, as one would write it: a network, Adam, a cosine, random pixels.

import math

import torch

from peer import serve


class Siren(torch.nn.Module):
    def __init__(self, hidden, omega):
        super().__init__()
        self.omega = omega
        self.first = torch.nn.Linear(2, hidden)
        self.second = torch.nn.Linear(hidden, hidden)
        self.out = torch.nn.Linear(hidden, 1)
        with torch.no_grad():
            self.first.weight.uniform_(-1 / 2, 1 / 2)
            for layer in (self.second, self.out):
                limit = math.sqrt(6 / hidden) / omega
                layer.weight.uniform_(-limit, limit)
            for layer in (self.first, self.second, self.out):
                layer.bias.zero_()

    def forward(self, places):
        waves = torch.sin(self.omega * self.first(places))
        return self.out(torch.sin(self.omega * self.second(waves)))


def fit(image, places, config):
    """One network; its peak signal-to-noise ratio in dB over all pixels, whose values run from -1 to 1."""
    network = Siren(config["hidden"], config["omega"])
    optimizer = torch.optim.Adam(network.parameters(), lr=config["rate"])
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config["steps"])
    for _ in range(config["steps"]):
        chosen = torch.randint(len(image), (config["pixels"],))
        loss = torch.mean((network(places[chosen]) - image[chosen]) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        falling.step()
    with torch.no_grad():
        error = torch.mean((network(places) - image) ** 2)
    return 10 * math.log10(4 / error.item())


def build(config):
    torch.set_num_threads(config["threads"])
    torch.manual_seed(config["seed"])
    images = torch.tensor(config["images"]).unsqueeze(2)
    places = torch.tensor(config["places"]).reshape(-1, 2)
    works = {"fit": lambda: {"psnr": [fit(image, places, config) for image in images]}}
    return works, {"torch": torch.__version__}


serve(build)
