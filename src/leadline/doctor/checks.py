"""Every check by name. A new one is a file with its facts, `measure` and `find`, and a line here."""

from __future__ import annotations

from leadline.doctor import cameras, extent, holes, images, leakage, noise, planes, rays, reading, registration, units
from leadline.doctor.findings import Check

CHECKS: dict[str, Check] = {
    "reading": reading.CHECK,
    "units": units.CHECK,
    "planes": planes.CHECK,
    "rays": rays.CHECK,
    "extent": extent.CHECK,
    "holes": holes.CHECK,
    "noise": noise.CHECK,
    "registration": registration.CHECK,
    "leakage": leakage.CHECK,
    "images": images.CHECK,
    "cameras": cameras.CHECK,
}
