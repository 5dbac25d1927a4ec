"""``workbench verify``: check the evidence of a release offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.views.terminal import print_json
from workbench.views.words import time_words

if TYPE_CHECKING:
    from workbench.evidence.verify import Verified

UNTRUSTED = 2


def verify(
    files: Annotated[list[Path], typer.Argument(help="One evidence.json or several.")],
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
    """Verify releases: exit code 0 if all holds, 1 if not, 2 if a signer was not checked.

    Of several releases of one domain it is also checked that its privacy ledger never went back.
    """
    from workbench.errors import VerificationFailed
    from workbench.evidence.receipts import receipt, went_back

    if model is not None and len(files) > 1:
        raise typer.BadParameter("for one FILE only", param_hint="--model")
    found = [_verified(file, domain_key, space, model) for file in files]
    told = []
    for file, one in zip(files, found, strict=True):
        release = one.release
        told.append(
            {
                "trusted": one.trusted,
                "checks": list(one.checks),
                "domain": release.domain,
                "request": release.request,
                "epsilon": release.privacy.epsilon,
                "delta": release.privacy.delta,
            }
        )
        if as_json:
            continue
        if len(files) > 1:
            typer.echo(f"{file}:")
        for name in one.checks:
            typer.echo(f"ok: {name}")
        typer.echo(
            f"{release.domain} released this on {time_words(release.released)} UTC at epsilon "
            f"{release.privacy.epsilon:.4g}, delta {release.privacy.delta:g}"
        )
        for metric in release.metrics:
            typer.echo(
                f"{metric.name}: {metric.value:.4g} ± {metric.standard_error:.2g}, as signed"
            )
        if release.files.keys() - set(one.checks):
            typer.echo("not checked: what was released with it; give its file with --model")
    kept = [receipt(one.release, one.domain_key) for one in found]
    problems = went_back([one for one in kept if one is not None])
    if as_json:
        print_json(told[0] if len(files) == 1 else {"releases": told, "ledgers": problems})
    if problems:
        raise VerificationFailed(
            "; ".join(problems),
            "Each release holds, but the domain has forgotten what it had spent. Ask its operator "
            "whether an old database was restored, or its clock set back.",
        )
    if len(files) > 1 and not as_json:
        typer.echo("ok: privacy ledgers")
    if not all(one.trusted for one in found):
        typer.echo(
            "NOT CHECKED: who signed. Everything fits together, but the domain's key is the one "
            "in the file.\n  Give --domain-key or --space to check the signer.",
            err=True,
        )
        raise typer.Exit(UNTRUSTED)


def _verified(
    file: Path, domain_key: str | None, space: Path | None, model: Path | None
) -> Verified:
    from workbench.documents import PublicKey
    from workbench.documents.plans import FILES
    from workbench.errors import InvalidConfiguration, VerificationFailed
    from workbench.evidence.bundle import Bundle
    from workbench.evidence.verify import verify as check

    beside = (file.parent / name for name in FILES.values())
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
        from workbench.documents.envelope import unverified
        from workbench.space.connection import connect

        name = unverified(Bundle.parse(content).card, DatasetCard).domain
        domains = connect(space).domains
        if name not in domains:
            raise VerificationFailed(f"{space} names no domain '{name}'")
        trusted = domains[name].public_key
    return check(content, trusted, model_bytes)
