"""Train models of Keras 3: its layers on the torch backend, as one PyTorch module.

Keras keeps its variables beside the module's parameters, so that PyTorch's export would take them
for constants. Here each variable is a parameter or a buffer of a module, and the model is called
with their values.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from workbench.errors import InvalidArgument, LayersConverted, MissingPackage, warn_at_their_line
from workbench.graphs.export.normalization import groups_for


class _Shared:
    """Keeps a Keras model out of the module's own parts, and one for all copies of the module."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __deepcopy__(self, memo: dict[int, Any]) -> _Shared:
        return self


class KerasModule(nn.Module):
    """A Keras model as a module: called with a batch, as the model is.

    Parameters
    ----------
    model
        A built Keras model on the torch backend. Its variables are copied.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._keras = _Shared(model)
        self._trained = _names(model.trainable_variables)
        self._fixed = _names(model.non_trainable_variables, "fixed_")
        for name, variable in zip(self._trained, model.trainable_variables, strict=True):
            self.register_parameter(name, nn.Parameter(_value(variable)))
        for name, variable in zip(self._fixed, model.non_trainable_variables, strict=True):
            self.register_buffer(name, _value(variable))

    def forward(self, *inputs: torch.Tensor) -> Any:
        """Return what the model gives for a batch; of the shapes and dtypes that it was built for.

        In training mode dropout is on; what layers would write down (such as the state of a random
        generator) is left as it is.
        """
        given = inputs[0] if len(inputs) == 1 else list(inputs)
        outputs, _ = self._keras.model.stateless_call(
            [*map(self.get_parameter, self._trained)],
            [*map(self.get_buffer, self._fixed)],
            given,
            training=self.training,
        )
        return outputs

    def to_keras(self) -> Any:
        """Return a copy of the Keras model with this module's values."""
        import keras

        made = keras.models.clone_model(self._keras.model)
        values = [*map(self.get_parameter, self._trained), *map(self.get_buffer, self._fixed)]
        variables = [*made.trainable_variables, *made.non_trainable_variables]
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value.detach())
        return made


def from_keras(model: Any) -> KerasModule:
    """Return a Keras 3 model as a module that a training function takes.

    Batch normalization that is trained becomes group normalization, with a notice; a layer with
    ``trainable = False`` keeps its statistics. Set ``KERAS_BACKEND=torch`` before you import Keras.

    Parameters
    ----------
    model
        A ``keras.Model`` that is built, so that its weights have shapes.

    Raises
    ------
    MissingPackage
        If Keras is not installed, or runs on another backend.
    InvalidArgument
        If it is no built Keras model.

    Warns
    -----
    LayersConverted
        Names the layers that became others.
    """
    try:
        import keras
    except ImportError:
        raise MissingPackage(
            "from_keras: keras is not installed", "pip install 'dataspace-workbench[keras]'"
        ) from None
    if keras.backend.backend() != "torch":
        raise MissingPackage(
            f"from_keras: Keras runs on {keras.backend.backend()}; expected torch",
            "Set the environment variable KERAS_BACKEND=torch before keras is imported.",
        )
    if not isinstance(model, keras.Model) or not model.built:
        raise InvalidArgument(
            "from_keras: expected a keras.Model that is built",
            "Give it an Input, or call it once with a batch of its shape.",
        )
    return KerasModule(_without_batch_norm(model))


def _names(variables: list[Any], prefix: str = "") -> list[str]:
    """Return names that are the same in every session; Keras counts layers over a whole session."""
    return [f"{prefix}{place}_{variable.name}" for place, variable in enumerate(variables)]


def _value(variable: Any) -> torch.Tensor:
    value: torch.Tensor = variable.value.detach().cpu().clone()
    return value


def _without_batch_norm(model: Any) -> Any:
    """Return the model, or a copy in which trained batch normalization is group normalization."""
    import keras

    batch_norm = keras.layers.BatchNormalization
    found = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, batch_norm) and layer.trainable and layer.trainable_variables
    ]
    if not found:
        return model

    def replaced(layer: Any) -> Any:
        if layer not in found:
            return layer.__class__.from_config(layer.get_config())
        channels = layer.moving_mean.shape[0]
        return keras.layers.GroupNormalization(
            groups=math.gcd(channels, groups_for(channels)),
            axis=layer.axis,
            epsilon=layer.epsilon,
            center=layer.center,
            scale=layer.scale,
            name=layer.name,
        )

    made = keras.models.clone_model(model, clone_function=replaced)
    values = {variable.path: variable.value for variable in model.variables}
    for variable in made.variables:
        if variable.path in values:
            variable.assign(values[variable.path])
    names = ", ".join(f"'{layer.name}'" for layer in found[:5])
    warn_at_their_line(
        f"batch normalization mixes records: {names} became group normalization in what is "
        "trained. Your model is left as it is; result.model has the new layers.",
        LayersConverted,
    )
    return made
