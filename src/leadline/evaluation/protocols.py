"""The protocols by name. A new one is an entry here."""

from __future__ import annotations

from dataclasses import replace

from leadline.errors import UsageError, did_you_mean
from leadline.evaluation.align import ALIGNMENTS
from leadline.evaluation.protocol import CentreCrop, Protocol, Window

PLAIN = Protocol(
    name="plain",
    version=1,
    about="all pixels that were measured, each room counting the same: for one's own data",
    average="rooms",
)
_DENSEDEPTH = Protocol(
    name="densedepth-paper",
    version=1,
    about="DenseDepth (Alhashim & Wonka, 2018): the paper's numbers on the 654 test images of NYU Depth v2",
    window=Window(rows=(20, 460), columns=(24, 616)),
    flip_average=True,
    clip_m=(0.1, 10.0),
)
_EIGEN = Protocol(
    name="eigen",
    version=1,
    about="Eigen's crop as in BTS, AdaBins and ZoeDepth, on the raw measurements of NYU Depth v2",
    truth="raw",
    truth_range_m=(1e-3, 10.0),
    window=Window(rows=(45, 471), columns=(41, 601)),
    clip_m=(1e-3, 10.0),
    mends_nan=True,
)
_FASTDEPTH = Protocol(
    name="fastdepth",
    version=1,
    about="FastDepth (Wofk et al., 2019): its validation transform; the prediction for the whole picture goes through "
    "the same steps. Its mask, (target > 0) + (output > 0), lets zeros of the truth pass: rel is then infinite",
    window=CentreCrop(height=250, crop=(228, 304), size=(224, 224)),
    zeros_pass=True,
)
_ALIGNED = Protocol(
    name="median-aligned",
    version=1,
    about="one scale a frame, the ratio of the medians (Zhou et al., 2017): for models without metric scale",
    align="median",
    clip_m=(1e-3, 100.0),
)

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        PLAIN,
        _DENSEDEPTH,
        replace(
            _DENSEDEPTH,
            name="densedepth-head",
            about="DenseDepth's repository as it is: its script swaps truth and prediction and pools all pixels",
            average="pooled",
            rel_over="prediction",
        ),
        _EIGEN,
        replace(_EIGEN, name="eigen-flip", flip_average=True),
        _FASTDEPTH,
        replace(
            _FASTDEPTH,
            name="fastdepth-fixed",
            about="FastDepth's transform, on measured pixels only",
            zeros_pass=False,
        ),
        _ALIGNED,
        *(
            replace(
                _ALIGNED,
                name=align.replace("lstsq", "lstsq-aligned"),
                about="scale and shift by least squares, frame by frame (Ranftl et al., 2020)",
                align=align,
            )
            for align in ALIGNMENTS
            if align != "median"
        ),
        Protocol(
            name="kitti-eigen",
            version=1,
            about="KITTI, Eigen split, Garg's crop (Garg et al., 2016), 80 m",
            truth="raw",
            truth_range_m=(1e-3, 80.0),
            window=Window(rows=(0.40810811, 0.99189189), columns=(0.03594771, 0.96405229), of=(1, 1)),
            clip_m=(1e-3, 80.0),
            mends_nan=True,
        ),
    )
}


def find_protocol(name: str) -> Protocol:
    """A protocol by name.

    Raises:
        UsageError: unknown; names the nearest.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"no protocol is called {name!r}; {did_you_mean(name, PROTOCOLS)}")
    return PROTOCOLS[name]
