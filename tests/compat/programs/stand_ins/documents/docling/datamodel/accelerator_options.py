"""Where models run."""

from dataclasses import dataclass
from enum import Enum


class AcceleratorDevice(Enum):
    """A device."""

    CPU = "cpu"


@dataclass
class AcceleratorOptions:
    """Options of a device."""

    device: AcceleratorDevice
