"""Convolutional networks in the manner of ResNet, MobileNet and EfficientNet, on 8x8 digits.

They are written as in the papers, with batch normalization, which export converts.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from tests.engine.families.common import (
    Study,
    assert_sum_is_that_of_autograd,
    category,
    metric,
    schema,
    tensor,
    trained,
)
from workbench.errors import LayersConverted
from workbench.graphs.export.normalization import RecordNorm, without_batch_norm


def _digits(classes: int = 4) -> Study:
    x, y = load_digits(n_class=classes, return_X_y=True)

    def classify(model, record):
        image = record["image"].unsqueeze(0) / 8 - 1
        logits = model(image.unsqueeze(0))[0]
        return F.cross_entropy(logits, record["y"]), {"accuracy": logits.argmax() == record["y"]}

    columns = {"image": x.reshape(-1, 8, 8).astype(np.float32), "y": y.astype(np.int64)}
    return Study(classify, schema(tensor("image", (8, 8), 0, 16), category("y", classes)), columns)


class ResidualBlock(nn.Module):
    """He et al. 2015, arXiv:1512.03385, figure 2."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)) + self.shortcut(x))


def resnet():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        ResidualBlock(16, 16, 1),
        ResidualBlock(16, 32, 2),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 4),
    )


def separable(inputs, outputs, stride):
    """Howard et al. 2017, arXiv:1704.04861, figure 3: depthwise, then pointwise."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU6(),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


def mobilenet():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU6(),
        separable(16, 32, 1),
        separable(32, 32, 2),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 4),
    )


class InvertedBottleneck(nn.Module):
    """Tan and Le 2019, arXiv:1905.11946: expansion, depthwise, squeeze-and-excite, projection."""

    def __init__(self, width, expansion):
        super().__init__()
        inner = width * expansion
        self.expand = nn.Sequential(
            nn.Conv2d(width, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.SiLU()
        )
        self.depthwise = nn.Sequential(
            nn.Conv2d(inner, inner, 3, padding=1, groups=inner, bias=False),
            nn.BatchNorm2d(inner),
            nn.SiLU(),
        )
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(inner, width // 4, 1),
            nn.SiLU(),
            nn.Conv2d(width // 4, inner, 1),
            nn.Sigmoid(),
        )
        self.project = nn.Sequential(nn.Conv2d(inner, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        h = self.depthwise(self.expand(x))
        return x + self.project(h * self.squeeze(h))


def efficientnet():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, 2, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.SiLU(),
        InvertedBottleneck(16, 2),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 4),
    )


@pytest.mark.slow
@pytest.mark.parametrize("make", [resnet, mobilenet, efficientnet])
def test_image_network(make):
    study = _digits()
    torch.manual_seed(0)
    model = make()
    converted = without_batch_norm(model, quiet=True)
    assert any(isinstance(layer, RecordNorm) for layer in converted.modules())
    assert_sum_is_that_of_autograd(study, converted)
    with pytest.warns(LayersConverted):
        _, result = trained(
            study, model, learning_rate=0.02, optimizer="adam", steps=25, sample_rate=0.4
        )
    # Chance is 0.25.
    assert metric(result, "accuracy") > 0.8
