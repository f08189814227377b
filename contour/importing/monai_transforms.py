"""What a MONAI bundle does to an image before its network sees it, and in which windows: Compose and inferer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contour.importing.monai_config import Component, Entry

_TRANSFORMS = "monai.transforms"
_NO_MATTER = frozenset(
    {
        "keys", "allow_missing_keys", "dtype", "device", "lazy", "track_meta", "image_only",
        "meta_keys", "meta_key_postfix", "channel_wise",
    }
)  # fmt: skip
"""Arguments of any transform that change nothing of an image with one channel."""

_NOTHING_TO_DO = frozenset(
    {
        "EnsureChannelFirst", "AddChannel", "EnsureType", "ToTensor", "CastToType", "ToDevice", "Identity",
        "SelectItems", "DeleteItems", "CopyItems",
    }
)  # fmt: skip
_AXES = {"L": 0, "R": 0, "P": 1, "A": 1, "I": 2, "S": 2}
_ORDERS = {"bilinear": 1, "trilinear": 1, "linear": 1, "nearest": 0, 1: 1, 0: 0}
_WINDOWS_NO_MATTER = frozenset(
    {
        "roi_size", "overlap", "mode", "padding_mode", "sw_batch_size", "sw_device", "device", "progress",
        "cache_roi_weight_map", "cpu_thresh", "buffer_steps", "buffer_dim",
    }
)  # fmt: skip
_WINDOWS_AS_THEY_ARE = {"sigma_scale": 0.125, "cval": 0.0, "with_coord": False, "roi_weight_map": None}
_PADDINGS = {"constant": "zeros", "replicate": "edge"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What is done to a CT.

    Args:
        orientation: Towards which side the axes x, y, z run; empty where nothing turns the image.
        transpose: From our axes z, y, x to the bundle's.
        spacing_mm: Along the bundle's axes.
        order: Of the interpolation.
        steps: In which order a CT is resampled and normalised, as in a `spec.toml`.
        normalisation: Tables of a `spec.toml`.
        notes: What a user has to know, a sentence each.
    """

    orientation: str
    transpose: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    order: int
    steps: str
    normalisation: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]


def transforms_of(compose: Entry, key: str | None) -> Iterator[tuple[str, Component]]:
    """Each transform with its name without MONAI's `d`, those within others in their place.

    Args:
        compose: A Compose.
        key: Only of transforms that change this; None for all.

    Raises:
        ModelError: a transform that is not MONAI's (BAD_BUNDLE), or an expression in its place (BUNDLE_EXPRESSION).
    """
    outer = compose.component()
    if outer.name(_TRANSFORMS) != "Compose":
        raise compose.bad(f"is a {outer.target!r}, expected a Compose of MONAI's transforms")
    for entry in outer.argument("transforms", []).items():
        inner = entry.component()
        if inner.disabled:
            continue
        name = inner.name(_TRANSFORMS)
        if name == "Compose":
            yield from transforms_of(entry, key)
        elif key is None or key in keys_of(inner):
            yield plain_name(name), inner


def plain_name(name: str) -> str:
    """`Spacing` for Spacingd, SpacingD and SpacingDict."""
    for ending in ("Dict", "D", "d"):
        if name.endswith(ending):
            return name.removesuffix(ending)
    return name


def keys_of(transform: Component) -> list[Any]:
    """What a transform changes."""
    keys = transform.argument("keys").plain()
    return list(keys) if isinstance(keys, list) else [keys]


def read_preparation(compose: Entry) -> Preparation:
    """The preprocessing of a bundle.

    Raises:
        ModelError: a transform or argument that is not known here, by name (BAD_BUNDLE); an expression
            (BUNDLE_EXPRESSION).
    """
    reading = _Reading(compose)
    key = next((keys_of(one)[0] for name, one in transforms_of(compose, None) if name == "LoadImage"), None)
    for name, transform in transforms_of(compose, key):
        reading.take(name, transform, key)
    return reading.done()


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    compose: Entry
    axes: str = ""
    spacing: tuple[float, float, float] | None = None
    order: int = 1
    before: list[dict[str, Any]] = field(default_factory=list)
    after: list[dict[str, Any]] = field(default_factory=list)
    cropped: bool = False

    def take(self, name: str, transform: Component, key: object) -> None:
        if name in _NOTHING_TO_DO:
            return
        if name == "LoadImage":
            if transform.argument("affine_lps_to_ras", default=True).plain() is not True:
                raise transform.entry.bad("loads images in LPS coordinates, which is not known here")
        elif name == "Orientation":
            self._turn(transform)
        elif name == "Spacing":
            self._space(transform, key)
        elif name == "CropForeground":
            self.cropped = True
        elif name in _INTENSITIES:
            self._normalise(_INTENSITIES[name](transform), transform)
        else:
            known = ", ".join(f"{one}d" for one in ("Orientation", "Spacing", *_INTENSITIES))
            raise transform.entry.bad(f"is a {transform.target!r}, which is not known here; expected {known}")

    def done(self) -> Preparation:
        if self.spacing is None:
            raise self.compose.bad("has no Spacingd: the voxel size of the training images is not said")
        if self.before and self.after:
            raise self.compose.bad("changes intensities before Spacingd and after it, expected one or the other")
        transpose = [2 - _AXES[letter] for letter in self.axes or "LPS"]
        note = (
            "Its CropForegroundd is not imitated: the whole scan is looked at, so that windows lie elsewhere than in "
            "MONAI and answers may differ by a little"
        )
        return Preparation(
            orientation="".join(sorted(self.axes, key=lambda letter: _AXES[letter])),
            transpose=(transpose[0], transpose[1], transpose[2]),
            spacing_mm=self.spacing,
            order=self.order,
            steps="normalise, resample" if self.before else "resample, normalise",
            normalisation=tuple(self.before or self.after or [{"kind": "none"}]),
            notes=(note,) if self.cropped else (),
        )

    def _turn(self, transform: Component) -> None:
        require_only(transform, "axcodes", as_they_are={"labels": None, "as_closest_canonical": False})
        axes = transform.argument("axcodes").word()
        if self.spacing is not None:
            raise transform.entry.bad("turns the image after Spacingd, expected it before")
        if len(axes) != 3 or sorted(_AXES.get(letter, -1) for letter in axes) != [0, 1, 2]:
            raise transform.entry.bad(f"has the axcodes {axes[:20]!r}, expected three like RAS")
        self.axes = axes

    def _space(self, transform: Component, key: object) -> None:
        kept = {
            "diagonal": False, "scale_extent": False, "recompute_affine": False, "min_pixdim": None, "max_pixdim": None,
            "padding_mode": "border",
        }  # fmt: skip
        require_only(transform, "pixdim", "mode", "align_corners", as_they_are=kept)
        steps = [one.number() for one in transform.argument("pixdim").items()]
        if self.spacing is not None or len(steps) not in {1, 3} or min(steps) <= 0:
            raise transform.entry.bad(f"has the pixdim {steps}, expected three sizes in mm, once")
        x, y, z = steps if len(steps) == 3 else steps * 3
        self.spacing = (x, y, z)
        modes = transform.argument("mode", "bilinear").items()
        mode = modes[keys_of(transform).index(key) if len(modes) > 1 else 0].plain()
        if isinstance(mode, (list, dict)) or mode not in _ORDERS:
            raise transform.entry.bad(f"interpolates by {mode!r}, expected 'bilinear' or 'nearest'")
        self.order = _ORDERS[mode]

    def _normalise(self, table: dict[str, Any], transform: Component) -> None:
        if self.cropped and table["kind"] in {"standardise", "standardise nonzero", "rescale"}:
            raise transform.entry.bad("measures the image after CropForegroundd, which is not imitated here")
        (self.before if self.spacing is None else self.after).append(table)


def _range(transform: Component) -> dict[str, Any]:
    require_only(transform, "a_min", "a_max", "b_min", "b_max", "clip")
    lower, upper = transform.argument("a_min").number(), transform.argument("a_max").number()
    given = [transform.argument(key) for key in ("b_min", "b_max")]
    clip = transform.argument("clip", default=False).flag()
    if not clip and any(one.plain() is None for one in given):
        low, high = 0.0, 1.0
    else:
        low, high = (one.number() for one in given)
    if not (lower < upper and low < high):
        raise transform.entry.bad(f"scales {lower:g} … {upper:g} to {low:g} … {high:g}, expected rising ranges")
    if clip:
        return {"kind": "range", "lower": lower, "upper": upper, "low": low, "high": high}
    sd = (upper - lower) / (high - low)
    return {"kind": "linear", "mean": lower - low * sd, "sd": sd}


def _standardise(transform: Component) -> dict[str, Any]:
    require_only(transform, "subtrahend", "divisor", "nonzero")
    fixed = [transform.argument(key) for key in ("subtrahend", "divisor")]
    nonzero = transform.argument("nonzero", default=False).flag()
    if all(one.plain() is None for one in fixed):
        return {"kind": "standardise nonzero" if nonzero else "standardise"}
    if nonzero or any(one.plain() is None for one in fixed):
        raise transform.entry.bad("has a subtrahend or a divisor, expected both and nonzero false, or neither")
    mean, sd = (one.items()[0].number() for one in fixed)
    return {"kind": "linear", "mean": mean, "sd": sd or 1.0}


def _rescale(transform: Component) -> dict[str, Any]:
    require_only(transform, "minv", "maxv", "factor")
    ends = [transform.argument("minv", 0.0), transform.argument("maxv", 1.0)]
    if any(one.plain() is None for one in ends):
        raise transform.entry.bad("scales by a factor, expected minv and maxv")
    low, high = (one.number() for one in ends)
    return {"kind": "rescale", "low": low, "high": high}


_INTENSITIES: Mapping[str, Callable[[Component], dict[str, Any]]] = {
    "ScaleIntensityRange": _range,
    "NormalizeIntensity": _standardise,
    "ScaleIntensity": _rescale,
}


def read_windows(inferer: Entry) -> dict[str, Any]:
    """The table of a `spec.toml` for a SlidingWindowInferer; raises as `read_preparation`."""
    component = inferer.component()
    if component.name("monai.inferers") not in {"SlidingWindowInferer", "SlidingWindowInfererAdapt"}:
        raise inferer.bad(f"is a {component.target!r}, expected a SlidingWindowInferer")
    require_only(component, *_WINDOWS_NO_MATTER, as_they_are=_WINDOWS_AS_THEY_ARE)
    patch = [one.whole() for one in component.argument("roi_size").items()]
    overlaps = {one.number() for one in component.argument("overlap", 0.25).items()}
    mode, padding = component.argument("mode", "constant").word(), component.argument("padding_mode", "constant").word()
    if len(patch) not in {1, 3} or min(patch) <= 0 or len(overlaps) != 1:
        raise inferer.bad(
            f"has the roi_size {patch} and the overlap {sorted(overlaps)}, expected three sizes, one share"
        )
    if mode not in {"constant", "gaussian"} or padding not in _PADDINGS:
        raise inferer.bad(
            f"has mode {mode!r} and padding_mode {padding!r}, expected constant or gaussian, or replicate"
        )
    return {
        "patch": patch if len(patch) == 3 else patch * 3,
        "overlap": overlaps.pop(),
        "placement": "strided",
        "gaussian": mode == "gaussian",
        "mirror_axes": [],
        "padding": _PADDINGS[padding],
    }


def require_only(component: Component, *known: str, as_they_are: Mapping[str, Any] = {}) -> None:
    """Refuse arguments that are not known, and those that are not as they are by default; reason BAD_BUNDLE."""
    component.require_only((*known, *as_they_are, *_NO_MATTER))
    for key, default in as_they_are.items():
        given = component.argument(key, default)
        value = given.plain()
        if value != default:
            raise given.bad(f"is {value!r}, expected {default!r}")
