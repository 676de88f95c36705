"""What the paper says, to stand beside what was measured here: claims of the paper, never results of leadline."""

from __future__ import annotations

PAPER = "Monocular Depth Estimation: a Transfer Learning approach (F. Renis)"

PARAMETERS = {"yolov8n": 2_142_192}
"""Of Table 1, by encoder."""

FILE_MB = {"yolov8n": 20}
"""Size of the file, Table 1."""

OVERFITTING_MINUTES = {"yolov8n": 50, "densenet169": 80}
"""Of the overfitting runs, for the same iterations on the paper's machine."""

WHY_PARAMETERS_DIFFER = (
    "The paper's 2,142,192 parameters are near those of the whole network; the encoder alone has 1,272,656. Its 20 MB "
    "are more than the weights in 32 bits: a checkpoint that holds the optimiser's state beside them is of that kind."
)
