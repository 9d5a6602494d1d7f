# PyTorch with the published package nfn 0.1.2: stacks of NP or HNP layers with ReLU between them, and a training step.

import torch
from nfn.common import ArraySpec, NetworkSpec, WeightSpaceFeatures
from nfn.layers import HNPLinear, HNPPool, NPLinear, TupleOp
from peer import serve


def network(weights):
    """The specification of a network from its weights' shapes, outputs first."""
    return NetworkSpec(
        weight_spec=[ArraySpec(tuple(shape)) for shape in weights],
        bias_spec=[ArraySpec((shape[0],)) for shape in weights],
    )


def stack(spec, kind, channels):
    linear = {"np": NPLinear, "hnp": HNPLinear}[kind]
    layers = []
    for i in range(len(channels) - 1):
        layers.append(linear(spec, channels[i], channels[i + 1]))
        if i < len(channels) - 2:
            layers.append(TupleOp(torch.nn.ReLU()))
    return torch.nn.Sequential(*layers)


def features(weights, batch, channels):
    return WeightSpaceFeatures(
        [torch.randn(batch, channels, *shape, requires_grad=True) for shape in weights],
        [torch.randn(batch, channels, shape[0], requires_grad=True) for shape in weights],
    )


def layers(config):
    weights, channels = config["weights"], config["channels"]
    model = stack(network(weights), config["kind"], channels)
    x = features(weights, config["batch"], channels[0])

    def forward():
        with torch.no_grad():
            model(x)

    def backward():
        y = model(x)
        total = sum(w.sum() for w in y.weights) + sum(b.sum() for b in y.biases)
        total.backward()
        model.zero_grad(set_to_none=True)
        for leaf in [*x.weights, *x.biases]:
            leaf.grad = None

    return {"forward": forward, "backward": backward}


def training(config):
    """Forward, backward, clipping to norm 1 and one step of Adam, as the experiments train."""
    weights, channels, head = config["weights"], config["channels"], config["head"]
    spec = network(weights)
    body = stack(spec, config["kind"], channels)
    pool = torch.nn.Sequential(TupleOp(torch.nn.ReLU()), HNPPool(spec), torch.nn.Flatten())
    x = features(weights, config["batch"], channels[0])
    with torch.no_grad():
        width = pool(body(x)).shape[-1]
    sizes = [width, *head]
    top = []
    for i in range(len(head)):
        top.append(torch.nn.Linear(sizes[i], sizes[i + 1]))
        if i < len(head) - 1:
            top.append(torch.nn.ReLU())
    model = torch.nn.Sequential(body, pool, *top)
    targets = torch.rand(config["batch"], head[-1])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss = torch.nn.BCEWithLogitsLoss()

    def backward():
        optimizer.zero_grad(set_to_none=True)
        loss(model(x), targets).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    def forward():
        with torch.no_grad():
            model(x)

    return {"forward": forward, "backward": backward}


def build(config):
    torch.set_num_threads(config["threads"])
    torch.manual_seed(0)
    works = training(config) if "head" in config else layers(config)
    return works, {"version": torch.__version__}


serve(build)
