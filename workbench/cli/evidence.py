"""``workbench verify``: check the evidence of a release offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import print_json

UNTRUSTED = 2


def verify(
    file: Annotated[Path, typer.Argument(help="An evidence.json.")],
    domain_key: Annotated[
        str | None, typer.Option(help="The domain's public key, 'ed25519:…' or a .pub file.")
    ] = None,
    space: Annotated[
        Path | None, typer.Option("--space", help="A space.toml that names the domain's key.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="The released tensors; the .safetensors beside FILE if it is there."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Verify a release: exit 0 if all holds, 1 if not, 2 if the signer was not checked."""
    from workbench.documents import PublicKey
    from workbench.documents.errors import InvalidConfiguration, VerificationFailed
    from workbench.evidence.bundle import Bundle
    from workbench.evidence.verify import verify as check

    beside = (file.parent / f"{name}.safetensors" for name in ("model", "statistics"))
    model = model or next((path for path in beside if path.is_file()), None)
    try:
        content = file.read_bytes()
        model_bytes = model.read_bytes() if model else None
    except OSError as error:
        raise InvalidConfiguration(f"cannot read {error.filename}: {error.strerror}") from None
    trusted: PublicKey | None = None
    if domain_key is not None:
        path = Path(domain_key)
        text = path.read_text() if path.is_file() else domain_key
        trusted = PublicKey.from_text(text)
    elif space is not None:
        from workbench.documents import DatasetCard
        from workbench.documents.envelope import payload_of
        from workbench.space.connection import connect

        name = payload_of(Bundle.parse(content).card, DatasetCard).domain
        domains = connect(space).domains
        if name not in domains:
            raise VerificationFailed(f"{space} names no domain '{name}'")
        trusted = domains[name].public_key
    found = check(content, trusted, model_bytes)
    release = found.release
    if as_json:
        print_json(
            {
                "trusted": found.trusted,
                "checks": list(found.checks),
                "domain": release.domain,
                "request": release.request,
                "epsilon": release.privacy.epsilon,
                "delta": release.privacy.delta,
            }
        )
    else:
        for name in found.checks:
            typer.echo(f"ok: {name}")
        typer.echo(
            f"{release.domain} released this on {release.released[:19]} at epsilon "
            f"{release.privacy.epsilon:.4g}, delta {release.privacy.delta:g}"
        )
        for metric in release.metrics:
            typer.echo(
                f"{metric.name}: {metric.value:.4g} ± {metric.standard_error:.2g}, as signed"
            )
        if model_bytes is None and (release.model or release.statistics):
            typer.echo("not checked: what was released with it; give its file with --model")
    if not found.trusted:
        typer.echo(
            "NOT CHECKED: who signed. Everything fits together, but the domain's key is the one "
            "in the file.\n  Give --domain-key or --space to check the signer.",
            err=True,
        )
        raise typer.Exit(UNTRUSTED)
