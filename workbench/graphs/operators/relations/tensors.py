"""Relations of the shapes and dtypes of tensors."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.graphs.operators.arguments.base import Arguments, Relation


def same_shape(*names: str) -> Relation:
    """Check that tensors, where given, have one shape."""

    def relation(call: Arguments) -> str | None:
        shapes = {call[name].shape for name in names if call[name] is not None}
        return None if len(shapes) == 1 else f"{shapes_of(call, names)}; they have to be equal"

    return relation


def same_dtype(*names: str) -> Relation:
    """Check that tensors, where given, have one dtype."""

    def relation(call: Arguments) -> str | None:
        given = [call[name] for name in names if call[name] is not None]
        if len({spec.dtype for spec in given}) == 1:
            return None
        kinds = ", ".join(str(spec.dtype).removeprefix("torch.") for spec in given)
        return f"{listed(names)} are of {kinds}; they have to be equal: convert with .to()"

    return relation


def broadcasts_to(target: str, *names: str) -> Relation:
    """Check that tensors, where given, broadcast to the shape of `target`, which stays."""

    def relation(call: Arguments) -> str | None:
        wanted = call[target].shape
        for name in names:
            spec = call[name]
            if spec is None:
                continue
            rank = len(spec.shape)
            last = wanted[len(wanted) - rank :] if rank <= len(wanted) else None
            if last is None or any(a not in (1, b) for a, b in zip(spec.shape, last, strict=True)):
                return f"'{name}' has shape {spec.shape}; it has to broadcast to {wanted}"
        return None

    return relation


def listed_alike(name: str, *, dtype: bool = True, rank: bool = False) -> Relation:
    """Check that the tensors of a list have one dtype, or rank."""

    def relation(call: Arguments) -> str | None:
        specs = call[name]
        if dtype and len({spec.dtype for spec in specs}) > 1:
            return f"'{name}' have several dtypes; they have to be equal: convert with .to()"
        if rank and len({len(spec.shape) for spec in specs}) > 1:
            return f"'{name}' have several numbers of dimensions; they have to be equal"
        return None

    return relation


def shapes_of(call: Arguments, names: Sequence[str]) -> str:
    """Return the shapes of arguments, in words."""
    given = [f"'{name}' has shape {call[name].shape}" for name in names if call[name] is not None]
    return ", ".join(given)


def listed(names: Sequence[str]) -> str:
    """Return names, in words."""
    return " and ".join(f"'{name}'" for name in names)
