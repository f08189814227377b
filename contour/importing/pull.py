"""A model from a URL: fetched, its hash checked, unpacked in a temporary folder, and brought in by what it is."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from contour.errors import ModelError
from contour.importing.archive import unpack
from contour.importing.fetch import Progress, checked_sha256, fetch
from contour.importing.fetch_source import shown_url
from contour.importing.imported import ImportedModel, Origin
from contour.importing.model_kind import Kind, find_model
from contour.segmentation.model_folder import proven, read_manifest, write_model
from contour.segmentation.store import ModelStore


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """What is asked for.

    Args:
        url: Of the archive: http, https or file.
        sha256: Of the archive.
        origin: What its user says of the model. A model of contour keeps what it says of itself, its name too.
        folds: Of an nnU-Net ensemble; None for all that are there.
        configuration: Of nnU-Net results with several; None for the one with most stages.
        replace: Take the place of a model of that name.
    """

    url: str
    sha256: str
    origin: Origin
    folds: Sequence[str] | None = None
    configuration: str | None = None
    replace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledModel:
    """What was brought in.

    Args:
        kind: `nnunet`, `monai` or `contour`.
        folder: The installed model's.
        model: What its user has to know; None for a model of contour, whose card says it.
    """

    kind: Kind
    folder: Path
    model: ImportedModel | None


def pull_model(
    request: PullRequest,
    models: Path,
    *,
    progress: Progress,
    cache: Path | None = None,
    on_network: Callable[[int, int], None] = lambda done, networks: None,
) -> PulledModel:
    """Fetch an archive and install the one model in it; on any fault the models folder is as it was.

    Args:
        request: What is asked for.
        models: The models folder; it is made where it is missing.
        progress: Told the bytes that have been fetched.
        cache: Where the archive is kept until its model is installed; None for a hidden folder beside `models`.
        on_network: Told how many of an nnU-Net's checkpoints have been read.

    Raises:
        InputError: not a URL (BAD_URL) or not a sha256 (BAD_SHA256).
        ModelError: one line for whatever is wrong with the archive or the model; a model of that name is there already
            (MODEL_EXISTS), or a model of contour has another name (NAME_MISMATCH).
    """
    beside, hidden = models.absolute().parent, f".{models.absolute().name}"
    kept = beside / f"{hidden}-fetched" if cache is None else cache
    _require_free(models / request.origin.name, request)
    archive = fetch(request.url, kept, sha256=request.sha256, progress=progress)
    with tempfile.TemporaryDirectory(prefix=f"{hidden}-pull-", dir=_made(beside)) as temporary:
        unpack(archive, Path(temporary) / "archive")
        kind, found = find_model(Path(temporary) / "archive")
        pulled = (
            _copied(found, models, request)
            if kind == "contour"
            else _imported(kind, found, models, request, on_network)
        )
    archive.unlink()
    if cache is None and not any(kept.iterdir()):
        kept.rmdir()
    return pulled


def _imported(
    kind: Kind, found: Path, models: Path, request: PullRequest, on_network: Callable[[int, int], None]
) -> PulledModel:
    model = _read_bundle(found, request) if kind == "monai" else _read_nnunet(found, request, on_network)
    sha256 = checked_sha256(request.sha256)
    model = replace(model, notes=(*model.notes, f"Fetched from {shown_url(request.url)}, sha256 {sha256}"))
    return PulledModel(kind=kind, folder=model.write(models, replace=request.replace), model=model)


def _read_nnunet(found: Path, request: PullRequest, on_network: Callable[[int, int], None]) -> ImportedModel:
    from contour.importing.nnunet import read_nnunet

    return read_nnunet(
        found, request.origin, folds=request.folds, configuration=request.configuration, on_network=on_network
    )


def _read_bundle(found: Path, request: PullRequest) -> ImportedModel:
    if request.folds is not None or request.configuration is not None:
        raise ModelError("this is a MONAI bundle; folds and configurations are of nnU-Net", reason="NOT_NNUNET")
    from contour.importing.monai_bundle import read_bundle

    return read_bundle(found, request.origin)


def _copied(found: Path, models: Path, request: PullRequest) -> PulledModel:
    """A model of ours, every file of it proven and loaded once, then copied as it is."""
    name, hashes = found.name, _hashes(found)
    spec_name = ModelStore((found.parent,)).load(name, device="cpu").card.name
    if spec_name != request.origin.name or spec_name != name:
        raise ModelError(
            f"this is contour's own model {spec_name!r} in a folder {name!r}, which keeps its name; expected --name "
            f"{spec_name}, found {request.origin.name!r}",
            reason="NAME_MISMATCH",
        )
    files = {file: proven(found, file, hashes) for file in hashes}
    _require_free(models / name, request)
    write_model(models / name, files)
    return PulledModel(kind="contour", folder=models / name, model=None)


def _hashes(found: Path) -> Mapping[str, str]:
    manifest = read_manifest(found.parent)
    if found.name not in manifest:
        raise ModelError(f"the manifest beside {found.name!r} does not name it", reason="BAD_MANIFEST")
    return manifest[found.name]


def _require_free(folder: Path, request: PullRequest) -> None:
    """Before anything is fetched: the reading of a large model should not end with this."""
    if folder.exists() and not request.replace:
        raise ModelError(
            f"a model {folder.name!r} is there already; expected another --name, or --replace", reason="MODEL_EXISTS"
        )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
