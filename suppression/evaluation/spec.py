"""What a recipe's `probe` table may say: the settings that all probes share, and those of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.fields import FieldInfo

Setting = tuple[Any, Any]  # annotation, default


class Strict(BaseModel):
    """A form that a TOML file fills in; a key that it does not have is a fault.

    So is a value of another type, and a letter that no page can show.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    @field_validator("*", mode="after")
    @classmethod
    def is_text(cls, value: Any) -> Any:
        if isinstance(value, str) and any(ord(c) < 32 and c not in "\n\t\r" for c in value):
            raise ValueError("holds a control character")
        return value


class ProbeSettings(Strict):
    """What a trained network is asked: the form of a recipe's `probe` table.

    The settings of each probe join these four when it joins `PROBES`. A setting that is None asks
    nothing, and leaves the names of stored answers as they are.

    Args:
        train: Scenes that readouts are fitted on; 1 or more.
        test: Held-out scenes that they are tested with; 1 or more.
        layers: Layers that are probed: those of the encoder, and z, the projection head's output.
        features: Features that are asked for; all if None.
    """

    train: int = Field(2000, ge=1)
    test: int = Field(1000, ge=1)
    layers: list[str] = ["h"]
    features: list[str] | None = None

    if TYPE_CHECKING:  # the settings of the probes, which no type checker can know

        def __init__(self, **given: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...


SHARED = tuple(ProbeSettings.model_fields)  # read before any probe adds its own


def add_settings(settings: Mapping[str, Setting]) -> None:
    """Let the form have these settings, too, and every form that the form is part of."""
    for name, (annotation, default) in settings.items():
        field = FieldInfo.from_annotated_attribute(annotation, default)
        ProbeSettings.model_fields[name] = field
    rebuild()


def drop_settings(names: list[str]) -> None:
    """Take these settings out of the form."""
    for name in names:
        del ProbeSettings.model_fields[name]
    rebuild()


def rebuild() -> None:
    ProbeSettings.model_rebuild(force=True)
    for form in Strict.__subclasses__():
        form.model_rebuild(force=True)
