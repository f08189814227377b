"""The two networks of nnU-Net v2, with the names that its checkpoints give their tensors.

Only what inference needs: no deep supervision, no dropout. Checkpoints hold every tensor of a block twice
(`conv`, `all_modules.0`) and the encoder a second time under `decoder.encoder`; here each is held once.

Reference: Isensee et al., Nature Methods 18, 203-211, 2021; `dynamic_network_architectures` 0.4.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

Steps = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnetPlan:
    """What a U-Net is built from; one entry per stage, the decoder one fewer.

    Args:
        residual: Residual blocks in the encoder, behind a stem (ResidualEncoderUNet).
        channels_in: Of the input.
        channels_out: Of the answer.
        features: Channels of each stage.
        kernels: Of each stage's convolutions.
        strides: With which each stage begins.
        blocks: Convolutions, or residual blocks, of each stage.
        decoder_convs: Of each of the decoder's stages, lowest resolution first.
        conv_bias: Convolutions have a bias.
        batch_norm: Batch instead of instance normalisation.
        norm_eps: Of the normalisation.
        norm_affine: It has weights.
        negative_slope: Of the leaky ReLU; 0 for a ReLU.
        nonlin_first: Convolution, nonlinearity, normalisation instead of normalisation before nonlinearity.
        stem_channels: Of the stem, 0 for as many as the first stage has.
    """

    residual: bool
    channels_in: int
    channels_out: int
    features: tuple[int, ...]
    kernels: tuple[Steps, ...]
    strides: tuple[Steps, ...]
    blocks: tuple[int, ...]
    decoder_convs: tuple[int, ...]
    conv_bias: bool = True
    batch_norm: bool = False
    norm_eps: float = 1e-5
    norm_affine: bool = True
    negative_slope: float = 0.01
    nonlin_first: bool = False
    stem_channels: int = 0


class UNet(nn.Module):
    """PlainConvUNet or ResidualEncoderUNet; (n, channels_in, a, b, c) to (n, channels_out, a, b, c) logits."""

    def __init__(self, plan: UnetPlan) -> None:
        super().__init__()
        self.encoder = _Encoder(plan)
        self.decoder = _Decoder(plan)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of every voxel."""
        skips = self.encoder(x)
        logits: torch.Tensor = self.decoder(skips)
        return logits


class _Encoder(nn.Module):
    def __init__(self, plan: UnetPlan) -> None:
        super().__init__()
        channels = plan.channels_in
        self.stem: nn.Module = nn.Identity()
        if plan.residual:
            stem_channels = plan.stem_channels or plan.features[0]
            self.stem = _Convs(plan, channels, stem_channels, plan.kernels[0], (1, 1, 1), count=1)
            channels = stem_channels
        stages: list[nn.Module] = []
        for features, kernel, stride, count in zip(plan.features, plan.kernels, plan.strides, plan.blocks, strict=True):
            if plan.residual:
                stages.append(_ResidualBlocks(plan, channels, features, kernel, stride, count=count))
            else:
                stages.append(nn.Sequential(_Convs(plan, channels, features, kernel, stride, count=count)))
            channels = features
        self.stages = nn.Sequential(*stages)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = self.stem(x)
        skips: list[torch.Tensor] = []
        for stage in self.stages:
            x = stage(x)
            skips.append(x)
        return skips


class _Decoder(nn.Module):
    def __init__(self, plan: UnetPlan) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        upward: list[nn.Module] = []
        heads: list[nn.Module] = []
        for depth in range(len(plan.features) - 1, 0, -1):
            below, beside, stride = plan.features[depth], plan.features[depth - 1], plan.strides[depth]
            upward.append(nn.ConvTranspose3d(below, beside, stride, stride, bias=plan.conv_bias))
            count = plan.decoder_convs[len(plan.features) - 1 - depth]
            stages.append(_Convs(plan, 2 * beside, beside, plan.kernels[depth - 1], (1, 1, 1), count=count))
            heads.append(nn.Conv3d(beside, plan.channels_out, 1, bias=True))
        self.stages = nn.ModuleList(stages)
        self.transpconvs = nn.ModuleList(upward)
        self.seg_layers = nn.ModuleList([nn.Identity()] * (len(heads) - 1) + heads[-1:])

    def forward(self, skips: Sequence[torch.Tensor]) -> torch.Tensor:
        x = skips[-1]
        for depth, (up, stage) in enumerate(zip(self.transpconvs, self.stages, strict=True)):
            x = stage(torch.cat((up(x), skips[-(depth + 2)]), dim=1))
        logits: torch.Tensor = self.seg_layers[-1](x)
        return logits


class _Convs(nn.Module):
    """Convolutions one after the other; the first has the stride."""

    def __init__(self, plan: UnetPlan, before: int, after: int, kernel: Steps, stride: Steps, *, count: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            *(
                _Conv(plan, before if n == 0 else after, after, kernel, stride if n == 0 else (1, 1, 1))
                for n in range(count)
            )
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.convs(x)
        return answer


class _Conv(nn.Module):
    """Convolution, normalisation, nonlinearity; the latter only where `acts`."""

    def __init__(
        self,
        plan: UnetPlan,
        before: int,
        after: int,
        kernel: Steps,
        stride: Steps,
        *,
        acts: bool = True,
        bias: bool | None = None,
    ) -> None:
        super().__init__()
        padding = ((kernel[0] - 1) // 2, (kernel[1] - 1) // 2, (kernel[2] - 1) // 2)
        self.conv = nn.Conv3d(before, after, kernel, stride, padding, bias=plan.conv_bias if bias is None else bias)
        kind = nn.BatchNorm3d if plan.batch_norm else nn.InstanceNorm3d
        self.norm = kind(after, eps=plan.norm_eps, affine=plan.norm_affine)
        self._act = _nonlinearity(plan) if acts else nn.Identity()
        self._act_first = plan.nonlin_first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        answer: torch.Tensor = self.norm(self._act(x)) if self._act_first else self._act(self.norm(x))
        return answer


class _ResidualBlocks(nn.Module):
    def __init__(self, plan: UnetPlan, before: int, after: int, kernel: Steps, stride: Steps, *, count: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(
                _ResidualBlock(plan, before if n == 0 else after, after, kernel, stride if n == 0 else (1, 1, 1))
                for n in range(count)
            )
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.blocks(x)
        return answer


class _ResidualBlock(nn.Module):
    """Two convolutions and a way past them, pooled and projected where shapes differ (ResNet-D, arXiv:1812.01187)."""

    def __init__(self, plan: UnetPlan, before: int, after: int, kernel: Steps, stride: Steps) -> None:
        super().__init__()
        self.conv1 = _Conv(plan, before, after, kernel, stride)
        self.conv2 = _Conv(plan, after, after, kernel, (1, 1, 1), acts=False)
        past: list[nn.Module] = []
        if any(step != 1 for step in stride):
            past.append(nn.AvgPool3d(stride, stride))
        if before != after:
            past.append(_Conv(plan, before, after, (1, 1, 1), (1, 1, 1), acts=False, bias=False))
        self.skip = nn.Sequential(*past)
        self._act = _nonlinearity(plan)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self._act(self.conv2(self.conv1(x)) + self.skip(x))
        return answer


def _nonlinearity(plan: UnetPlan) -> nn.Module:
    return nn.LeakyReLU(plan.negative_slope, inplace=True) if plan.negative_slope else nn.ReLU(inplace=True)
